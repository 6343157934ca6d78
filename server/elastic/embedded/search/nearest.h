// Nearest neighbours among the vectors of one field.
#pragma once

#include <cstddef>
#include <vector>

#include "server/elastic/embedded/search/columns.h"
#include "server/elastic/embedded/search/vector_graph.h"

namespace sightline::elastic {

struct Neighbour {
  Doc doc = 0;
  float nearness = 0;  ///< vector_math.h
};

/// The `k` documents of `allowed` whose vectors are nearest to `query` (of length one if the column compares
/// directions), nearest first, ties by ascending document.
///
/// Without a graph, or if few vectors are allowed, all of them are compared. With a graph, the width of the search
/// depends on `candidates` and on the share of allowed documents. It grows while the search finds fewer than k. When
/// the search would cost more than comparing all vectors, all are compared instead. Vectors that the graph does not
/// hold yet are always compared.
std::vector<Neighbour> nearest(const VectorColumn& column, const VectorGraph* graph, const float* query, std::size_t k,
                               std::size_t candidates, const DocSet& allowed);

}  // namespace sightline::elastic
