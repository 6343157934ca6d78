// Pictures in the fields of documents, read through the Elasticsearch side with the caller's credentials.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/encoded_picture.h"
#include "base/result.h"
#include "server/http/message.h"
#include "server/web/pictures/picture_request.h"

namespace sightline::pictures {

/// Sends a request to the Elasticsearch side and waits for its answer. Called from any thread. May throw
/// WorkCancelled.
using Ask = std::function<http::Response(http::Request)>;

/// A document's version, as counted by Elasticsearch: two writes in one index never have the same.
struct DocumentVersion {
  std::string index;  ///< the index itself, also if an alias was requested
  std::int64_t seq_no = -1;
  std::int64_t primary_term = -1;
};

/// Reads documents with the caller's credentials: what the caller may not read is refused by the store of
/// the documents. Thread safety: all members may be called from any thread; they block.
class DocumentPictures {
 public:
  DocumentPictures(Ask ask, std::size_t max_picture_bytes)
      : ask_(std::move(ask)), max_picture_bytes_(max_picture_bytes) {}

  /// Whether there is such a document for the caller, without its content. Refusals: 404, and what the
  /// Elasticsearch side answers (401, 403, 429, ...).
  Result<DocumentVersion, Refusal> look(const PictureRequest& request) const;

  /// Distinguishes `index` from earlier and later ones of its name. Empty: the caller may not see it.
  std::string index_uuid(const PictureRequest& request, const std::string& index) const;

  struct Found {
    DocumentVersion version;
    EncodedPicture picture;  ///< as the document has it, surely of no other kind than base/file_kind.h's five
    std::string url = {};    ///< instead of the picture, where the document has only a link to it: http(s)://...
  };
  /// The picture itself. Where a field `NAME_data` has no value (or `image_data`, the default), a link in `NAME_url` of
  /// the same object stands for it. Refusals: as `look`; 404 where the field or its value is missing, or is nothing that
  /// could be a picture; 422 where it is none of the five kinds.
  Result<Found, Refusal> read(const PictureRequest& request) const;

 private:
  http::Response get(const PictureRequest& request, const std::string& path, const std::string& query) const;

  const Ask ask_;
  const std::size_t max_picture_bytes_;
};

}  // namespace sightline::pictures
