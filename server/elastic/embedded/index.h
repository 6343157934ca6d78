// One index of the embedded store, as the search side sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/embedded/visibility_lock.h"
#include "server/elastic/limits.h"

namespace sightline::elastic {

class SearchIndex;

/// A document as it is stored.
struct StoredDocument {
  std::int64_t number = 0;
  std::string id;
  std::string source;  ///< JSON text as it was sent, dense vectors cut out unless asked for
  std::int64_t version = 0;
  std::int64_t seq_no = 0;
};

/// One index. `number` is unique in the store and never used again.
/// A document's number is its sequence number: unique in the index, growing with every write, new when a
/// document is replaced; so ties in score are broken by it, as Lucene breaks them. Thread safety: all members
/// may be called from any thread; see IndexLookup::read_lock for what stays in step.
class Index {
 public:
  virtual ~Index() = default;

  virtual const std::string& name() const = 0;
  virtual const std::string& uuid() const = 0;
  virtual std::int64_t number() const = 0;
  /// The mapping now. It does not change under the caller.
  virtual std::shared_ptr<const Mapping> mapping() const = 0;
  /// A setting by its full dotted name as text ("index.max_result_window"); nothing if it was not set.
  virtual std::optional<std::string> setting(std::string_view name) const = 0;
  virtual std::int64_t document_count() const = 0;
  virtual SearchIndex& search() const = 0;

  /// A live document; nothing if there is none of that number. `with_vectors` puts dense vectors back into
  /// the source. Errors: corrupt_data, internal (SQLite's message).
  virtual Result<std::optional<StoredDocument>> fetch(std::int64_t number, bool with_vectors) const = 0;
  /// The number of the live document with that _id.
  virtual Result<std::optional<std::int64_t>> find(std::string_view id) const = 0;
  /// One dense vector of a document; empty if it has none.
  virtual Result<std::vector<float>> fetch_vector(std::int64_t number, std::string_view path) const = 0;
};

/// How an index expression ("l", "a,b", "log-*", "_all", "") is read.
struct IndicesOptions {
  bool ignore_unavailable = false;  ///< names without an index are skipped
  bool allow_no_indices = true;     ///< wildcards may fit nothing
  bool expand_open = true;          ///< wildcards find indices
  bool expand_hidden = false;       ///< and hidden ones

  bool operator==(const IndicesOptions&) const = default;
};

/// Reads expand_wildcards: a comma list of `open`, `closed`, `hidden`, `none`, `all`. Errors: other words.
Refusal read_wildcard_states(std::string_view states, IndicesOptions& options);

/// The store's indices by name.
class IndexLookup {
 public:
  virtual ~IndexLookup() = default;
  /// The indices that `expression` names, through aliases and wildcards too, each once. Errors:
  /// index_not_found_exception.
  virtual Answer<std::vector<std::shared_ptr<Index>>> resolve(std::string_view expression,
                                                              const IndicesOptions& options) const = 0;
  /// While this is held no write becomes visible: counts, search() and fetch() of all indices show the same
  /// moment. Writers wait, so hold it for one search and no longer, and never take it twice in one thread.
  virtual VisibilityLock::Reader read_lock() const = 0;
  /// What one request may cost.
  virtual const Limits& limits() const = 0;
};

}  // namespace sightline::elastic
