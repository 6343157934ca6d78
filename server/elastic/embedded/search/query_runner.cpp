#include "server/elastic/embedded/search/query_runner.h"

#include "base/cancellation.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

ScoredDocs QueryRunner::run(const Query& query, float boost, bool scoring) const {
  check_cancelled();
  return std::visit([&](const auto& node) { return run(node, boost * query.boost, scoring); }, query.node);
}

ScoredDocs QueryRunner::run(const MatchAllQuery&, float boost, bool) const {
  return {memory_.live(), boost};
}

ScoredDocs QueryRunner::run(const MatchNoneQuery&, float, bool) const {
  return {nothing()};
}

ScoredDocs QueryRunner::run(const ConstantScoreQuery& query, float boost, bool) const {
  return {filter(*query.filter), boost};
}

ScoredDocs QueryRunner::run(const BoolQuery& query, float boost, bool scoring) const {
  const bool any_should = !query.should.empty(), counts = !query.minimum_should_match.empty();
  const bool required = !query.must.empty() || !query.filter.empty();
  std::size_t least = counts ? least_clauses(query.minimum_should_match, query.should.size()) : 0;
  // A disjunction of optional clauses needs one of them.
  if (!required && any_should) least = std::max<std::size_t>(least, 1);
  if (!required && !any_should && query.must_not.empty()) return {memory_.live(), boost};
  if (least > 0 && !any_should) return {nothing()};

  ScoredDocs out{memory_.live()};
  ClauseSum must(ClauseSum::Of::all, scoring), should(ClauseSum::Of::any, scoring, counts);
  for (const QueryPtr& clause : query.must) must.add(run(*clause, boost, scoring));
  for (const QueryPtr& clause : query.should) should.add(run(*clause, boost, scoring));
  if (!query.must.empty()) out = std::move(must).finish();
  for (const QueryPtr& clause : query.filter) out.docs &= filter(*clause);
  for (const QueryPtr& clause : query.must_not) out.docs -= filter(*clause);
  if (!any_should) return out;
  const ScoredDocs optional = std::move(should).finish(std::max<std::size_t>(least, 1));
  if (least > 0) out.docs &= optional.docs;
  return with_bonus(std::move(out), optional, scoring);
}

ScoredDocs QueryRunner::run(const IdsQuery& query, float boost, bool) const {
  DocSet docs = nothing();
  for (const std::string& id : query.ids) {
    check_cancelled();
    const auto number = shard_.index->find(id);
    const auto doc = number ? memory_.find(*number) : std::nullopt;
    if (doc) docs.set(*doc);
  }
  return constant(std::move(docs), boost);
}

}  // namespace sightline::elastic
