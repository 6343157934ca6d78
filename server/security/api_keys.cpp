#include "server/security/api_keys.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/sha256.h"
#include "base/trimmed.h"
#include "server/security/key_file.h"

namespace sightline::security {
namespace {

constexpr std::size_t k_shortest_key = 8;

bool begins_with_word(std::string_view text, std::string_view word) {
  return text.size() > word.size() && text[word.size()] == ' ' &&
         std::equal(word.begin(), word.end(), text.begin(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return difference == 0;
}

}  // namespace

Result<ApiKeys> ApiKeys::read(const std::filesystem::path& file) {
  auto text = read_key_file("API key file", file);
  if (!text) return text.error();
  std::istringstream in(*std::move(text));
  ApiKeys keys;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string_view key = trimmed(line, " \t\r");
    if (key.empty() || key.front() == '#') continue;
    const bool plain =
        std::all_of(key.begin(), key.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
    if (key.size() < k_shortest_key || !plain) {
      return Error{ErrorCode::invalid_argument,
                   file.string() + " line " + std::to_string(number) +
                       ": a key must have at least 8 printable ASCII characters, without spaces"};
    }
    keys.digests_.push_back(sha256_hex(key));
  }
  if (keys.digests_.empty()) {
    return Error{ErrorCode::invalid_argument, file.string() + " contains no key: write one per line"};
  }
  return keys;
}

bool ApiKeys::admit(std::string_view authorization) const {
  std::string_view key;
  for (const std::string_view scheme : {"Bearer", "ApiKey"}) {
    if (begins_with_word(authorization, scheme)) key = trimmed(authorization.substr(scheme.size()), " \t\r");
  }
  return has(key);
}

bool ApiKeys::has(std::string_view key) const {
  if (key.empty()) return false;
  const std::string digest = sha256_hex(key);
  bool found = false;
  for (const std::string& known : digests_) found |= equal_in_constant_time(known, digest);
  return found;
}

}  // namespace sightline::security
