// The SearchIndex of the embedded store: memory to search in, a table to fill it from.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/elastic/embedded/search/memory_index.h"
#include "server/elastic/embedded/search/search_index.h"
#include "server/elastic/embedded/search/vector_graph.h"

struct sqlite3_stmt;

namespace sightline::elastic {

/// Each document has one record in the table `search_1_<index number>` of the store's own database, written
/// in the store's transaction; `open` reads all records. Searches look at memory alone.
///
/// SQLite's FTS5 holds no part of this: with text, values and vectors in one memory that changes in one step
/// at commit, a search sees one moment of all of them, and scores need statistics of live documents alone.
class LocalSearchIndex : public SearchIndex {
 public:
  static Result<std::unique_ptr<LocalSearchIndex>> open(sqlite3* connection, std::int64_t index_number,
                                                        const Documents& documents);
  ~LocalSearchIndex() override;

  Status add(std::int64_t doc, const ParsedDocument& document,
             std::size_t max_words = std::numeric_limits<std::size_t>::max()) override;
  Status remove(std::int64_t doc) override;
  void commit() override;
  void rollback() override;
  void refresh() override;
  bool needs_refresh() const override { return !waiting_.empty(); }
  std::int64_t visible_count() const override { return static_cast<std::int64_t>(memory_.live_count()); }

  /// What searches see. Under IndexLookup::read_lock it does not change.
  const MemoryIndex& memory() const { return memory_; }

  /// The graph of a dense_vector field whose mapping asks for one, or null while the field has too few
  /// vectors. The first call that finds enough starts building it. Under IndexLookup::read_lock.
  const VectorGraph* graph(const Field& field) const;
  /// Vectors of a field from which on searches use a graph.
  static constexpr std::size_t k_graph_from = 50'000;

 private:
  struct Statement;
  struct Added {
    std::int64_t doc;
    AnalyzedDocument document;
  };

  LocalSearchIndex(sqlite3* connection, std::int64_t index_number);
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
