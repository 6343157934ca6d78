// One write transaction: rows, mappings and search of all indices it touches.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/embedded/update_body.h"

namespace sightline::elastic {

/// Holds the store's write lock while it lives. Without `commit` everything is as it was.
class WriteTransaction {
 public:
  explicit WriteTransaction(StoreCore& store) : store_(store), lock_(store.write_mutex_) {}
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;

  /// Before `begin`: makes the index that `name` stands for if there is none.
  Refusal ensure_index(const std::string& name);
  Status begin();
  /// An error of the item; check `failure` for one of the whole.
  Answer<WriteResult> apply(const DocumentWrite& write);
  /// What went wrong with the disk or SQLite: the transaction cannot be committed.
  const Status& failure() const { return failure_; }
  /// On disk; seen by searches within the refresh interval.
  Status commit();
  /// Those that were written to.
  std::vector<IndexPtr> indices() const;

 private:
  /// An index as this transaction leaves it.
  struct Staged {
    IndexPtr index;
    std::shared_ptr<const Mapping> mapping;
    std::int64_t next_seq_no = 0;
    std::int64_t count = 0;
    bool pruned = false;  // versions of documents deleted long ago are forgotten
  };
  /// A document as it is now, in the transaction's eyes.
  struct Current {
    std::int64_t number = 0, version = 0;
    bool live = false;  // else: deleted lately, with that version
  };

  Answer<Staged*> stage(const std::string& name);
  Status prune(Staged& staged);
  Status save_staged();
  Answer<std::optional<Current>> current(const Staged& staged, const std::string& id);
  Answer<WriteResult> put(Staged& staged, const std::string& id, std::string_view source,
                          const std::optional<Current>& before, const char* result);
  Answer<WriteResult> index(Staged& staged, const DocumentWrite& write);
  Answer<WriteResult> remove(Staged& staged, const DocumentWrite& write);
  Answer<WriteResult> update(Staged& staged, const DocumentWrite& write);
  Answer<WriteResult> update_existing(Staged& staged, const DocumentWrite& write, const UpdateBody& body,
                                      const Current& before);
  Status erase_rows(Staged& staged, std::int64_t number);
  Status insert_rows(Staged& staged, std::int64_t number, std::int64_t version, const std::string& id,
                     const PreparedDocument& document);
  Refusal check_conflict(const Staged& staged, const DocumentWrite& write, const std::string& id,
                         const std::optional<Current>& before) const;
  ElasticError fail(Error error);
  ElasticError fail(const Status& status) { return fail(status.error()); }
  WriteResult result(const Staged& staged, const std::string& id, std::int64_t version, std::int64_t seq_no,
                     const char* what) const;

  StoreCore& store_;
  std::unique_lock<TurnMutex> lock_;
  bool open_ = false;
  Status failure_;
  std::map<StoredIndex*, Staged> staged_;
  std::unordered_map<std::string, Staged*> by_name_;  // names and aliases do not change meanwhile
};

}  // namespace sightline::elastic
