#include "base/data_url.h"

#include <algorithm>
#include <array>

#include "base/ascii_lower.h"
#include "base/base64.h"
#include "base/file_kind.h"
#include "base/json/reader.h"
#include "base/percent.h"
#include "base/trimmed.h"

namespace sightline {
namespace {

constexpr std::string_view k_scheme = "data:", k_base64 = "base64", k_blanks = " \t\r\n\f\v";
constexpr std::size_t k_npos = std::string_view::npos;

bool is_blank(char c) {
  return k_blanks.find(c) != k_npos;
}

/// Looks at the end alone, so that this may be called for each comma of a text.
std::string_view without_last_blanks(std::string_view text) {
  return text.substr(0, text.find_last_not_of(k_blanks) + 1);  // npos + 1 is 0
}

/// True if `header`, without its scheme, ends in a parameter `base64`.
bool ends_in_base64(std::string_view header) {
  header = without_last_blanks(header);
  if (header.size() < k_base64.size() ||
      !starts_with_any_case(header.substr(header.size() - k_base64.size()), k_base64))
    return false;
  header = without_last_blanks(header.substr(0, header.size() - k_base64.size()));
  return header.empty() || header.back() == ';';
}

/// The offset of the comma that ends a header with `;base64`.
std::size_t comma_after_base64(std::string_view rest) {
  for (std::size_t comma = rest.find(','); comma != k_npos; comma = rest.find(',', comma + 1)) {
    if (ends_in_base64(rest.substr(0, comma))) return comma;
  }
  return k_npos;
}

/// RFC 2045's token characters.
bool is_token_character(char c) {
  constexpr std::string_view k_others = "!#$%&'*+-.^_`{|}~";
  return std::isalnum(static_cast<unsigned char>(c)) || k_others.find(c) != k_npos;
}

std::string_view take_token(std::string_view& rest) {
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_token_character);
  const std::string_view token = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(token.size());
  return token;
}

bool take(std::string_view& rest, char c) {
  if (rest.empty() || rest.front() != c) return false;
  rest.remove_prefix(1);
  return true;
}

/// A quoted string, or all up to the next separator: parameters may hold slashes and the like.
bool take_value(std::string_view& rest) {
  if (take(rest, '"')) {
    while (!rest.empty() && rest.front() != '"') rest.remove_prefix(rest.front() == '\\' && rest.size() > 1 ? 2 : 1);
    return take(rest, '"');
  }
  const auto end =
      std::find_if(rest.begin(), rest.end(), [](char c) { return c == ';' || c == ',' || c == '"' || is_blank(c); });
  rest.remove_prefix(static_cast<std::size_t>(end - rest.begin()));
  return true;
}

/// The types of RFC 2046, types that were registered later, and experimental types.
bool is_type(std::string_view type) {
  constexpr std::array<std::string_view, 11> k_types{"image", "text",    "application", "audio",   "video",  "font",
                                                     "model", "message", "multipart",   "example", "haptics"};
  return starts_with_any_case(type, "x-") || std::any_of(k_types.begin(), k_types.end(), [&](std::string_view known) {
           return type.size() == known.size() && starts_with_any_case(type, known);
         });
}

/// Reads a header of RFC 2397's form. Returns the offset of the comma that ends it; npos if it is not such a header.
std::size_t comma_after_media_type(std::string_view rest, bool& is_base64) {
  const std::string_view whole = rest;
  if (!rest.empty() && rest.front() != ';' && rest.front() != ',') {
    if (!is_type(take_token(rest)) || !take(rest, '/') || take_token(rest).empty()) return k_npos;
  }
  while (take(rest, ';')) {
    const std::string_view name = take_token(rest);
    if (take(rest, '=') && !take_value(rest)) return k_npos;
    is_base64 = is_base64 || (name.size() == k_base64.size() && starts_with_any_case(name, k_base64));
  }
  return !rest.empty() && rest.front() == ',' ? whole.size() - rest.size() : k_npos;
}

/// For a text without a comma: `;base64` in a text without whitespace, or bare base64 of a picture.
bool is_broken_url(std::string_view rest) {
  constexpr std::string_view k_marker = ";base64";
  const bool one_word = std::none_of(rest.begin(), rest.end(), is_blank);
  for (std::size_t at = one_word ? rest.find(';') : k_npos; at != k_npos; at = rest.find(';', at + 1)) {
    if (starts_with_any_case(rest.substr(at), k_marker)) return true;
  }
  return base64_picture_format(rest).has_value();
}

}  // namespace

std::string_view without_outer_blanks(std::string_view text) {
  return trimmed(json::without_byte_order_mark(trimmed(text, k_blanks)), k_blanks);
}

std::optional<DataUrl> read_data_url(std::string_view text) {
  text = without_outer_blanks(text);
  if (!starts_with_any_case(text, k_scheme)) return {};
  const std::string_view rest = text.substr(k_scheme.size());
  const auto split = [&](std::size_t comma, bool is_base64) {
    return DataUrl{text.substr(0, k_scheme.size() + comma), rest.substr(comma + 1), is_base64, true};
  };
  bool is_base64 = false;
  if (const std::size_t comma = comma_after_media_type(rest, is_base64); comma != k_npos && is_base64)
    return split(comma, true);
  if (const std::size_t comma = comma_after_base64(rest); comma != k_npos) return split(comma, true);
  if (const std::size_t comma = comma_after_media_type(rest, is_base64); comma != k_npos) return split(comma, false);
  if (is_broken_url(rest)) return DataUrl{text, {}, false, false};
  return {};
}

Result<std::string> decode_payload(const DataUrl& url) {
  if (!url.has_comma) {
    return Error{ErrorCode::invalid_argument,
                 "it has no comma between header and data: write data:image/jpeg;base64,..."};
  }
  if (!url.is_base64) return percent_decode(url.payload);
  if (url.payload.find('%') == k_npos) return base64_decode_leniently(url.payload);
  return base64_decode_leniently(percent_decode(url.payload));
}

std::string shown_header(const DataUrl& url) {
  constexpr std::size_t k_shown = 80;
  if (url.header.size() <= k_shown) return "[" + std::string(url.header) + "]";
  return "[" + std::string(url.header.substr(0, k_shown)) + "...]";
}

}  // namespace sightline
