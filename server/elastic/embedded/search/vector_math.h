// Inner products, distances and the scores that Elasticsearch makes of them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "server/elastic/embedded/mapping.h"

namespace sightline::elastic {

/// Sum of a[i] * b[i] in float32, with the widest instructions that this processor has.
float inner_product(const float* a, const float* b, std::size_t dims);
/// Sum of (a[i] - b[i])^2.
float squared_distance(const float* a, const float* b, std::size_t dims);

/// The vector with length one (computed in double); a zero vector stays as it is.
std::vector<float> unit_length(std::span<const float> vector);

/// True if vectors of that similarity are kept and compared with length one.
inline bool compares_directions(VectorSimilarity similarity) {
  return similarity == VectorSimilarity::cosine;
}

/// How near two vectors are, the larger the nearer: the inner product, or for l2_norm the negative squared
/// distance. For cosine both must have length one.
float nearness(VectorSimilarity similarity, const float* a, const float* b, std::size_t dims);

/// `_score` of a nearness: cosine and dot_product (1 + x) / 2, not below 0; l2_norm 1 / (1 + d^2);
/// max_inner_product x + 1, or 1 / (1 - x) for negative x.
float score_of_nearness(VectorSimilarity similarity, float nearness);

/// The least nearness that a kNN clause's `similarity` lets pass; for l2_norm that is the greatest distance.
float nearness_of_similarity(VectorSimilarity similarity, float limit);

/// What is wrong with `vector` for that similarity, of a document or of a query; empty if nothing is.
std::string unfit_for(VectorSimilarity similarity, std::span<const float> vector);

}  // namespace sightline::elastic
