#include "server/elastic/embedded/search/scored_docs.h"

#include <algorithm>
#include <string>

#include "base/number_text.h"
#include "base/trimmed.h"
#include "server/elastic/embedded/search/shard_view.h"

namespace sightline::elastic {
namespace {

/// Sums are made in double and rounded once, as Lucene makes them.
std::vector<float> rounded(const std::vector<double>& sums) {
  return std::vector<float>(sums.begin(), sums.end());
}

[[noreturn]] void refuse_number(std::string_view text) {
  refuse_query_because("For input string: \"" + std::string(text) + "\"", "number_format_exception");
}

long whole_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto number = number_from<long>(text);
  if (!number) refuse_number(text);
  return *number;
}

/// "2", "-1", "75%", "-25%".
std::size_t plain_least(std::string_view text, std::size_t clauses) {
  const auto count = static_cast<long>(clauses);
  long least;
  if (text.ends_with('%')) {
    const long percent = whole_number(text.substr(0, text.size() - 1));
    const long part = count * std::clamp(percent, -1000L, 1000L) / 100;
    least = percent < 0 ? count + part : part;
  } else {
    const long number = whole_number(text);
    least = number < 0 ? count + std::max(number, -count) : number;
  }
  return static_cast<std::size_t>(std::max(least, 0L));
}

}  // namespace

void ClauseSum::add(ScoredDocs clause) {
  ++clauses_;
  if (clauses_ == 1) {
    first_ = std::move(clause);
    return;
  }
  if (clauses_ == 2) {
    const std::size_t size = first_.docs.size();
    docs_ = first_.docs;
    if (scoring_ && (of_ != Of::best || tie_breaker_ != 0)) sums_.resize(size);
    if (scoring_ && of_ == Of::best) best_.resize(size);
    if (counts_matches_) counts_.resize(size);
    fold(first_);
    first_ = {};
  }
  fold(clause);
}

void ClauseSum::fold(const ScoredDocs& clause) {
  of_ == Of::all ? docs_ &= clause.docs : docs_ |= clause.docs;
  if (!sums_.empty())
    clause.docs.for_each([&](Doc doc) { sums_[doc] += static_cast<double>(clause.score(doc)); });
  if (!best_.empty())
    clause.docs.for_each([&](Doc doc) { best_[doc] = std::max(best_[doc], clause.score(doc)); });
  if (!counts_.empty()) clause.docs.for_each([&](Doc doc) { ++counts_[doc]; });
}

std::vector<float> ClauseSum::scores() const {
  if (of_ != Of::best) return rounded(sums_);
  std::vector<float> scores = best_;
  for (Doc doc = 0; doc < sums_.size(); ++doc) {
    const double others = sums_[doc] - static_cast<double>(scores[doc]);
    scores[doc] =
        static_cast<float>(static_cast<double>(scores[doc]) + others * static_cast<double>(tie_breaker_));
  }
  return scores;
}

ScoredDocs ClauseSum::finish(std::size_t least) && {
  if (of_ == Of::any && least > clauses_) return {DocSet(clauses_ == 1 ? first_.docs.size() : docs_.size())};
  if (clauses_ == 1) return std::move(first_);
  ScoredDocs out{std::move(docs_)};
  if (of_ == Of::any && least > 1) {
    for (Doc doc = 0; doc < counts_.size(); ++doc) {
      if (counts_[doc] < least) out.docs.reset(doc);
    }
  }
  if (scoring_) out.scores = scores();
  return out;
}

ScoredDocs with_bonus(ScoredDocs required, const ScoredDocs& optional, bool scoring) {
  if (!scoring) return required;
  if (required.scores.empty()) required.scores.assign(required.docs.size(), required.constant);
  optional.docs.for_each([&](Doc doc) { required.scores[doc] += optional.score(doc); });
  return required;
}

std::size_t least_clauses(std::string_view specification, std::size_t clauses) {
  std::string_view rest = trimmed(specification, " ");
  if (rest.find('<') == std::string_view::npos) return plain_least(rest, clauses);
  // "2<75% 9<-3": up to 2 clauses all must match, above that 75 %, above 9 all but 3.
  std::size_t least = clauses;
  while (!rest.empty()) {
    const std::size_t blank = std::min(rest.find(' '), rest.size());
    const std::string_view rule = rest.substr(0, blank);
    rest = trimmed(rest.substr(blank), " ");
    const std::size_t sign = rule.find('<');
    if (sign == std::string_view::npos) refuse_number(rule);
    if (static_cast<long>(clauses) <= whole_number(rule.substr(0, sign))) return least;
    least = plain_least(rule.substr(sign + 1), clauses);
  }
  return least;
}

}  // namespace sightline::elastic
