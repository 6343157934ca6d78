// Everything that makes one index searchable: memory to search in, a table to fill it from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/search/memory_index.h"
#include "server/elastic/embedded/search/vector_graph.h"

struct sqlite3;

namespace sightline::elastic {

/// Each document has one record in the table `search_1_<index number>` of the store's own database, written
/// in the store's transaction; `open` reads all records. Searches look at memory alone.
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
  using Visit = std::function<Status(std::int64_t doc, const ParsedDocument& document)>;
  /// Calls `visit` for every live document of the index, by growing number, vectors included; stops at its
  /// first error.
  using Documents = std::function<Status(const Visit& visit)>;

  /// Makes the index ready: from its records if it has any, else from `documents`. `connection` is the store's
  /// writing connection, valid as long as the SearchIndex, used by one thread at a time; during `open` no
  /// transaction is open on it. Errors: corrupt_data, internal.
  static Result<std::unique_ptr<SearchIndex>> open(sqlite3* connection, std::int64_t index_number,
                                                   const Documents& documents);
  /// Removes what `open` or later writes put into the database for that index, within the store's
  /// transaction.
  static Status drop(sqlite3* connection, std::int64_t index_number);
  ~SearchIndex();

  /// Takes in a document under a number that was never used. Errors: too_large if it has more than
  /// `max_words` in its text fields; nothing has changed then. Any other error fails the whole transaction
  /// (rollback follows).
  Status add(std::int64_t doc, const ParsedDocument& document,
             std::size_t max_words = std::numeric_limits<std::size_t>::max());
  /// Takes out a document: one that is committed, or one added in the same transaction.
  Status remove(std::int64_t doc);
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
  struct Statement;
  struct Added {
    std::int64_t doc;
    AnalyzedDocument document;
  };

  SearchIndex(sqlite3* connection, std::int64_t index_number);
  Status prepare();
  Status load();
  Status fill(const Documents& documents);
  Status write(std::int64_t doc, const std::string& record);
  void extend_graphs();
  static std::vector<Added>::iterator find_in(std::vector<Added>& documents, std::int64_t doc);

  sqlite3* connection_;
  std::string table_;
  std::unique_ptr<Statement> insert_, delete_;

  MemoryIndex memory_;
  std::vector<Added> waiting_;         // committed, and seen from the next refresh on
  std::vector<Added> added_;           // since the last commit
  std::vector<std::int64_t> removed_;  // of the committed ones

  mutable std::mutex graphs_mutex_;
  mutable StringMap<std::unique_ptr<VectorGraph>> graphs_;
};

}  // namespace sightline::elastic
