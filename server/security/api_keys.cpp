#include "server/security/api_keys.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>
#include <utility>

#include "base/ascii_lower.h"
#include "base/base64.h"
#include "base/number_text.h"
#include "base/sha256.h"
#include "base/split.h"
#include "base/trimmed.h"
#include "server/security/key_file.h"

namespace sightline::security {
namespace {

constexpr std::size_t k_shortest_key = 8;
constexpr std::string_view k_whitespace = " \t\r";

constexpr std::array k_scopes{Scope::infer, Scope::search, Scope::ingest, Scope::manage, Scope::metrics};

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return difference == 0;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

Error invalid(std::string message) {
  return {ErrorCode::invalid_argument, std::move(message)};
}

Result<Scopes> scopes_from(std::string_view text) {
  Scopes scopes{};
  for (const std::string_view word : split(text, ',')) {
    const auto found = std::find_if(k_scopes.begin(), k_scopes.end(), [&](Scope s) { return word == to_string(s); });
    if (found == k_scopes.end())
      return invalid("unknown scope [" + std::string(word) + "]: use infer, search, ingest, manage, metrics");
    scopes.add(*found);
  }
  if (text.empty()) return invalid("scopes= names none: use infer, search, ingest, manage, metrics");
  return scopes;
}

Result<std::chrono::sys_days> day_from(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0;
  char more = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2u%c", &year, &month, &day, &more) == 3) {
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    if (date.ok()) return std::chrono::sys_days(date);
  }
  return invalid("[" + text + "] must be a day as YYYY-MM-DD");
}

/// The digest of `word`, "sha256:" and 64 hexadecimal digits.
Result<std::string> digest_from(std::string_view word) {
  constexpr std::string_view k_prefix = "sha256:";
  std::string digest = word.starts_with(k_prefix) ? ascii_lower(word.substr(k_prefix.size())) : std::string();
  if (digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos) return digest;
  return invalid("a key must have no spaces, or be written as NAME sha256:DIGEST, as scripts/make_api_key.sh does");
}

/// NAME sha256:DIGEST and what may follow.
Result<ApiKey> named_key(std::string_view line) {
  std::istringstream words{std::string(line)};
  ApiKey key;
  std::string word;
  words >> key.name >> word;
  auto digest = digest_from(word);
  if (!digest) return digest.error();
  key.digest = *std::move(digest);
  while (words >> word) {
    const std::string value = word.substr(std::min(word.size(), word.find('=') + 1));
    if (word.starts_with("scopes=")) {
      const auto scopes = scopes_from(value);
      if (!scopes) return scopes.error();
      key.scopes = *scopes;
    } else if (word.starts_with("expires=")) {
      const auto day = day_from(value);
      if (!day) return day.error();
      key.expires = *day;
    } else if (word.starts_with("rate=")) {
      const auto rate = rate_from(value);
      if (!rate) return invalid("rate=: " + rate.error().message);
      key.rate = *rate;
    } else {
      return invalid("unknown word [" + word + "]: use scopes=..., expires=YYYY-MM-DD and rate=REQUESTS_PER_SECOND");
    }
  }
  return key;
}

Result<ApiKey> key_from(std::string_view line, int number) {
  if (line.find_first_of(k_whitespace) != std::string_view::npos) return named_key(line);
  if (line.starts_with("sha256:")) return invalid("a digest must follow the key's name: NAME sha256:DIGEST");
  if (line.size() < k_shortest_key || !is_printable(line))
    return invalid("a key must have at least 8 printable ASCII characters, without spaces");
  ApiKey key;
  key.name = "line " + std::to_string(number);
  key.digest = sha256_hex(line);
  return key;
}

/// What stands behind the scheme `name`; empty for another scheme.
std::string_view credentials_of(std::string_view authorization, std::string_view name) {
  if (authorization.size() <= name.size() || authorization[name.size()] != ' ' ||
      ascii_lower(authorization.substr(0, name.size())) != name)
    return {};
  return trimmed(authorization.substr(name.size()), k_whitespace);
}

/// What stands behind the first colon of a text in base64; empty if there is none.
std::string secret_part(std::string_view encoded) {
  const auto decoded = base64_decode(encoded);
  if (!decoded) return {};
  const std::string text(decoded->begin(), decoded->end());
  const auto colon = text.find(':');
  return colon == std::string::npos ? std::string() : text.substr(colon + 1);
}

}  // namespace

const char* to_string(Scope scope) {
  switch (scope) {
    case Scope::any:
      return "any";
    case Scope::infer:
      return "infer";
    case Scope::search:
      return "search";
    case Scope::ingest:
      return "ingest";
    case Scope::manage:
      return "manage";
    case Scope::metrics:
      return "metrics";
  }
  return "any";
}

Result<double> rate_from(std::string_view text) {
  const auto rate = number_from<double>(text);
  if (rate && *rate >= k_lowest_rate && *rate <= k_highest_rate) return *rate;
  return invalid("[" + std::string(text.substr(0, 40)) +
                 "] must be a number of requests per second between 0.00001 and 1000000, like 10 or 0.5");
}

Result<ApiKeys> ApiKeys::read(const std::filesystem::path& file) {
  auto text = read_key_file("API key file", file);
  if (!text) return text.error();
  return parse(*text, file.string());
}

Result<ApiKeys> ApiKeys::read_again(const std::filesystem::path& file) {
  auto text = read_key_file("API key file", file);
  if (!text) return text.error();
  return parse_lines(*text, file.string());
}

Result<ApiKeys> ApiKeys::parse(std::string_view text, const std::string& file) {
  auto keys = parse_lines(text, file);
  if (keys && keys->keys_.empty()) return invalid(file + " contains no key: write one per line");
  return keys;
}

Result<ApiKeys> ApiKeys::parse_lines(std::string_view text, const std::string& file) {
  std::istringstream in{std::string(text)};
  ApiKeys keys;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string_view written = trimmed(line, k_whitespace);
    if (written.empty() || written.front() == '#') continue;
    auto key = key_from(written, number);
    const auto at = [&] { return file + " line " + std::to_string(number) + ": "; };
    if (!key) return invalid(at() + key.error().message);
    const bool named_before =
        std::any_of(keys.keys_.begin(), keys.keys_.end(), [&](const ApiKey& other) { return other.name == key->name; });
    if (named_before) return invalid(at() + "the name [" + key->name + "] appears twice");
    keys.keys_.push_back(*std::move(key));
  }
  return keys;
}

const ApiKey* ApiKeys::find(std::string_view text) const {
  if (text.empty()) return nullptr;
  const std::string digest = sha256_hex(text);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys_) {
    if (equal_in_constant_time(key.digest, digest)) found = &key;
  }
  return found;
}

std::vector<std::string> keys_in(std::string_view authorization) {
  std::vector<std::string> keys;
  if (const auto key = credentials_of(authorization, "bearer"); !key.empty()) keys.emplace_back(key);
  if (const auto key = credentials_of(authorization, "apikey"); !key.empty()) {
    keys.emplace_back(key);
    keys.push_back(secret_part(key));
  }
  if (const auto pair = credentials_of(authorization, "basic"); !pair.empty()) keys.push_back(secret_part(pair));
  std::erase(keys, "");
  return keys;
}

}  // namespace sightline::security
