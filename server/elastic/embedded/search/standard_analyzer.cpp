#include "server/elastic/embedded/search/standard_analyzer.h"

#include <algorithm>
#include <array>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include "base/json/utf8.h"

namespace sightline::elastic {
namespace {

/// The class of a character in the word rules of UAX #29: a UWordBreakValues. Format characters and joiners count as
/// U_WB_EXTEND, because they belong to the character before them (rule WB4).
using WordClass = std::uint8_t;

WordClass classify(UChar32 c) {
  const int value = u_getIntPropertyValue(c, UCHAR_WORD_BREAK);
  if (value == U_WB_FORMAT || value == U_WB_ZWJ) return U_WB_EXTEND;
  return static_cast<WordClass>(c >= 0xFF10 && c <= 0xFF19 ? U_WB_NUMERIC : value);  // full-width digits
}

WordClass word_class(UChar32 c) {
  static const std::array<WordClass, 128> ascii = [] {
    std::array<WordClass, 128> table{};
    for (UChar32 i = 0; i < 128; ++i) table[static_cast<std::size_t>(i)] = classify(i);
    return table;
  }();
  return c < 128 ? ascii[static_cast<std::size_t>(c)] : classify(c);
}

bool is_letter(WordClass k) {
  return k == U_WB_ALETTER || k == U_WB_HEBREW_LETTER;
}
bool is_content(WordClass k) {
  return is_letter(k) || k == U_WB_NUMERIC || k == U_WB_KATAKANA;
}

constexpr UChar32 k_joiner = 0x200D, k_text_style = 0xFE0E, k_emoji_style = 0xFE0F, k_keycap = 0x20E3;

bool is_keycap_base(UChar32 c) {
  return (c >= '0' && c <= '9') || c == '#' || c == '*';
}

bool is_emoji(UChar32 c) {
  if (c < 0xA9) return false;
  if (u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC)) return true;
  return u_hasBinaryProperty(c, UCHAR_EMOJI) && !u_hasBinaryProperty(c, UCHAR_REGIONAL_INDICATOR) && c != 0x3030 &&
         c != 0x303D;
}

/// The text as characters.
struct Characters {
  struct Character {
    UChar32 code;
    std::uint32_t utf16;  // offset of its first UTF-16 unit
    std::uint32_t byte;   // and of its first byte
    WordClass kind;
  };
  std::vector<Character> at;
  std::uint32_t utf16_length = 0;

  explicit Characters(std::string_view text) {
    at.reserve(text.size());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto length = static_cast<std::int64_t>(text.size());
    std::int64_t i = 0;
    while (i < length) {
      UChar32 c;
      const auto begin = static_cast<std::uint32_t>(i);
      U8_NEXT_OR_FFFD(bytes, i, length, c);
      at.push_back({c, utf16_length, begin, word_class(c)});
      utf16_length += c > 0xFFFF ? 2 : 1;
    }
  }

