// The parameters of a request for a picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "server/elastic/caller.h"
#include "server/http/message.h"

namespace sightline::pictures {

/// Why there is no picture, as an answer: its status, the code in its body, and a message for any user.
struct Refusal {
  int status = 500;
  std::string code;
  std::string message;
};

/// GET /pictures/{index}/{id}?field=image_data&position=0&size=320&routing=...&v=...
struct PictureRequest {
  std::string index;  ///< or an alias of one; decoded
  std::string id;
  std::string field = "image_data";  ///< `a.b` for a field in an object
  std::string routing;               ///< of the document; empty: by its id
  std::size_t position = 0;          ///< among the values of the field, those of arrays in order
  std::uint32_t edge = 0;            ///< of the thumbnail, one of a few steps; 0: the picture itself
  bool versioned = false;            ///< `v` is given: the address changes whenever the picture does
  std::string if_none_match;         ///< the header; empty without
  elastic::Caller caller;
};

/// `index` and `id` are the path's, decoded. Refusals: 400 naming the parameter, 404 for what can be no
/// index.
Result<PictureRequest, Refusal> read_picture_request(const std::string& index, const std::string& id,
                                                     const http::Request& request);

}  // namespace sightline::pictures
