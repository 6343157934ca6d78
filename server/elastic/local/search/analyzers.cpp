#include "server/elastic/local/search/analyzers.h"

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
std::vector<Token> runs(std::string_view text, Belongs belongs) {
  std::vector<Token> tokens;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int64_t>(text.size());
  std::uint32_t offset = 0;
  bool inside = false;
  for (std::int64_t i = 0; i < length;) {
    const std::int64_t begin = i;
    UChar32 c;
    U8_NEXT_OR_FFFD(bytes, i, length, c);
    const std::uint32_t width = c > 0xFFFF ? 2 : 1;
    const bool member = belongs(c);
    if (member && inside && offset + width - tokens.back().start > k_max_token_length) inside = false;
    if (member && !inside) {
      tokens.push_back({{}, offset, offset, static_cast<std::uint32_t>(tokens.size()), TokenType::alphanum});
    }
    if (member) {
      tokens.back().term += text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(i - begin));
      tokens.back().end = offset + width;
    }
    inside = member;
    offset += width;
  }
  return tokens;
}

std::vector<Token> simple_tokens(std::string_view text) {
  auto tokens = runs(text, [](UChar32 c) { return u_isalpha(c) != 0; });
  for (Token& token : tokens) token.term = lower_case(token.term);
  return tokens;
}

std::vector<Token> whole_text(std::string_view text) {
  auto tokens = runs(text, [](UChar32) { return true; });
  if (tokens.empty()) return tokens;
  Token whole{std::string(text), 0, tokens.back().end, 0, TokenType::alphanum};
  return {std::move(whole)};
}

}  // namespace

std::optional<std::vector<Token>> analyze_text(std::string_view analyzer, std::string_view text) {
  if (analyzer == "standard") return standard_tokens(text);
  if (analyzer == "simple") return simple_tokens(text);
  if (analyzer == "whitespace") return runs(text, [](UChar32 c) { return u_isUWhiteSpace(c) == 0; });
  if (analyzer == "keyword") return whole_text(text);
  if (analyzer == "stop") {
    auto tokens = simple_tokens(text);
    std::erase_if(tokens, [](const Token& token) {
      return std::find(k_english_stop_words.begin(), k_english_stop_words.end(), token.term) !=
             k_english_stop_words.end();
    });
    return tokens;
  }
  return std::nullopt;
}

}  // namespace sightline::elastic
