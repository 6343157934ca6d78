#include "base/secret_mask.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/base64.h"

namespace sightline {
namespace {

constexpr std::string_view k_mask = "[hidden]";
constexpr std::size_t k_shortest_secret = 3;
/// Shorter pieces of base64 occur in texts by chance.
constexpr std::size_t k_shortest_base64 = 6;

void add(std::vector<std::string>& forms, std::string form) {
  if (!form.empty()) forms.push_back(std::move(form));
}

/// As JSON writes it: with or without `\/`, control characters by letter or by number.
std::string in_json(std::string_view secret, bool escape_slash, bool letters) {
  std::string text;
  for (const char c : secret) {
    const std::string_view special = "\b\f\n\r\t";
    const std::size_t letter = special.find(c);
    if (c == '"' || c == '\\' || (c == '/' && escape_slash)) {
      (text += '\\') += c;
    } else if (letters && letter != special.npos) {
      (text += '\\') += "bfnrt"[letter];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      text += code;
    } else {
      text += c;
    }
  }
  return text;
}

/// Percent-encoded; `kept`: characters besides letters and digits that are not encoded.
std::string in_url(std::string_view secret, std::string_view kept, const char* format, bool blank_as_plus) {
  std::string text;
  for (const char c : secret) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte)) || kept.find(c) != kept.npos) {
      text += c;
    } else if (c == ' ' && blank_as_plus) {
      text += '+';
    } else {
      char code[4];
      std::snprintf(code, sizeof code, format, byte);
      text += code;
    }
  }
  return text;
}

/// The base64 characters that depend only on the secret, with `before` other bytes before it.
std::string in_base64(std::string_view secret, std::size_t before) {
  const std::size_t bytes = before + secret.size();
  const std::string whole = base64_encode(std::string(before, '\0') + std::string(secret));
  const std::size_t begin = (before * 8 + 5) / 6, end = bytes * 8 / 6;
  return begin < end ? whole.substr(begin, end - begin) : std::string();
}

void add_forms_of(std::string_view secret, std::vector<std::string>& forms) {
  add(forms, std::string(secret));
  for (const bool slash : {false, true}) {
    for (const bool letters : {false, true}) add(forms, in_json(secret, slash, letters));
  }
  // RFC 3986, encodeURIComponent, encodeURI, forms.
  for (const std::string_view kept : {"-._~", "-_.!~*'()", "-_.!~*'();,/?:@&=+$#", "-_.*"}) {
    for (const char* format : {"%%%02X", "%%%02x"}) {
      for (const bool plus : {false, true}) add(forms, in_url(secret, kept, format, plus));
    }
  }
  for (std::size_t before = 0; before < 3; ++before) {
    std::string form = in_base64(secret, before);
    if (form.size() < k_shortest_base64) continue;
    add(forms, form);
    std::replace(form.begin(), form.end(), '+', '-');
    std::replace(form.begin(), form.end(), '/', '_');
    add(forms, std::move(form));
  }
}

/// Begin and end of a piece of a text.
using Piece = std::pair<std::size_t, std::size_t>;

void find_all(std::string_view text, std::string_view form, std::vector<Piece>& found) {
  std::size_t at = 0;
  // memmem's time is linear; that of std::string_view::find is not, for texts made for it.
  while (const void* const hit = ::memmem(text.data() + at, text.size() - at, form.data(), form.size())) {
    const auto begin = static_cast<std::size_t>(static_cast<const char*>(hit) - text.data());
    at = begin + form.size();
    found.emplace_back(begin, at);
  }
}

}  // namespace

SecretMask::SecretMask(const std::vector<std::string_view>& secrets) {
  for (const std::string_view secret : secrets) {
    if (secret.size() >= k_shortest_secret) add_forms_of(secret, forms_);
  }
  std::sort(forms_.begin(), forms_.end());
  forms_.erase(std::unique(forms_.begin(), forms_.end()), forms_.end());
  for (const std::string& form : forms_) longest_ = std::max(longest_, form.size());
}

std::string SecretMask::masked(std::string_view text, std::size_t max_bytes) const {
  const std::size_t end = std::min(text.size(), max_bytes);
  const std::string_view seen = text.substr(0, end + std::min(longest_, text.size() - end));
  std::vector<Piece> hidden;
  for (const std::string& form : forms_) find_all(seen, form, hidden);
  std::sort(hidden.begin(), hidden.end());
  std::string shown;
  std::size_t at = 0;  // what is before it is shown or masked
  for (const auto& [begin, behind] : hidden) {
    if (begin >= end) break;
    if (at > 0 && begin < at) {
      at = std::max(at, behind);
      continue;
    }
    shown.append(seen, at, begin - at).append(k_mask);
    at = behind;
  }
  if (at < end) shown.append(seen, at, end - at);
  return shown;
}

std::string without_secret(std::string_view text, std::string_view secret, std::size_t max_bytes) {
  return SecretMask({secret}).masked(text, max_bytes);
}

}  // namespace sightline
