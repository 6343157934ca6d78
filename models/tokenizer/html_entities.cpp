#include "models/tokenizer/html_entities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/json/utf8.h"
#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

constexpr std::string_view k_table =
#include "models/tokenizer/html_entities.inc"
    ;

using Entities = std::unordered_map<std::string_view, std::string>;

std::string text_of(std::string_view code_points) {
  std::string text;
  while (!code_points.empty()) {
    const std::size_t end = std::min(code_points.find(','), code_points.size());
    std::uint32_t c = 0;
    std::from_chars(code_points.data(), code_points.data() + end, c, 16);
    json::append_utf8(text, c);
    code_points.remove_prefix(std::min(end + 1, code_points.size()));
  }
  return text;
}

/// Names without ";" that are references only with it are under the name with ";".
const Entities& entities() {
  static const Entities all = [] {
    Entities made;
    for (std::string_view rest = k_table; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find(' '));
      rest.remove_prefix(entry.size() + 1);
      const std::size_t equals = entry.find('=');
      made.emplace(entry.substr(0, equals), text_of(entry.substr(equals + 1)));
    }
    return made;
  }();
  return all;
}

/// The text of NAME, which may end with ";"; null: there is no such reference.
const std::string* find_entity(std::string_view name) {
  const auto found = entities().find(name);
  if (found != entities().end()) return &found->second;
  if (!name.ends_with(';')) return nullptr;
  const auto with_both = entities().find(name.substr(0, name.size() - 1));
  return with_both == entities().end() ? nullptr : &with_both->second;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// What HTML makes of the numbers 128 to 159: the characters of Windows-1252, or the control character.
constexpr std::array<std::uint16_t, 32> k_windows_1252{0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                                       0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

/// Control characters and others that HTML drops.
bool is_dropped(std::uint32_t c) {
  return (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || (c >= 0x7F && c <= 0x9F) ||
         (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

std::string text_of_number(std::uint32_t c) {
  std::string text;
  if (c >= 0x80 && c <= 0x9F) {
    json::append_utf8(text, k_windows_1252[c - 0x80]);
  } else if (c == 0 || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF) {
    json::append_utf8(text, 0xFFFD);
  } else if (!is_dropped(c)) {
    json::append_utf8(text, c);
  }
  return text;
}

/// A reference at the beginning of a text.
struct Reference {
  std::size_t length = 0;  ///< of the reference with "&" and ";"
  std::string text;        ///< its replacement
};

/// "&#123;" or "&#x1F;", perhaps without ";".
std::optional<Reference> numeric_reference(std::string_view text) {
  if (!text.starts_with("&#")) return std::nullopt;
  const bool hexadecimal = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  const std::size_t begin = hexadecimal ? 3 : 2;
  std::size_t end = begin;
  while (end < text.size() && (hexadecimal ? is_hex(text[end]) : is_digit(text[end]))) ++end;
  if (end == begin) return std::nullopt;
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(text.data() + begin, text.data() + end, number, hexadecimal ? 16 : 10);
  if (parsed.ec != std::errc()) number = 0xFFFFFFFF;  // too large
  const bool has_end = end < text.size() && text[end] == ';';
  return Reference{end + (has_end ? 1 : 0), text_of_number(number)};
}

/// The end of up to 32 code points that may be in a name, and of a ";" after them.
std::size_t name_end(std::string_view text) {
  constexpr int k_max_name = 32;
  std::size_t end = 1;
  for (int i = 0; i < k_max_name && end < text.size(); ++i) {
    if (std::string_view("\t\n\f <&#;").find(text[end]) != std::string_view::npos) break;
    next_code_point(text, end);
  }
  return end > 1 && end < text.size() && text[end] == ';' ? end + 1 : end;
}

/// A name, or the longest name that it begins with.
std::optional<Reference> named_reference(std::string_view text) {
  const std::string_view name = text.substr(1, name_end(text) - 1);
  if (const std::string* found = find_entity(name)) return Reference{name.size() + 1, *found};
  for (std::size_t length = name.empty() ? 0 : name.size() - 1; length > 1; --length) {
    if (const std::string* found = find_entity(name.substr(0, length))) return Reference{length + 1, *found};
  }
  return std::nullopt;
}

std::optional<Reference> any_reference(std::string_view text) {
  std::optional<Reference> found = numeric_reference(text);
  return found ? found : named_reference(text);
}

/// "&NAME;" of at most 24 letters and digits.
std::optional<Reference> complete_reference(std::string_view text) {
  constexpr std::size_t k_max_name = 24;
  const std::size_t begin = text.starts_with("&#") ? 2 : 1;
  std::size_t end = begin;
  while (end < text.size() && end - begin <= k_max_name && is_alphanumeric(text[end])) ++end;
  if (end == begin || end - begin > k_max_name || end == text.size() || text[end] != ';') return std::nullopt;
  const std::string_view whole = text.substr(0, end + 1), name = whole.substr(1);
  if (begin == 2) {
    std::optional<Reference> number = numeric_reference(whole);
    const bool is_whole = number && number->length == whole.size() && number->text != ";";
    return is_whole ? number : std::nullopt;
  }
  if (const std::string* found = find_entity(name)) return Reference{whole.size(), *found};
  std::string lower(name), upper(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c; });
  std::transform(lower.begin(), lower.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c; });
  const std::string* found = upper == name ? find_entity(lower) : nullptr;
  if (found == nullptr || named_reference(whole)) return std::nullopt;
  return Reference{whole.size(), to_upper(*found)};
}

template <class Find>
std::string replace_references(std::string_view text, Find find) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t at = text.find('&');
    out += text.substr(0, at);
    if (at == std::string_view::npos) break;
    text.remove_prefix(at);
    const std::optional<Reference> reference = find(text);
    if (reference) out += reference->text;
    if (!reference) out += '&';
    text.remove_prefix(reference ? reference->length : 1);
  }
  return out;
}

}  // namespace

std::string unescape_html(std::string_view text) {
  return replace_references(text, any_reference);
}

std::string unescape_complete_html(std::string_view text) {
  return replace_references(text, complete_reference);
}

}  // namespace sightline::models
