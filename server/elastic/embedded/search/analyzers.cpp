#include "server/elastic/embedded/search/analyzers.h"

#include <algorithm>
#include <array>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace sightline::elastic {
namespace {

constexpr std::array<std::string_view, 33> k_english_stop_words = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

/// Runs of characters for which `belongs` holds, cut at the greatest token length.
template <class Belongs>
void runs(std::string_view text, Belongs belongs, const TakeToken& take) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int64_t>(text.size());
  std::uint32_t offset = 0, position = 0;
  Token token;
  bool inside = false;
  for (std::int64_t i = 0; i < length;) {
    const std::int64_t begin = i;
    UChar32 c;
    U8_NEXT_OR_FFFD(bytes, i, length, c);
    const std::uint32_t width = c > 0xFFFF ? 2 : 1;
    const bool member = belongs(c);
    if (inside && (!member || offset + width - token.start > k_max_token_length)) {
      inside = false;
      if (!take(std::move(token))) return;
    }
    if (member && !inside) token = {{}, offset, offset, position++, TokenType::alphanum};
    if (member) {
      token.term += text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(i - begin));
      token.end = offset + width;
    }
    inside = member;
    offset += width;
  }
  if (inside) take(std::move(token));
}

void simple_tokens(std::string_view text, const TakeToken& take) {
  runs(
      text, [](UChar32 c) { return u_isalpha(c) != 0; },
      [&](Token&& token) {
        token.term = lower_case(token.term);
        return take(std::move(token));
      });
}

void whole_text(std::string_view text, const TakeToken& take) {
  std::uint32_t end = 0;
  runs(text, [](UChar32) { return true; }, [&](Token&& token) { return end = token.end, true; });
  if (end != 0) take({std::string(text), 0, end, 0, TokenType::alphanum});
}

bool is_stop_word(std::string_view term) {
  return std::find(k_english_stop_words.begin(), k_english_stop_words.end(), term) !=
         k_english_stop_words.end();
}

}  // namespace

bool each_token(std::string_view analyzer, std::string_view text, const TakeToken& take) {
  if (analyzer == "standard") {
    each_standard_token(text, take);
  } else if (analyzer == "simple") {
    simple_tokens(text, take);
  } else if (analyzer == "whitespace") {
    runs(text, [](UChar32 c) { return u_isUWhiteSpace(c) == 0; }, take);
  } else if (analyzer == "keyword") {
    whole_text(text, take);
  } else if (analyzer == "stop") {
    simple_tokens(text, [&](Token&& token) { return is_stop_word(token.term) || take(std::move(token)); });
  } else {
    return false;
  }
  return true;
}

std::optional<std::vector<Token>> analyze_text(std::string_view analyzer, std::string_view text) {
  std::vector<Token> tokens;
  const bool known =
      each_token(analyzer, text, [&](Token&& token) { return tokens.push_back(std::move(token)), true; });
  return known ? std::optional(std::move(tokens)) : std::nullopt;
}

}  // namespace sightline::elastic
