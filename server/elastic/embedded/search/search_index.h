// The searchable content of one index: the memory that searches use, and a table to load it from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/search/columns.h"
#include "server/elastic/embedded/search/vector_graph.h"
#include "server/elastic/embedded/sqlite.h"

namespace sightline::elastic {

/// Each document has one record in a table of the store's database, written in the store's transaction. The constructor
/// reads all records. Searches use only memory. Members throw StorageFailed.
///
/// Writing: 1. Within the store's write transaction `add` and `remove` are called in the order of the writes. Searches
///             do not see them yet.
///          2. Right after the transaction is on disk, `commit` is called, or `rollback` if it failed.
///          3. `refresh` makes committed changes visible. A commit that removed anything does so itself, because the
///             rows of what searches found before no longer exist.
///
/// `add` and `remove` are called by one thread at a time, while searches may run. The others are called while no search
/// runs (the writer holds the write side of StoreCore::read_lock's lock), so expensive work belongs in `add`.
class SearchIndex {
 public:
  /// `connection` is the store's writing connection, valid as long as the SearchIndex, used by one thread at a time.
  SearchIndex(sqlite::Connection& connection, std::int64_t index_number);

  /// SQL that creates the table of an index.
  static std::string schema(std::int64_t index_number);
  const std::string& table() const { return table_; }

  /// Adds a document under a number that was never used. Throws Refused if it has more than `max_words` words in its
  /// text fields; nothing has changed then. StorageFailed fails the whole transaction (rollback follows).
  void add(std::int64_t doc, ParsedDocument document, std::size_t max_words = std::numeric_limits<std::size_t>::max());
  /// Removes a document: one that is committed, or one added in the same transaction.
  void remove(std::int64_t doc);
  void commit();
  void rollback();
  void refresh();
  /// True while searches do not see a committed document yet.
  bool needs_refresh() const { return !waiting_.empty(); }

  /// The documents that searches see. Constant under StoreCore::read_lock.
  const MemoryIndex& memory() const { return memory_; }

  /// The graph of a dense_vector field whose mapping has a graph type, or null while the field has too few vectors. The
  /// first call with enough vectors starts building it. To be called under StoreCore::read_lock.
  const VectorGraph* graph(const Field& field) const;
  /// Number of vectors of a field from which searches use a graph.
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
  std::vector<Added> waiting_;         // committed, visible from the next refresh on
  std::vector<Added> added_;           // since the last commit
  std::vector<std::int64_t> removed_;  // committed documents

  mutable std::mutex graphs_mutex_;
  mutable StringMap<std::unique_ptr<VectorGraph>> graphs_;
};

}  // namespace sightline::elastic
