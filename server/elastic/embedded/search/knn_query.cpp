#include "server/elastic/embedded/search/nearest.h"
#include "server/elastic/embedded/search/query_runner.h"
#include "server/elastic/embedded/search/vector_math.h"

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
