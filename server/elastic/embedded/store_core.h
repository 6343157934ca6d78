// The embedded store's indices, and the only code that changes them.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/fair_locks.h"
#include "base/result.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/embedded/sqlite.h"
#include "server/elastic/embedded/store_files.h"
#include "server/elastic/embedded/stored_index.h"
#include "server/elastic/limits.h"

namespace sightline::elastic {

class SearchContexts;

/// The definition of a new index.
struct IndexCreation {
  IndexSettings settings = {};
  Mapping mapping = {};
  Aliases aliases = {};
};

/// One step of POST /_aliases.
struct AliasChange {
  IndexPtr index;
  std::string name;
  std::optional<Alias> alias;  ///< absent: the alias is removed
};

/// All indices of one folder.
///
/// On disk: `store.db`, an SQLite database in WAL mode with every commit forced to disk, and the files of StoreFiles.
/// Tables: `store` (single values), `indices` (one row per index), and for index number N `documents_N`, `vectors_N`
/// (dense vectors, float32), `deleted_N` (versions of recently deleted documents), and the table of SearchIndex.
///
/// Writing: one at a time, each one transaction. Rows and search change together, and readers see the changes together.
///
/// Thread safety: all members may be called from any thread.
class StoreCore {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;
  /// Creates the folder and the database if they are missing. `warn` may be empty. Errors: unavailable (another server
  /// uses the folder), corrupt_data (a broken, missing or foreign file), unsupported (made by a newer version),
  /// internal.
  static Result<std::unique_ptr<StoreCore>> open(const std::filesystem::path& folder, Now now,
                                                 const Limits& limits = {}, Warn warn = {});
  ~StoreCore();

  /// While this lock is held no write becomes visible: counts, search() and fetch() of all indices show the same
  /// moment. Writers wait, so hold it for one search only, and never take it twice in one thread. Before locking, makes
  /// writes visible that have waited for the refresh interval, unless a writer is running, which will do it.
  WriterFirstLock::Reader read_lock() const;
  /// Makes committed writes visible.
  void refresh(const std::vector<IndexPtr>& indices);

  // What follows throws Refused and StorageFailed.

  /// The indices that `expression` names, also through aliases and wildcards, each once. Refuses:
  /// index_not_found_exception.
  std::vector<IndexPtr> find_all(std::string_view expression, const IndicesOptions& options) const;
  /// The one index of a name or alias. Refuses: index_not_found_exception, illegal_argument_exception for several.
  IndexPtr find_one(const std::string& name) const;
  /// The index for writes to this name or alias. Refuses as find_one does.
  IndexPtr find_for_write(const std::string& name) const;

  /// Refuses: invalid_index_name_exception, resource_already_exists_exception, invalid_alias_name_exception.
  IndexPtr create_index(const std::string& name, IndexCreation creation);
  void delete_indices(const std::vector<IndexPtr>& indices);
  void merge_mapping(const std::vector<IndexPtr>& indices, const Mapping& mapping);
  void change_settings(const std::vector<IndexPtr>& indices, const IndexSettings& changes);
  void change_aliases(const std::vector<AliasChange>& changes);

  const Limits& limits() const { return limits_; }
  SearchContexts& search_contexts() const { return *search_contexts_; }
  const std::string& cluster_uuid() const { return cluster_uuid_; }

  /// Why writes are refused, or why the last write failed; empty if writes work.
  std::string problem();
  /// The same as `problem`. Also tries whether writes work again after they failed, and releases expired scrolls and
  /// deleted indices. To be called about once per second.
  void check();

 private:
  friend class WriteTransaction;
  friend class DocumentWriter;

  StoreCore(const std::filesystem::path& folder, Now now, const Limits& limits, Warn warn);
  void create_database();
  void prepare_database();
  void load_indices();
  /// Throws Refused if the row cannot be read.
  static StoredIndex::Definition read_definition(const sqlite::Query& row);
  /// Refuses a changed row that could not be read at the next start. To be called before it is committed.
  void check_readable(std::int64_t number);
  IndexPtr create_index_locked(const std::string& name, IndexCreation creation);
  /// The indices of one name or alias. Refuses wildcards and lists.
  std::vector<IndexPtr> find_named(const std::string& name) const;
  void check_new_aliases(const Aliases& aliases, const std::string& index) const;
  /// Refuses an alias for which two indices are the write index.
  void check_write_indices(const std::map<std::string, Aliases>& changed, const Aliases& added) const;
  /// Refuses a definition beyond the limits for one index: number of aliases, size of the whole definition.
  void check_definition(const IndexSettings& settings, const Mapping& mapping, const Aliases& aliases) const;
  /// Refuses `more` shards if all indices together would exceed the limit.
  void check_shards(std::int64_t more) const;
  std::int64_t insert_index(const StoredIndex::Definition& definition);
  /// Runs `work` in a transaction; an exception rolls back.
  template <class Work>
  void in_transaction(const Work& work);
  /// Throws StorageFailed, unavailable, if the files are not those that were opened: a write would be lost.
  void check_files();
  /// Records a failed write for `problem`.
  void note(const StorageFailed& failed);
  void try_write();
  /// Changes a column of an index's row. Refuses what check_readable refuses.
  void save(const StoredIndex& index, const char* column, const std::string& value);
  void drop_retired();
  bool refresh_is_due() const;
  /// To be called under write_mutex_ and while no search runs.
  void refresh_all() const;

  const Limits limits_;
  const std::filesystem::path folder_;
  StoreFiles files_;
  const std::string& file_ = files_.database();
  StoreHealth health_;
  std::string cluster_uuid_;
  std::unique_ptr<sqlite::Connection> writer_;
  mutable sqlite::ReaderPool readers_;
  mutable WriterFirstLock visibility_;
  const Now now_;
  const std::unique_ptr<SearchContexts> search_contexts_;
  mutable FairMutex write_mutex_;  // one writer: guards writer_ and retired_; locked before the other two
  /// When the next refresh is due for committed writes that are not visible yet; max: nothing waits.
  mutable std::atomic<std::chrono::steady_clock::time_point> refresh_due_{std::chrono::steady_clock::time_point::max()};
  std::vector<IndexPtr> retired_;            // deleted, but perhaps still in use
  mutable std::shared_mutex catalog_mutex_;  // guards indices_; locked last
  std::map<std::string, IndexPtr, std::less<>> indices_;
};

/// 413 for an index whose settings, mapping and aliases would take more than Limits::max_definition_bytes.
ElasticError definition_too_large(std::size_t bytes, const Limits& limits);

/// 500 for a failure of the disk or SQLite; 503 if the store cannot be written at all (unavailable).
ElasticError storage_error(const Error& error);

/// What `work` returns, or its error: for a part of a request whose other parts continue.
template <class Work>
auto part_of_request(const Work& work) -> Answer<decltype(work())> {
  try {
    return answer_of(work);
  } catch (const StorageFailed& failed) {
    return storage_error(failed.error);
  }
}

/// `bytes` random bytes in URL-safe base64 without padding: uuids (16) and document ids (15).
std::string random_name(std::size_t bytes);

}  // namespace sightline::elastic
