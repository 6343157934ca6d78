#include "server/elastic/embedded/search/scored_docs.h"

#include "base/number_text.h"
#include "server/elastic/embedded/search/shard_view.h"

namespace sightline::elastic {

void ClauseSum::add(ScoredDocs clause) {
  ++clauses_;
  if (clauses_ == 1) {
    first_ = std::move(clause);
    return;
  }
  if (clauses_ == 2) {
    const std::size_t size = first_.docs.size();
    docs_ = first_.docs;
    if (scoring_ && of_ != Of::best) sums_.resize(size);
    if (scoring_ && of_ == Of::best) best_.resize(size);
    if (counts_matches_) counts_.resize(size);
    fold(first_);
    first_ = {};
  }
  fold(clause);
}

void ClauseSum::fold(const ScoredDocs& clause) {
  of_ == Of::all ? docs_ &= clause.docs : docs_ |= clause.docs;
  if (!sums_.empty()) clause.docs.for_each([&](Doc doc) { sums_[doc] += static_cast<double>(clause.score(doc)); });
  if (!best_.empty()) clause.docs.for_each([&](Doc doc) { best_[doc] = std::max(best_[doc], clause.score(doc)); });
  if (!counts_.empty()) clause.docs.for_each([&](Doc doc) { ++counts_[doc]; });
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
  // Sums are computed in double and rounded once, as in Lucene.
  if (scoring_) out.scores = of_ == Of::best ? std::move(best_) : std::vector<float>(sums_.begin(), sums_.end());
  return out;
}

ScoredDocs with_bonus(ScoredDocs required, const ScoredDocs& optional, bool scoring) {
  if (!scoring) return required;
  if (required.scores.empty()) required.scores.assign(required.docs.size(), required.constant);
  optional.docs.for_each([&](Doc doc) { required.scores[doc] += optional.score(doc); });
  return required;
}

std::size_t least_clauses(std::string_view text, std::size_t clauses) {
  const bool percent = text.ends_with('%');
  const auto given = number_from<long>(percent ? text.substr(0, text.size() - 1) : text);
  if (!given) refuse_query("[minimum_should_match] must be a number or a percentage, found [" + shortened(text) + "]");
  const auto count = static_cast<long>(clauses);
  const long least = percent ? count * std::clamp(*given, -1000L, 1000L) / 100 : std::max(*given, -count);
  return static_cast<std::size_t>(std::max(least < 0 ? count + least : least, 0L));
}

}  // namespace sightline::elastic
