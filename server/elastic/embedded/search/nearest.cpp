#include <algorithm>

#include "base/cancellation.h"
#include "server/elastic/embedded/search/scored_docs.h"
#include "server/elastic/embedded/search/vector_graph.h"
#include "server/elastic/embedded/search/vector_math.h"

namespace sightline::elastic {
namespace {

bool nearer(const Neighbour& a, const Neighbour& b) {
  return a.nearness != b.nearness ? a.nearness > b.nearness : a.doc < b.doc;
}

using Best = BestOf<Neighbour, bool (*)(const Neighbour&, const Neighbour&)>;

constexpr std::size_t k_rows_between_checks = 256;

void compare_rows(const VectorColumn& column, std::size_t first, const float* query, const DocSet& allowed,
                  Best& best) {
  for (std::size_t row = first; row < column.size(); ++row) {
    if (row % k_rows_between_checks == 0) check_cancelled();
    const Doc doc = column.doc(row);
    if (!allowed.test(doc)) continue;
    Neighbour one{doc, nearness(column.similarity(), query, column.row(row), column.dims())};
    best.offer(one);
  }
}

/// Below this many vectors, comparing all of them is faster than searching a filtered graph.
constexpr std::size_t k_compare_below = 10'000;
/// A graph search compares about this many vectors per candidate.
constexpr std::size_t k_comparisons_per_candidate = 10;

}  // namespace

std::vector<Neighbour> nearest(const VectorColumn& column, const VectorGraph* graph, const float* query, std::size_t k,
                               std::size_t candidates, const DocSet& allowed) {
  const std::size_t passing = graph ? allowed.count() : 0;
  if (graph && passing > k_compare_below) {
    const double share = std::min(1.0, static_cast<double>(passing) / static_cast<double>(column.size()));
    auto width = static_cast<std::size_t>(static_cast<double>(std::max(candidates, k)) / share);
    for (; width * k_comparisons_per_candidate < passing; width *= 4) {
      const VectorGraph::Found found = graph->search(query, width);
      Best best(k, nearer);
      for (const auto& [row, near] : found.nearest) {
        Neighbour one{column.doc(row), near};
        if (allowed.test(one.doc)) best.offer(one);
      }
      const bool enough = best.size() >= std::min(k, passing) || found.covered == 0;
      compare_rows(column, found.covered, query, allowed, best);
      if (enough) return std::move(best).sorted();
    }
  }
  Best best(k, nearer);
  compare_rows(column, 0, query, allowed, best);
  return std::move(best).sorted();
}

}  // namespace sightline::elastic
