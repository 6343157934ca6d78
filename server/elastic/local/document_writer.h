// Writes documents: one request, one transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/local/store_core.h"

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

/// Does all of `writes`, in order, in one transaction that is on disk when it returns; searches see it then
/// too if `refresh`, else within the refresh interval of a second. Missing indices are made first. An item
/// that fails leaves the others alone; its answer has `index` and the error. Errors of the whole:
/// storage_error.
Answer<std::vector<Answer<WriteResult>>> write_documents(StoreCore& store,
                                                         const std::vector<DocumentWrite>& writes,
                                                         bool refresh);

}  // namespace sightline::elastic
