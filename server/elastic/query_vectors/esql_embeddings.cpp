#include "server/elastic/query_vectors/esql_embeddings.h"

#include <algorithm>
#include <utility>

#include "base/ascii_lower.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_word = "embedding", k_raw_quote = R"(""")";

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@';
}
bool is_name_part(char c) {
  return is_name_start(c) || (c >= '0' && c <= '9');
}

/// Reads a query token by token, with what is open around each.
class EsqlScan {
 public:
  explicit EsqlScan(std::string_view text) : text_(text) {}

  std::vector<std::string> run() {
    while (at_ < text_.size()) {
      if (!skip_comment_or_blank()) read_token();
    }
    return std::move(ids_);
  }

 private:
  /// What stands between two brackets: the arguments of a call, or something else.
  struct Bracket {
    bool embeds = false;
    std::size_t argument = 0, tokens = 0;  // of the argument so far
    std::string literal = {};              // the argument's last string, if it can be an id
  };

  bool starts(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  void move_behind(std::string_view end, std::size_t from) {
    const std::size_t found = text_.find(end, from);
    at_ = found == std::string_view::npos ? text_.size() : found + end.size();
  }

  bool skip_comment_or_blank() {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at_;
    } else if (starts("//")) {
      move_behind("\n", at_);
    } else if (starts("/*")) {
      skip_block_comment();
    } else {
      return false;
    }
    return true;
  }

  void skip_block_comment() {
    std::size_t depth = 0;  // they nest
    do {
      depth += starts("/*") ? 1 : 0;
      depth -= starts("*/") ? 1 : 0;
      at_ += starts("/*") || starts("*/") ? 2 : 1;
    } while (depth > 0 && at_ < text_.size());
  }

  void read_token() {
    const std::string_view before = std::exchange(name_, {});
    const char c = text_[at_];
    if (starts(k_raw_quote)) return read_raw_string();
    if (c == '"') return read_string();
    if (c == '`') {
      move_behind("`", at_ + 1);  // a doubled one begins another token, which changes nothing here
      return count();
    }
    if (is_name_start(c)) return read_name();
    ++at_;
    if (c == '(' || c == '[' || c == '{') return open(c == '(' ? before : std::string_view());
    if (c == ')' || c == ']' || c == '}') return close();
    if (c == ',') return end_argument();
    count();
  }

  void read_name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    const bool is_field = begin > 0 && text_[begin - 1] == '.';
    if (!is_field) name_ = text_.substr(begin, at_ - begin);
    count();
  }

  void read_raw_string() {
    const std::size_t begin = at_ + k_raw_quote.size();
    move_behind(k_raw_quote, begin);
    const std::size_t end = at_ < begin + k_raw_quote.size() ? text_.size() : at_ - k_raw_quote.size();
    while (at_ < text_.size() && text_[at_] == '"') ++at_;
    add_literal(text_.substr(begin, end - begin));
  }

  void read_string() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    add_literal(text_.substr(begin, at_ - begin));
    if (at_ < text_.size()) ++at_;
  }

  void count() {
    if (!open_.empty()) ++open_.back().tokens;
  }
  void add_literal(std::string_view value) {
    count();
    // No id holds an escape.
    if (!open_.empty() && value.find('\\') == std::string_view::npos) open_.back().literal = value;
  }

  void open(std::string_view name) {
    count();
    if (open_.size() == k_most_open) {
      at_ = text_.size();
      return;
    }
    const std::string function = ascii_lower(name);
    open_.push_back({function == "text_embedding" || function == k_word});
  }
  void close() {
    end_argument();
    if (!open_.empty()) open_.pop_back();
  }
  void end_argument() {
    if (open_.empty()) return;
    Bracket& call = open_.back();
    if (call.embeds && call.argument == 1 && call.tokens == 1 && !call.literal.empty()) ids_.push_back(call.literal);
    ++call.argument;
    call.tokens = 0;
    call.literal.clear();
  }

  static constexpr std::size_t k_most_open = 1000;  // more than the parser of ES|QL accepts

  const std::string_view text_;
  std::size_t at_ = 0;
  std::string_view name_;  // the token before is this name
  std::vector<Bracket> open_;
  std::vector<std::string> ids_;
};

}  // namespace

std::vector<std::string> embedding_endpoints_in(std::string_view esql) {
  return EsqlScan(esql).run();
}

bool may_embed(std::string_view text) {
  const auto same = [](char written, char lower) { return ascii_lower(written) == lower; };
  return std::search(text.begin(), text.end(), k_word.begin(), k_word.end(), same) != text.end();
}

}  // namespace sightline::elastic
