#include "server/elastic/embedded/search/query_string.h"

#include <memory>
#include <string>
#include <vector>

#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

enum class Occurs { should, must, must_not };

struct Word {
  std::string field, text;
  Occurs occurs = Occurs::should;
};

[[noreturn]] void refuse_syntax(std::string_view text, const std::string& what) {
  refuse(rest::not_supported("Failed to parse query [" + shortened(text) + "]: " + what,
                             "send the query as a JSON body"));
}

/// Blank-separated pieces; what stands in quotes stays together.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (c == ' ' && !quoted) {
      if (!pieces.back().empty()) pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  if (quoted) refuse_syntax(text, "a quote without its end");
  if (pieces.back().empty()) pieces.pop_back();
  return pieces;
}

Word word_of(std::string piece, std::string_view whole) {
  Word word;
  if (piece[0] == '+' || piece[0] == '-') {
    word.occurs = piece[0] == '+' ? Occurs::must : Occurs::must_not;
    piece.erase(0, 1);
  }
  if (const std::size_t colon = piece.find(':'); colon != std::string::npos && piece[0] != '"') {
    word.field = piece.substr(0, colon);
    piece.erase(0, colon + 1);
  }
  if (piece == "*") return word.text = piece, word;
  if (piece.size() >= 2 && piece.front() == '"' && piece.back() == '"') {
    piece = piece.substr(1, piece.size() - 2);
    if (piece.find(' ') != std::string::npos) refuse_syntax(whole, "a phrase");
  }
  if (piece.empty()) refuse_syntax(whole, "an empty term");
  if (const std::size_t special = piece.find_first_of("*?~^()[]{}<>/\\!\"|&"); special != std::string::npos) {
    refuse_syntax(whole, std::string("the operator [") + piece[special] + "]");
  }
  word.text = std::move(piece);
  return word;
}

QueryPtr query_of(const Word& word, std::string_view default_field, bool lenient) {
  const auto make = [](auto node) { return std::make_shared<const Query>(Query{std::move(node)}); };
  const std::string field = word.field.empty() ? std::string(default_field) : word.field;
  if (field == "_exists_") return make(ExistsQuery{word.text});
  if (word.text == "*" && (field.empty() || field == "*")) return make(MatchAllQuery{});
  if (word.text == "*") return make(ExistsQuery{field});
  MatchQuery match;
  match.text = {Literal::Kind::string, word.text};
  match.lenient = lenient;
  if (field.empty() || field.find('*') != std::string::npos) {
    MultiMatchQuery multi;
    multi.fields.emplace_back(field.empty() ? "*" : field, 1.0f);
    multi.match = std::move(match);
    return make(std::move(multi));
  }
  match.field = field;
  return make(std::move(match));
}

}  // namespace

QueryPtr parse_query_string(std::string_view text, std::string_view default_field, bool and_by_default,
                            bool lenient, QueryBudget& budget) {
  std::vector<Word> words;
  bool joined = false, negated = false;
  for (std::string& piece : pieces_of(text)) {
    if (piece == "AND" || piece == "&&") {
      // Lucene makes both neighbours of AND required.
      if (words.empty()) refuse_syntax(text, "AND without a term before it");
      if (words.back().occurs == Occurs::should) words.back().occurs = Occurs::must;
      joined = true;
      continue;
    }
    if (piece == "OR" || piece == "||") continue;
    if (piece == "NOT") {
      negated = true;
      continue;
    }
    budget.clause();
    Word word = word_of(std::move(piece), text);
    if (negated) word.occurs = Occurs::must_not;
    if (word.occurs == Occurs::should && (joined || and_by_default)) word.occurs = Occurs::must;
    joined = negated = false;
    words.push_back(std::move(word));
  }
  if (words.empty()) return std::make_shared<const Query>(Query{MatchNoneQuery{}});
  if (words.size() == 1 && words[0].occurs != Occurs::must_not) return query_of(words[0], default_field, lenient);
  BoolQuery parts;
  for (const Word& word : words) {
    auto& clauses = word.occurs == Occurs::must       ? parts.must
                    : word.occurs == Occurs::must_not ? parts.must_not
                                                      : parts.should;
    clauses.push_back(query_of(word, default_field, lenient));
  }
  return std::make_shared<const Query>(Query{std::move(parts)});
}

}  // namespace sightline::elastic
