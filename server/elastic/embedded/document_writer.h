// Writes documents.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/elastic/embedded/store_core.h"

namespace sightline::elastic {

/// One write of one document.
struct DocumentWrite {
  enum class Action { index, create, update, remove };
  Action action = Action::index;
  std::string index;        ///< name or alias
  std::string id;           ///< empty: an id is generated
  std::string_view source;  ///< the document; for an update its body: `{"doc":{..}}`
  std::optional<std::int64_t> if_seq_no, if_primary_term;
  /// Of an update: what to return of the new source; null: nothing.
  std::shared_ptr<const rest::SourceFilter> shown = {};
  bool retries = false;  ///< of an update: retry_on_conflict is above zero
};

struct WriteResult {
  std::string index, id;
  std::string result;  ///< created, updated, deleted, not_found, noop
  std::int64_t version = 0, seq_no = 0;
  int copies = 2;           ///< copies of the shard, replicas included: `_shards.total`
  std::string source = {};  ///< of an update, if requested: the new source

  int status() const { return result == "created" ? 201 : result == "not_found" ? 404 : 200; }
};

/// The body of an update, `{"doc":{..},"doc_as_upsert":true,"upsert":{..},"detect_noop":true}`. Texts are views of
/// the body, empty if absent.
struct UpdateBody {
  std::string_view doc, upsert;
  bool doc_as_upsert = false;
  bool detect_noop = true;
  std::optional<rest::SourceFilter> shown;  ///< `_source`; empty: the request decides
};

/// Refuses unknown members, and a body without `doc`: action_request_validation_exception.
UpdateBody parse_update_body(std::string_view body);
/// `if_seq_no` or `if_primary_term`. Refuses texts that are not numbers, and negative numbers.
std::optional<std::int64_t> sequence_number(std::string_view name, const std::string& text);
/// Refuses a write that has only one of the two, or both where they are not supported. Throws as parse_update_body.
void check_sequence_numbers(const DocumentWrite& write);

/// One write transaction: rows, mappings and search of all indices that it touches. Holds the store's write lock for
/// its lifetime. Without `commit` nothing changes. Throws StorageFailed: then it cannot be committed.
class WriteTransaction {
 public:
  explicit WriteTransaction(StoreCore& store) : store_(store), lock_(store.write_mutex_) {}
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;

  /// Call before `begin`: creates the index `name` if no index or alias has this name. Throws Refused.
  void ensure_index(const std::string& name);
  void begin();
  /// Throws Refused: then the write has changed nothing, and others may follow.
  WriteResult apply(const DocumentWrite& write);
  /// Writes the changes to disk. Searches see them within the refresh interval.
  void commit();
  /// The indices that were written to.
  std::vector<IndexPtr> indices() const;

 private:
  /// The state of an index within this transaction.
  struct Staged {
    IndexPtr index;
    GrowingMapping mapping;
    std::int64_t next_seq_no = 0;
    IndexSize size = {};
    bool pruned = false;  // old versions of deleted documents are removed
  };
  /// The current state of a document within the transaction.
  struct Current {
    std::int64_t number = 0, version = 0;  // version 0: never existed, or deleted long ago
    bool live = false;                     // false: deleted recently, with that version
  };

  Staged& stage(const std::string& name);
  void prune(Staged& staged);
  Current current(const Staged& staged, const std::string& id);
  WriteResult put(Staged& staged, const std::string& id, std::string_view source, const Current& before);
  WriteResult remove(Staged& staged, const DocumentWrite& write, const Current& before);
  WriteResult update(Staged& staged, const DocumentWrite& write, const UpdateBody& body, const Current& before);
  void erase_rows(Staged& staged, std::int64_t number);
  void insert_rows(Staged& staged, std::int64_t number, std::int64_t version, const std::string& id,
                   const PreparedDocument& document);
  void check_conflict(const Staged& staged, const DocumentWrite& write, const Current& before) const;
  WriteResult result(const Staged& staged, const std::string& id, std::int64_t version, std::int64_t seq_no,
                     const char* what) const;

  StoreCore& store_;
  std::unique_lock<FairMutex> lock_;
  bool open_ = false;
  std::map<StoredIndex*, Staged> staged_;
  std::unordered_map<std::string, Staged*> by_name_;  // names and aliases do not change meanwhile
};

/// Does the writes of one request, in order, in several short transactions: other writers and searches can run between
/// them. A failed write does not affect the others.
class DocumentWriter {
 public:
  explicit DocumentWriter(StoreCore& store) : store_(store) {}

  /// Does the first of `writes`, at least one, in one transaction that is on disk when this returns. Creates missing
  /// indices first. Returns one answer per write that was done: a failed item has its error. Throws StorageFailed,
  /// WorkCancelled and, as StoreCore::check_readable, Refused: then nothing of `writes` is done.
  std::vector<Answer<WriteResult>> write(std::span<const DocumentWrite> writes);
  /// Makes the writes visible to searches now. Without this call they become visible within the refresh interval of a
  /// second.
  void refresh();

 private:
  StoreCore& store_;
  std::map<std::string, Refusal> indices_;  // indices named so far, and why one could not be created
  std::vector<IndexPtr> written_;
};

}  // namespace sightline::elastic
