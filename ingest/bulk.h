// Elasticsearch's _bulk: what goes in a body, and what its answer says of each document.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightline::ingest {

/// What an index holds under an id.
struct StoredDocument {
  bool found = false;
  std::string name;     ///< its `image_name`
  std::string members;  ///< the rest of its source: JSON without braces, without what is written anew
  std::optional<std::uint64_t> sequence_number, primary_term;
};

/// One document as the two lines it takes in a bulk body.
struct BulkDocument {
  std::string id;
  std::string name;      ///< `image_name`, for messages
  std::string pictures;  ///< JSON members: `image_name`, `image_data` (base64) and what else holds bytes
  std::vector<std::string> picture_fields;  ///< those that hold bytes
  std::string attributes;                   ///< JSON members of this load
  std::string action;                       ///< the first line; set by `write_anew` and `write_over`
  std::string fields;                       ///< JSON members: `attributes`, and what is kept of the stored document

  /// Replaces whatever the index holds.
  void write_anew();
  /// Keeps the fields that this load does not bring. Fails with a conflict (409) if the index holds another
  /// version by then.
  void write_over(const StoredDocument& stored);
  /// Writing it would change an attribute that this load brings, or a picture that `stored` has. With
  /// `needs_pictures` also, if `stored` lacks one of the pictures.
  bool changes(const StoredDocument& stored, bool needs_pictures = false) const;
  /// A picture that `stored` has is another one; with `needs_pictures` also, if `stored` lacks one of the pictures.
  bool changes_pictures(const StoredDocument& stored, bool needs_pictures) const;
  /// One of these attributes is not in `stored` as this load brings it.
  bool changes_any_of(const std::vector<std::string>& names, const StoredDocument& stored) const;

  std::size_t bytes() const { return action.size() + pictures.size() + fields.size() + (fields.empty() ? 4 : 5); }
  void append_lines(std::string& body) const;
};

/// Makes a document with nothing but its pictures: pairs of a field and the bytes in it.
BulkDocument make_document(std::string id, const std::string& name,
                           const std::vector<std::pair<std::string, std::string_view>>& pictures,
                           std::string_view attributes);

/// What became of one document of a bulk.
struct BulkOutcome {
  enum class Kind {
    stored,
    retry,     ///< refused for load (429) or by a cluster not ready (502, 503, 504): may succeed later
    conflict,  ///< another writer was faster (409): to be read again and sent again
    failed,    ///< refused for what it is
  };
  Kind kind = Kind::failed;
  int status = 0;
  std::string reason;  ///< empty if stored
};

/// The kind of one item's status.
BulkOutcome::Kind kind_of_status(int status);
/// The kind of the HTTP status of a whole bulk's answer, other than 200. A proxy's 408 and 5xx say nothing of what the
/// cluster made of the bulk: the answer is lost.
BulkOutcome::Kind kind_of_whole_bulk(int status);

/// The answer to a bulk.
struct BulkAnswer {
  std::vector<BulkOutcome> outcomes;         ///< of its documents, in order
  std::chrono::milliseconds took{0};         ///< for indexing
  std::chrono::milliseconds ingest_took{0};  ///< in the pipeline; 0: there was none
};

/// Reads the answer to a bulk of documents with these ids. Errors: unavailable if it does not list just these, in this
/// order.
Result<BulkAnswer> read_bulk_answer(const std::string& body, const std::vector<std::string>& ids);

}  // namespace sightline::ingest
