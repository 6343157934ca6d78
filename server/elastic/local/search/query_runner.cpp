#include "server/elastic/local/search/query_runner.h"

#include "server/elastic/local/search/json_view.h"

namespace sightline::elastic {

ScoredDocs QueryRunner::run(const Query& query, float boost, bool scoring) const {
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
  std::vector<ScoredDocs> must, should;
  for (const QueryPtr& clause : query.must) must.push_back(run(*clause, boost, scoring));
  for (const QueryPtr& clause : query.should) should.push_back(run(*clause, boost, scoring));
  const bool required = !query.must.empty() || !query.filter.empty();
  std::size_t least = required || should.empty() ? 0 : 1;
  if (!query.minimum_should_match.empty()) least = least_clauses(query.minimum_should_match, should.size());
  if (least == 0 && !required && !should.empty())
    least = 1;  // a disjunction of optional clauses needs one of them

  ScoredDocs out{memory_.live()};
  const bool empty = !required && should.empty() && query.must_not.empty();
  if (empty) return {memory_.live(), boost};
  const bool any_should = !should.empty();
  ScoredDocs optional;
  if (any_should) optional = sum_of_any(std::move(should), std::max<std::size_t>(least, 1), scoring);
  if (!must.empty()) out = sum_of_all(std::move(must), scoring);
  for (const QueryPtr& clause : query.filter) out.docs &= filter(*clause);
  for (const QueryPtr& clause : query.must_not) out.docs -= filter(*clause);
  if (least > 0 && !any_should) return {nothing()};
  if (!any_should) return out;
  if (least > 0) out.docs &= optional.docs;
  return with_bonus(std::move(out), optional, scoring);
}

ScoredDocs QueryRunner::run(const DisMaxQuery& query, float boost, bool scoring) const {
  std::vector<ScoredDocs> clauses;
  for (const QueryPtr& clause : query.queries) clauses.push_back(run(*clause, boost, scoring));
  return best_of_any(std::move(clauses), query.tie_breaker, scoring);
}

ScoredDocs QueryRunner::run(const IdsQuery& query, float boost, bool) const {
  DocSet docs = nothing();
  for (const std::string& id : query.ids) {
    auto number = shard_.index->find(id);
    if (!number) refuse({500, "exception", number.error().message});
    if (!*number) continue;
    if (const auto doc = memory_.find(**number)) docs.set(*doc);
  }
  return constant(std::move(docs), boost);
}

ScoredDocs QueryRunner::run(const KnnQuery& query, float boost, bool) const {
  return run_knn(shard_, *this, query, boost);
}

}  // namespace sightline::elastic
