// Everything that makes one index searchable: memory to search in, a table to fill it from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/search/memory_index.h"
#include "server/elastic/embedded/search/vector_graph.h"
#include "server/elastic/embedded/sqlite.h"

namespace sightline::elastic {

/// Each document has one record in a table of the store's own database, written in the store's transaction; the
/// constructor reads all records. Searches look at memory alone. Members throw StorageFailed.
///
/// Writing: 1. Within the store's write transaction `add` and `remove` are called in the order of the writes;
/// searches do not see them yet.
///          2. Just after the transaction is on disk comes `commit`, or `rollback` if it failed.
///          3. `refresh` makes what is committed seen. A commit that removed anything does so itself: the
///          rows of what searches found before are gone.
/// `add` and `remove` come from one thread at a time while others search; the others come while no search
/// runs (the writer holds StoreCore::read_lock's other side), so heavy work belongs into `add`.
class SearchIndex {
 public:
  /// `connection` is the store's writing connection, valid as long as the SearchIndex, used by one thread at a time.
  SearchIndex(sqlite::Connection& connection, std::int64_t index_number);

  /// What makes the table of an index.
  static std::string schema(std::int64_t index_number);
  const std::string& table() const { return table_; }

  /// Takes in a document under a number that was never used. Throws Refused if it has more than `max_words` in its
  /// text fields; nothing has changed then. StorageFailed fails the whole transaction (rollback follows).
  void add(std::int64_t doc, ParsedDocument document, std::size_t max_words = std::numeric_limits<std::size_t>::max());
  /// Takes out a document: one that is committed, or one added in the same transaction.
  void remove(std::int64_t doc);
  void commit();
  void rollback();
  void refresh();
  /// True while a committed document is not seen yet.
  bool needs_refresh() const { return !waiting_.empty(); }

  /// What searches see. Under StoreCore::read_lock it does not change.
  const MemoryIndex& memory() const { return memory_; }

  /// The graph of a dense_vector field whose mapping asks for one, or null while the field has too few
  /// vectors. The first call that finds enough starts building it. Under StoreCore::read_lock.
  const VectorGraph* graph(const Field& field) const;
  /// Vectors of a field from which on searches use a graph.
  static constexpr std::size_t k_graph_from = 50'000;

 private:
  struct Added {
    std::int64_t doc;
    ParsedDocument document;
  };

  void extend_graphs();
  static std::vector<Added>::iterator find_in(std::vector<Added>& documents, std::int64_t doc);

  sqlite::Connection& connection_;
  const std::string table_;

  MemoryIndex memory_;
  std::vector<Added> waiting_;         // committed, and seen from the next refresh on
  std::vector<Added> added_;           // since the last commit
  std::vector<std::int64_t> removed_;  // of the committed ones

  mutable std::mutex graphs_mutex_;
  mutable StringMap<std::unique_ptr<VectorGraph>> graphs_;
};

}  // namespace sightline::elastic
