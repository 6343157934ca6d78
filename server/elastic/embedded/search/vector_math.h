// Inner products, distances, and Elasticsearch's scores for them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "server/elastic/embedded/mapping.h"

namespace sightline::elastic {

/// Sum of a[i] * b[i] in float32, with the widest instructions of this processor.
float inner_product(const float* a, const float* b, std::size_t dims);
/// Sum of (a[i] - b[i])^2.
float squared_distance(const float* a, const float* b, std::size_t dims);

/// The vector normalised to length one (computed in double). A zero vector is returned unchanged.
std::vector<float> unit_length(std::span<const float> vector);

/// True if vectors of that similarity are stored and compared with length one.
inline bool compares_directions(VectorSimilarity similarity) {
  return similarity == VectorSimilarity::cosine;
}

/// The nearness of two vectors, larger if they are nearer: the inner product, or for l2_norm the negative squared
/// distance. For cosine both must have length one.
float nearness(VectorSimilarity similarity, const float* a, const float* b, std::size_t dims);

/// `_score` of a nearness: cosine and dot_product (1 + x) / 2, not below 0; l2_norm 1 / (1 + d^2);
/// max_inner_product x + 1, or 1 / (1 - x) for negative x.
float score_of_nearness(VectorSimilarity similarity, float nearness);

/// The minimum nearness for a kNN clause's `similarity`, which for l2_norm is the maximum distance.
float nearness_of_similarity(VectorSimilarity similarity, float limit);

/// Why `vector`, of a document or a query, is invalid for that similarity; empty if it is valid.
std::string unfit_for(VectorSimilarity similarity, std::span<const float> vector);

}  // namespace sightline::elastic
