// Elasticsearch's _bulk: what goes in a body, and what its answer says of each document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::ingest {

/// One picture as the two lines it takes in a bulk body.
struct BulkDocument {
  std::string id;     ///< SHA-256 of the file's bytes
  std::string name;   ///< `image_name`, for messages
  std::string lines;  ///< action and source, each ended by '\n'
};

/// Makes the two lines: `{"index":{"_id":...}}` and the source with `image_name`, `image_data` (base64 of
/// `content`) and the ready members of `attributes`.
BulkDocument make_document(const std::string& name, std::string_view content, std::string_view attributes);

/// What became of one document of a bulk.
struct BulkOutcome {
  enum class Kind {
    stored,
    retry,   ///< refused for load (429) or by a cluster not ready (502, 503, 504): may succeed later
    failed,  ///< refused for what it is
  };
  Kind kind = Kind::failed;
  int status = 0;
  std::string reason;  ///< empty if stored
};

/// The kind of an HTTP status, of a whole answer or of one item.
BulkOutcome::Kind kind_of_status(int status);

/// Reads the answer to a bulk of `expected` documents. Errors: unavailable if it does not list just so many
/// items.
Result<std::vector<BulkOutcome>> read_bulk_answer(const std::string& body, std::size_t expected);

}  // namespace sightline::ingest
