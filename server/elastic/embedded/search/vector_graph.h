// Nearest neighbours among the vectors of one field, by a navigable graph (HNSW) that is built while searches use it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/fair_locks.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/embedded/search/columns.h"

namespace sightline::elastic {

/// Finds rows near a query without comparing all of them. It may miss some.
///
/// Flow: 1. `extend` queues rows and returns at once.
///       2. The graph's thread links them, one at a time, between searches.
///       3. `search` searches the rows linked so far and returns their number; the caller compares the rest.
///
/// Rows are stored by address: they must not move while the graph exists. Thread safety: all members may be called from
/// any thread.
class VectorGraph {
 public:
  struct Options {
    std::size_t links = 16;             ///< `m`: neighbours of a row, in 2..512
    std::size_t ef_construction = 100;  ///< candidates compared while linking
  };
  struct Found {
    std::vector<std::pair<std::size_t, float>> nearest;  ///< row and nearness (vector_math.h), unordered
    std::size_t covered = 0;                             ///< rows 0 .. covered-1 are linked in
  };

  VectorGraph(VectorSimilarity similarity, std::size_t dims, const Options& options);
  /// Stops linking; queued rows are dropped.
  ~VectorGraph();
  VectorGraph(const VectorGraph&) = delete;
  VectorGraph& operator=(const VectorGraph&) = delete;

  void extend(const std::vector<const float*>& rows);
  /// Rows given to `extend` so far.
  std::size_t given() const;
  /// The best `candidates` rows that a search of that width finds.
  Found search(const float* query, std::size_t candidates) const;
  /// Returns when all queued rows are linked, or linking has failed.
  void wait_until_linked() const;

 private:
  struct Graph;
  void link_rows();
  bool link(const float* row);

  std::unique_ptr<Graph> graph_;
  mutable WriterFirstLock graph_lock_;
  mutable std::atomic<int> searches_waiting_{0};

  mutable std::mutex line_mutex_;
  mutable std::condition_variable line_changed_;
  std::vector<const float*> line_;  // all rows ever given; the first `linked_` are in the graph
  std::size_t linked_ = 0;
  bool stopping_ = false, failed_ = false;
  std::thread linker_;  // last: the thread uses all members above
};

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
