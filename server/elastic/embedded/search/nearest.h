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
/// directions), nearest first, equals by growing document.
///
/// Without a graph, or where few vectors are allowed, every one of them is compared. With a graph the walk is
/// as wide as `candidates` and the share of allowed documents ask for, is made wider while it finds fewer
/// than k, and gives way to comparing all of them before it would cost more than that; vectors that the graph
/// does not hold yet are always compared.
std::vector<Neighbour> nearest(const VectorColumn& column, const VectorGraph* graph, const float* query, std::size_t k,
                               std::size_t candidates, const DocSet& allowed);

}  // namespace sightline::elastic
