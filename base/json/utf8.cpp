#include "base/json/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sightline::json {

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

std::string_view first_bytes(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

std::size_t utf8_sequence(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;  // of the second byte
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // overlong
    if (lead == 0xED) high = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;   // overlong
    if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    std::uint64_t block;
    if (i + sizeof block <= text.size()) {
      std::memcpy(&block, text.data() + i, sizeof block);
      if ((block & 0x8080808080808080u) == 0) {
        i += sizeof block;
        continue;
      }
    }
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = utf8_sequence(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

std::uint16_t lone_surrogate(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
  if (text.size() < k_surrogate_bytes || byte(0) != 0xED || byte(1) < 0xA0 || byte(1) > 0xBF ||
      (byte(2) & 0xC0) != 0x80) {
    return 0;
  }
  return static_cast<std::uint16_t>(0xD000 | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F));
}

void append_valid_utf8(std::string& out, std::string_view text) {
  constexpr std::string_view k_replacement = "\xEF\xBF\xBD";
  while (!text.empty()) {
    const std::size_t good = find_invalid_utf8(text).value_or(text.size());
    out += text.substr(0, good);
    if (good == text.size()) return;
    out += k_replacement;
    text.remove_prefix(good);
    text.remove_prefix(lone_surrogate(text) != 0 ? k_surrogate_bytes : 1);
  }
}

std::string java_utf8(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t lead = std::min(text.find('\xED'), text.size());
    out += text.substr(0, lead);
    text.remove_prefix(lead);
    if (text.empty()) return out;
    const bool lone = lone_surrogate(text) != 0;
    out += lone ? '?' : text.front();
    text.remove_prefix(lone ? k_surrogate_bytes : 1);
  }
}

}  // namespace sightline::json
