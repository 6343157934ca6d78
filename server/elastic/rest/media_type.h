// Content-Type and Accept as Elasticsearch 9 reads them.
#pragma once

#include <optional>
#include <string>

#include "server/elastic/elastic_error.h"
#include "server/http/message.h"

namespace sightline::elastic::rest {

/// What a request's headers ask for.
struct MediaTypes {
  int compatible_with = 0;  ///< of Accept: 8 or 9; 0: none was named
  std::optional<std::string> unsupported_content =
      {};  ///< Content-Type of a body that is not JSON; empty if it has none
};

/// Errors: media_type_header_exception for a header that is no media type, for versions other than 8 and 9,
/// and for versions that differ.
Answer<MediaTypes> check_media_types(const http::Request& request);

/// 406 `Content-Type header [text/plain] is not supported`.
http::Response unsupported_content_type(const std::string& content_type);

}  // namespace sightline::elastic::rest
