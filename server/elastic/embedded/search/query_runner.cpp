#include "server/elastic/embedded/search/query_runner.h"

#include "base/cancellation.h"
#include "server/elastic/embedded/search/vector_graph.h"
#include "server/elastic/embedded/search/vector_math.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {
namespace {

FieldPtr vector_field(const ShardView& shard, const KnnQuery& knn) {
  FieldPtr field = shard.mapping->find(knn.field);
  if (!field) return nullptr;
  if (field->type != FieldType::dense_vector) {
    refuse_query("[knn] queries are only supported on [dense_vector] fields");
  }
  if (!field->indexed) {
    refuse_query("to perform knn search on field [" + knn.field + "], its mapping must have [index] set to [true]");
  }
  if (field->dims == 0) return nullptr;  // no document has set the dimensions yet
  if (knn.vector.size() != static_cast<std::size_t>(field->dims)) {
    refuse_query("The query vector has a different number of dimensions [" + std::to_string(knn.vector.size()) +
                 "] than the document vectors [" + std::to_string(field->dims) + "].");
  }
  if (std::string fault = unfit_for(field->similarity, knn.vector); !fault.empty()) refuse_query(std::move(fault));
  return field;
}

}  // namespace

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
  if (least > 0 && !any_should && required) return {nothing()};

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

ScoredDocs QueryRunner::run(const KnnQuery& knn, float boost, bool) const {
  ScoredDocs out{nothing()};
  const FieldPtr field = vector_field(shard_, knn);
  const VectorColumn* column = field ? memory_.vectors(field->path) : nullptr;
  if (!column) return out;

  DocSet allowed = shard_.searchable();
  for (const QueryPtr& filter : knn.filters) allowed &= this->filter(*filter);
  const std::vector<float> query = compares_directions(field->similarity) ? unit_length(knn.vector) : knn.vector;
  const auto neighbours = nearest(*column, shard_.search->graph(*field), query.data(), static_cast<std::size_t>(knn.k),
                                  static_cast<std::size_t>(knn.num_candidates), allowed);

  const float least = knn.similarity ? nearness_of_similarity(field->similarity, *knn.similarity) : 0;
  out.scores.resize(memory_.size());
  for (const Neighbour& neighbour : neighbours) {
    if (knn.similarity && neighbour.nearness < least) continue;
    out.docs.set(neighbour.doc);
    out.scores[neighbour.doc] = score_of_nearness(field->similarity, neighbour.nearness) * boost;
  }
  return out;
}

}  // namespace sightline::elastic
