// Writes documents.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/store_core.h"

namespace sightline::elastic {

/// One thing to be done to one document.
struct DocumentWrite {
  enum class Action { index, create, update, remove };
  Action action = Action::index;
  std::string index;        ///< name or alias
  std::string id;           ///< empty: one is made
  std::string_view source;  ///< the document; of an update its body: `{"doc":{..}}`
  std::optional<std::int64_t> if_seq_no, if_primary_term;
  bool wants_source = false;  ///< of an update: give back the new source
};

struct WriteResult {
  std::string index, id;
  std::string result;  ///< created, updated, deleted, not_found, noop
  std::int64_t version = 0, seq_no = 0;
  int copies = 2;           ///< shards that a write goes to: `_shards.total`
  std::string source = {};  ///< of an update, if wanted: the new one, vectors included

  int status() const { return result == "created" ? 201 : result == "not_found" ? 404 : 200; }
};

/// Does the writes of one request, in order, in as many transactions as keep each short: other writers and
/// searches get in between. A write that fails leaves the others alone.
class DocumentWriter {
 public:
  explicit DocumentWriter(StoreCore& store) : store_(store) {}

  /// Does the first of `writes`, at least one, in one transaction that is on disk when it returns. Missing
  /// indices are made first. The answers, one per write that was done: an item that failed has its error.
  /// Errors of the whole: storage_error; then nothing of `writes` is done. Throws WorkCancelled with the same
  /// effect.
  Answer<std::vector<Answer<WriteResult>>> write(std::span<const DocumentWrite> writes);
  /// Searches see what was written; without it within the refresh interval of a second.
  void refresh();

 private:
  StoreCore& store_;
  std::map<std::string, Refusal> indices_;  // named so far, and why one could not be made
  std::vector<IndexPtr> written_;
};

}  // namespace sightline::elastic
