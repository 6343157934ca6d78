#include "server/elastic/embedded/search/standard_analyzer.h"

#include <algorithm>
#include <array>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

namespace sightline::elastic {
namespace {

/// What a character can do in the word rules of UAX #29, as far as they matter to the tokenizer.
enum class WordClass : std::uint8_t {
  other,
  letter,
  hebrew,
  numeric,
  katakana,
  mid_letter,
  mid_number,
  mid_both,
  single_quote,
  double_quote,
  connector,    // ExtendNumLet: the underscore and its kin
  extend,       // Extend, Format, ZWJ: belongs to the character before it (rule WB4)
  flag_letter,  // Regional_Indicator
};

WordClass classify(UChar32 c) {
  switch (u_getIntPropertyValue(c, UCHAR_WORD_BREAK)) {
    case U_WB_ALETTER:
      return WordClass::letter;
    case U_WB_HEBREW_LETTER:
      return WordClass::hebrew;
    case U_WB_NUMERIC:
      return WordClass::numeric;
    case U_WB_KATAKANA:
      return WordClass::katakana;
    case U_WB_MIDLETTER:
      return WordClass::mid_letter;
    case U_WB_MIDNUM:
      return WordClass::mid_number;
    case U_WB_MIDNUMLET:
      return WordClass::mid_both;
    case U_WB_SINGLE_QUOTE:
      return WordClass::single_quote;
    case U_WB_DOUBLE_QUOTE:
      return WordClass::double_quote;
    case U_WB_EXTENDNUMLET:
      return WordClass::connector;
    case U_WB_EXTEND:
    case U_WB_FORMAT:
    case U_WB_ZWJ:
      return WordClass::extend;
    case U_WB_REGIONAL_INDICATOR:
      return WordClass::flag_letter;
    default:
      return c >= 0xFF10 && c <= 0xFF19 ? WordClass::numeric : WordClass::other;  // full-width digits
  }
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
  return k == WordClass::letter || k == WordClass::hebrew;
}
bool is_content(WordClass k) {
  return is_letter(k) || k == WordClass::numeric || k == WordClass::katakana;
}

constexpr UChar32 k_joiner = 0x200D, k_text_style = 0xFE0E, k_emoji_style = 0xFE0F, k_keycap = 0x20E3;

bool is_keycap_base(UChar32 c) {
  return (c >= '0' && c <= '9') || c == '#' || c == '*';
}

bool is_emoji(UChar32 c) {
  if (c < 0xA9) return false;
  if (u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC)) return true;
  return u_hasBinaryProperty(c, UCHAR_EMOJI) && !u_hasBinaryProperty(c, UCHAR_REGIONAL_INDICATOR) &&
         c != 0x3030 && c != 0x303D;
}

/// The text as characters. `cursor` members index into `at`.
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
  WordClass kind(std::size_t i) const { return i < at.size() ? at[i].kind : WordClass::other; }
  std::uint32_t offset(std::size_t i) const { return i < at.size() ? at[i].utf16 : utf16_length; }
  /// Past what clings to the character before `i`.
  std::size_t past_extend(std::size_t i) const {
    while (i < at.size() && at[i].kind == WordClass::extend) ++i;
    return i;
  }
};

struct Match {
  std::size_t end = 0;  // 0: none
  TokenType type = TokenType::alphanum;
};

/// Emoji sequences of Unicode Technical Standard 51: flags, key caps, modified and joined pictures.
std::size_t emoji_unit(const Characters& text, std::size_t i) {
  if (!is_emoji(text.code(i))) return i;
  ++i;
  while (text.kind(i) == WordClass::extend && text.code(i) != k_text_style && text.code(i) != k_emoji_style)
    ++i;
  if (text.code(i) == k_emoji_style) ++i;
  while (u_hasBinaryProperty(text.code(i), UCHAR_EMOJI_MODIFIER)) i = text.past_extend(i + 1);
  return i;
}

