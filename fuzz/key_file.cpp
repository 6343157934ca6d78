// A file of API keys, and the header Authorization, in two parts.
#include "fuzz/target.h"
#include "server/security/address_guard.h"
#include "server/security/api_keys.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto halves = fuzz::halves_of(fuzz::text_of(data, size));
  const auto keys = security::ApiKeys::parse(halves.first, "keys");
  const auto presented = security::keys_in(halves.second);
  for (const std::string& key : presented) {
    fuzz::require(!key.empty(), "an empty text is no key");
    if (keys) keys->find(key);
  }
  if (keys) fuzz::require(keys->size() > 0 && !keys->find(""), "a file of keys has some, and none is empty");
  (void)security::AddressGuard::create({std::string(halves.second)}, 0);
  return 0;
}