  std::size_t size() const { return at.size(); }
  UChar32 code(std::size_t i) const { return i < at.size() ? at[i].code : -1; }
  WordClass kind(std::size_t i) const { return i < at.size() ? at[i].kind : WordClass{U_WB_OTHER}; }
  std::uint32_t offset(std::size_t i) const { return i < at.size() ? at[i].utf16 : utf16_length; }
  /// Skips characters that extend the one before `i`.
  std::size_t past_extend(std::size_t i) const {
    while (i < at.size() && at[i].kind == U_WB_EXTEND) ++i;
    return i;
  }
};

/// The end of one emoji of a sequence (Unicode Technical Standard 51), with its modifiers; `i` if none starts there.
std::size_t emoji_unit(const Characters& text, std::size_t i) {
  if (!is_emoji(text.code(i))) return i;
  ++i;
  while (text.kind(i) == U_WB_EXTEND && text.code(i) != k_text_style && text.code(i) != k_emoji_style) ++i;
  if (text.code(i) == k_emoji_style) ++i;
  while (u_hasBinaryProperty(text.code(i), UCHAR_EMOJI_MODIFIER)) i = text.past_extend(i + 1);
  return i;
}

/// The end of the token that starts at `start`; 0 if there is none of that kind.
std::size_t match_emoji(const Characters& text, std::size_t start) {
  if (text.kind(start) == U_WB_REGIONAL_INDICATOR) {
    const std::size_t second = text.past_extend(start + 1);
    return text.kind(second) == U_WB_REGIONAL_INDICATOR ? text.past_extend(second + 1) : 0;
  }
  if (is_keycap_base(text.code(start))) {
    std::size_t i = start + 1;
    if (text.code(i) == k_emoji_style) ++i;
    return text.code(i) == k_keycap ? text.past_extend(i + 1) : 0;
  }
  std::size_t end = emoji_unit(text, start);
  if (end == start) return 0;
  // A longer token is split anyway.
  while (text.offset(end) - text.offset(start) <= k_max_token_length) {
    const bool joined = text.code(end - 1) == k_joiner;
    const std::size_t next = joined ? end : text.code(end) == k_joiner ? end + 1 : end;
    if (!joined && next == end) break;
    const std::size_t after = emoji_unit(text, next);
    if (after == next) break;
    end = after;
  }
  return end;
}

/// One step of rules WB5 to WB13b: the index after the character that continues the word at `i`, where `last` is the
/// class of the character before; `i` if there is a boundary.
std::size_t next_of_word(const Characters& text, std::size_t i, WordClass last) {
  const WordClass here = text.kind(i);
  const bool after_letter = is_letter(last), after_number = last == U_WB_NUMERIC;
  if (here == U_WB_EXTENDNUMLET) return i + 1;
  if (last == U_WB_EXTENDNUMLET && is_content(here)) return i + 1;
  if ((after_letter || after_number) && (is_letter(here) || here == U_WB_NUMERIC)) return i + 1;
  if (last == U_WB_KATAKANA && here == U_WB_KATAKANA) return i + 1;
  const std::size_t beyond = text.past_extend(i + 1);
  const WordClass there = text.kind(beyond);
  const bool middle_of_letters = here == U_WB_MIDLETTER || here == U_WB_MIDNUMLET || here == U_WB_SINGLE_QUOTE;
  const bool middle_of_numbers = here == U_WB_MIDNUM || here == U_WB_MIDNUMLET || here == U_WB_SINGLE_QUOTE;
  if (after_letter && middle_of_letters && is_letter(there)) return beyond + 1;
  if (after_number && middle_of_numbers && there == U_WB_NUMERIC) return beyond + 1;
  if (last == U_WB_HEBREW_LETTER && here == U_WB_SINGLE_QUOTE) return i + 1;
  if (last == U_WB_HEBREW_LETTER && here == U_WB_DOUBLE_QUOTE && there == U_WB_HEBREW_LETTER) return beyond + 1;
  return i;
}

std::size_t match_word(const Characters& text, std::size_t start) {
  std::size_t first = start;
  while (text.kind(first) == U_WB_EXTENDNUMLET) first = text.past_extend(first + 1);
  if (!is_content(text.kind(first))) return 0;
  WordClass last = U_WB_EXTENDNUMLET;
  std::size_t i = first;
  const std::uint32_t limit = text.offset(start) + k_max_token_length;
  while (i < text.size() && text.offset(i) <= limit) {
    const std::size_t next = i == first ? i + 1 : next_of_word(text, i, last);
    if (next == i) break;
    last = text.kind(next - 1);
    if (last == U_WB_SINGLE_QUOTE) last = U_WB_HEBREW_LETTER;  // WB7a: the quote goes with its letter
    i = text.past_extend(next);
  }
  return i;
}

std::size_t match_script(const Characters& text, std::size_t start) {
  const UChar32 c = text.code(start);
  if (c < 0x0E00) return 0;  // the first script without spaces is Thai
  if (u_getIntPropertyValue(c, UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT) {
    std::size_t i = start;
    const std::uint32_t limit = text.offset(start) + k_max_token_length;
    while (i < text.size() && text.offset(i) <= limit &&
           u_getIntPropertyValue(text.code(i), UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT) {
      i = text.past_extend(i + 1);
    }
    return i;
  }
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA ? text.past_extend(start + 1) : 0;
}

/// Texts are read in windows of this many bytes. The last k_margin characters of a window are read again in the next.
constexpr std::size_t k_window_bytes = 64 << 10;
constexpr std::size_t k_margin = 1024;

std::string_view first_window(std::string_view text) {
  if (text.size() <= k_window_bytes) return text;
  std::size_t end = k_window_bytes;
  while (end > k_window_bytes - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

void each_token(std::string_view text, const TakeToken& take) {
  while (!text.empty()) {
    const std::string_view window = first_window(text);
    const bool last = window.size() == text.size();
    const Characters characters(window);
    // Finding a token requires little more than the maximum token length of text after its start.
    const std::size_t until = last ? characters.size() : characters.size() - k_margin;
    std::size_t i = 0;
    while (i < until) {
      std::size_t end = std::max({match_emoji(characters, i), match_word(characters, i), match_script(characters, i)});
      if (end <= i) {
        ++i;
        continue;
      }
      while (characters.offset(end) - characters.offset(i) > k_max_token_length) --end;
      std::string token;
      for (; i < end; ++i) json::append_utf8(token, u_tolower(characters.code(i)));
      take(std::move(token));
    }
    text.remove_prefix(i < characters.size() ? characters.at[i].byte : window.size());
  }
}

}  // namespace sightline::elastic
