#include "base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sightline {
namespace {

constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t k_invalid = 0xFF, k_skipped = 0xFE;

/// The six bits of each character, or k_invalid or k_skipped.
using Values = std::array<std::uint8_t, 256>;

constexpr Values make_values(std::string_view skipped, bool url_safe_too) {
  Values values{};
  values.fill(k_invalid);
  for (std::size_t i = 0; i < k_alphabet.size(); ++i) values[static_cast<std::uint8_t>(k_alphabet[i])] = i;
  for (const char c : skipped) values[static_cast<std::uint8_t>(c)] = k_skipped;
  if (url_safe_too) {
    values['-'] = values['+'];
    values['_'] = values['/'];
  }
  return values;
}
constexpr Values k_strict = make_values("\r\n", false), k_lenient = make_values(" \t\r\n\f", true);

Error bad_character(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const std::string shown =
      byte >= 0x20 && byte < 0x7F ? std::string("'") + text[at] + "'" : "byte " + std::to_string(byte);
  return {ErrorCode::invalid_argument, "not base64: " + shown + " at offset " + std::to_string(at)};
}

Result<std::string> decode(std::string_view text, const Values& values) {
  const auto value_of = [&values](char c) { return values[static_cast<std::uint8_t>(c)]; };
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t group = 0;
  int filled = 0;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    // Whole groups of four, the common case, without a branch per character.
    while (filled == 0 && i + 4 <= text.size()) {
      const std::uint8_t a = value_of(text[i]), b = value_of(text[i + 1]);
      const std::uint8_t c = value_of(text[i + 2]), d = value_of(text[i + 3]);
      if ((a | b | c | d) > 63) break;
      const std::uint32_t word = (std::uint32_t{a} << 18) | (std::uint32_t{b} << 12) | (std::uint32_t{c} << 6) | d;
      out.push_back(static_cast<char>(word >> 16));
      out.push_back(static_cast<char>(word >> 8));
      out.push_back(static_cast<char>(word));
      i += 4;
    }
    if (i >= text.size() || text[i] == '=') break;
    const std::uint8_t value = value_of(text[i]);
    if (value == k_skipped) continue;
    if (value == k_invalid) return bad_character(text, i);
    group = (group << 6) | value;
    if (++filled == 4) {
      out.push_back(static_cast<char>(group >> 16));
      out.push_back(static_cast<char>(group >> 8));
      out.push_back(static_cast<char>(group));
      group = 0;
      filled = 0;
    }
  }
  int padding = 0;
  for (; i < text.size(); ++i) {
    if (value_of(text[i]) == k_skipped) continue;
    if (text[i] != '=' || ++padding > 2) return bad_character(text, i);
  }
  if (filled == 1 || (padding > 0 && filled + padding != 4)) {
    return Error{ErrorCode::invalid_argument,
                 "not base64: the last group of the " + std::to_string(text.size()) + " characters is incomplete"};
  }
  if (filled == 2) out.push_back(static_cast<char>(group >> 4));
  if (filled == 3) {
    out.push_back(static_cast<char>(group >> 10));
    out.push_back(static_cast<char>(group >> 2));
  }
  return out;
}

/// True if spaces replaced `+`: there is no `+`, and there are spaces that do not end lines of equal
/// length.
bool has_lost_its_plus(std::string_view text) {
  constexpr std::size_t k_enough_to_tell = 64;  // every 64th character of a picture is a plus
  if (text.size() < k_enough_to_tell || text.find_first_of("+-") != std::string_view::npos) return false;
  const auto is_digit = [&](std::size_t at) { return k_lenient[static_cast<std::uint8_t>(text[at])] < 64; };
  std::size_t line_bytes = 0, line_end = 0;
  for (std::size_t at = text.find(' '); at != std::string_view::npos; at = text.find(' ', at + 1)) {
    const bool inside = at > 0 && at + 1 < text.size() && is_digit(at - 1) && is_digit(at + 1);
    if (!inside) continue;
    if (line_bytes == 0) line_end = at, line_bytes = at + 1;
    if (at != line_end) return true;
    line_end += line_bytes;
  }
  return line_bytes > 0 && line_end < text.size();
}

}  // namespace

Result<std::string> base64_decode(std::string_view text) {
  return decode(text, k_strict);
}

Result<std::string> base64_decode_leniently(std::string_view text) {
  if (has_lost_its_plus(text)) {
    return Error{ErrorCode::invalid_argument, "not base64: whitespace, at offset " + std::to_string(text.find(' ')) +
                                                  ", where + was: write + as %2B in a form or a query string"};
  }
  return decode(text, k_lenient);
}

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = (word << 8) | (k < count ? static_cast<std::uint8_t>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) out.push_back(k <= count ? k_alphabet[(word >> (18 - 6 * k)) & 63] : '=');
  }
  return out;
}

std::string base64_encode(std::span<const std::byte> bytes) {
  return base64_encode(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace sightline