Match match_emoji(const Characters& text, std::size_t start) {
  if (text.kind(start) == WordClass::flag_letter) {
    const std::size_t second = text.past_extend(start + 1);
    if (text.kind(second) != WordClass::flag_letter) return {};
    return {text.past_extend(second + 1), TokenType::emoji};
  }
  if (is_keycap_base(text.code(start))) {
    std::size_t i = start + 1;
    if (text.code(i) == k_emoji_style) ++i;
    if (text.code(i) != k_keycap) return {};
    return {text.past_extend(i + 1), TokenType::emoji};
  }
  std::size_t end = emoji_unit(text, start);
  if (end == start) return {};
  // A longer token is cut in any case.
  while (text.offset(end) - text.offset(start) <= k_max_token_length) {
    const bool joined = text.code(end - 1) == k_joiner;
    const std::size_t next = joined ? end : text.code(end) == k_joiner ? end + 1 : end;
    if (!joined && next == end) break;
    const std::size_t after = emoji_unit(text, next);
    if (after == next) break;
    end = after;
  }
  return {end, TokenType::emoji};
}

/// One step of rules WB5 to WB13b: the index of the character that the word goes on with after `i` of class
/// `last`, or `i` itself if there is a boundary.
std::size_t next_of_word(const Characters& text, std::size_t i, WordClass last) {
  const WordClass here = text.kind(i);
  const bool after_letter = is_letter(last), after_number = last == WordClass::numeric;
  if (here == WordClass::connector) return i + 1;
  if (last == WordClass::connector && is_content(here)) return i + 1;
  if ((after_letter || after_number) && (is_letter(here) || here == WordClass::numeric)) return i + 1;
  if (last == WordClass::katakana && here == WordClass::katakana) return i + 1;
  const std::size_t beyond = text.past_extend(i + 1);
  const WordClass there = text.kind(beyond);
  const bool middle_of_letters =
      here == WordClass::mid_letter || here == WordClass::mid_both || here == WordClass::single_quote;
  const bool middle_of_numbers =
      here == WordClass::mid_number || here == WordClass::mid_both || here == WordClass::single_quote;
  if (after_letter && middle_of_letters && is_letter(there)) return beyond + 1;
  if (after_number && middle_of_numbers && there == WordClass::numeric) return beyond + 1;
  if (last == WordClass::hebrew && here == WordClass::single_quote) return i + 1;
  if (last == WordClass::hebrew && here == WordClass::double_quote && there == WordClass::hebrew)
    return beyond + 1;
  return i;
}

Match match_word(const Characters& text, std::size_t start) {
  std::size_t first = start;
  while (text.kind(first) == WordClass::connector) first = text.past_extend(first + 1);
  if (!is_content(text.kind(first))) return {};
  bool numbers_only = true, hangul_only = first == start, katakana_only = first == start;
  WordClass last = WordClass::connector;
  std::size_t i = first;
  const std::uint32_t limit = text.offset(start) + k_max_token_length;
  while (i < text.size() && text.offset(i) <= limit) {
    const std::size_t next = i == first ? i + 1 : next_of_word(text, i, last);
    if (next == i) break;
    last = text.kind(next - 1);
    if (last == WordClass::single_quote) last = WordClass::hebrew;  // WB7a: the quote goes with its letter
    numbers_only = numbers_only && (last == WordClass::numeric || last == WordClass::connector);
    katakana_only = katakana_only && last == WordClass::katakana;
    if (hangul_only) {
      UErrorCode error = U_ZERO_ERROR;
      hangul_only = next == i + 1 && last == WordClass::letter &&
                    uscript_getScript(text.code(i), &error) == USCRIPT_HANGUL;
    }
    i = text.past_extend(next);
  }
  const TokenType type = numbers_only    ? TokenType::num
                         : hangul_only   ? TokenType::hangul
                         : katakana_only ? TokenType::katakana
                                         : TokenType::alphanum;
  return {i, type};
}

