#include "base/string_map.h"

#include <array>
#include <openssl/rand.h>
#include <random>

// Compiled into this file.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sightline {
namespace {

using Secret = std::array<unsigned char, XXH3_SECRET_DEFAULT_SIZE>;

Secret random_secret() {
  Secret secret{};
  if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) == 1) return secret;
  std::random_device device;  // throws if there are no random numbers either
  for (unsigned char& byte : secret) byte = static_cast<unsigned char>(device());
  return secret;
}

}  // namespace

std::size_t StringHash::operator()(std::string_view text) const {
  static const Secret secret = random_secret();
  return XXH3_64bits_withSecret(text.data(), text.size(), secret.data(), secret.size());
}

}  // namespace sightline