Match match_script(const Characters& text, std::size_t start) {
  const UChar32 c = text.code(start);
  if (c < 0x0E00) return {};  // the first script written without blanks is Thai
  if (u_getIntPropertyValue(c, UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT) {
    std::size_t i = start;
    const std::uint32_t limit = text.offset(start) + k_max_token_length;
    while (i < text.size() && text.offset(i) <= limit &&
           u_getIntPropertyValue(text.code(i), UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT) {
      i = text.past_extend(i + 1);
    }
    return {i, TokenType::southeast_asian};
  }
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  if (script == USCRIPT_HAN) return {text.past_extend(start + 1), TokenType::ideographic};
  if (script == USCRIPT_HIRAGANA) return {text.past_extend(start + 1), TokenType::hiragana};
  return {};
}

/// The longest of the matches; of equals the first, as the rules of the grammar stand.
Match longest_match(const Characters& text, std::size_t start) {
  Match best = match_emoji(text, start);
  for (const Match& other : {match_word(text, start), match_script(text, start)}) {
    if (other.end > best.end) best = other;
  }
  return best;
}

/// Texts are read in windows of this many bytes, the last k_margin characters of which are read once more in
/// the next.
constexpr std::size_t k_window_bytes = 64 << 10;
constexpr std::size_t k_margin = 1024;

std::string_view first_window(std::string_view text) {
  if (text.size() <= k_window_bytes) return text;
  std::size_t end = k_window_bytes;
  while (end > k_window_bytes - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

void append_utf8(std::string& out, UChar32 c) {
  char buffer[U8_MAX_LENGTH];
  std::int32_t length = 0;
  U8_APPEND_UNSAFE(buffer, length, c);
  out.append(buffer, static_cast<std::size_t>(length));
}

}  // namespace

const char* to_string(TokenType type) {
  switch (type) {
    case TokenType::alphanum:
      return "<ALPHANUM>";
    case TokenType::num:
      return "<NUM>";
    case TokenType::southeast_asian:
      return "<SOUTHEAST_ASIAN>";
    case TokenType::ideographic:
      return "<IDEOGRAPHIC>";
    case TokenType::hiragana:
      return "<HIRAGANA>";
    case TokenType::katakana:
      return "<KATAKANA>";
    case TokenType::hangul:
      return "<HANGUL>";
    case TokenType::emoji:
      return "<EMOJI>";
  }
  return "word";
}

void each_standard_token(std::string_view text, const TakeToken& take) {
  std::uint32_t offset = 0, position = 0;  // of what is left
  while (!text.empty()) {
    const std::string_view window = first_window(text);
    const bool last = window.size() == text.size();
    const Characters characters(window);
    // A token is found by what follows it for little more than its greatest length.
    const std::size_t until = last ? characters.size() : characters.size() - k_margin;
    std::size_t i = 0;
    while (i < until) {
      Match match = longest_match(characters, i);
      if (match.end <= i) {
        ++i;
        continue;
      }
      while (characters.offset(match.end) - characters.offset(i) > k_max_token_length) --match.end;
      Token token;
      token.start = offset + characters.offset(i);
      token.end = offset + characters.offset(match.end);
      token.position = position++;
      token.type = match.type;
      for (; i < match.end; ++i) append_utf8(token.term, u_tolower(characters.code(i)));
      if (!take(std::move(token))) return;
    }
    offset += characters.offset(i);
    text.remove_prefix(i < characters.size() ? characters.at[i].byte : window.size());
  }
}

std::vector<Token> standard_tokens(std::string_view text) {
  std::vector<Token> tokens;
  each_standard_token(text, [&](Token&& token) { return tokens.push_back(std::move(token)), true; });
  return tokens;
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int64_t>(text.size());
  for (std::int64_t i = 0; i < length;) {
    UChar32 c;
    U8_NEXT_OR_FFFD(bytes, i, length, c);
    append_utf8(out, u_tolower(c));
  }
  return out;
}

}  // namespace sightline::elastic
