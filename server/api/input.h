// What is a text and what is a picture: the one place that decides.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rapidjson/document.h"
#include "server/serving/embed_request.h"

namespace sightline::api {

/// The request's member `modality`.
enum class ModalityRule {
  automatic,  ///< a string is a picture if it is a data URI, or base64 of a known picture format
  text,       ///< every string is a text, whatever it looks like
  image,      ///< every string is a picture: a data URI, or bare base64
};

struct InputLimits {
  std::size_t max_inputs = 256;  ///< of one request; parts of contents count each
  std::size_t max_text_bytes = 256u << 10;
  std::size_t max_image_bytes = 20u << 20;  ///< decoded from base64; models check the same again
};

/// What one vector is made of: a text, a picture, or several of them.
struct Content {
  std::string place;                  ///< how errors call it: "input 3"
  std::vector<serving::Input> parts;  ///< at least one, each with its own place
};

/// How a request calls its inputs.
struct InputWords {
  const char* member = "input";  ///< of the body
  const char* item = "input";    ///< one of them, in errors: `input 3`
};

/// Reads the member `input` (or its like) of a request: a string, a content object, or an array of both.
///
/// A string is
///   1. with ModalityRule::text: a text.
///   2. `data:image/...;base64,...`: a picture. Other data URIs of pictures are refused.
///   3. with ModalityRule::image: a picture in bare base64. URLs are refused: this server fetches nothing.
///      One text is let through: `how big`, with which Elasticsearch measures a new endpoint's vectors.
///   4. bare base64 whose first bytes are those of a JPEG, PNG, WebP, GIF or BMP: a picture.
///   5. else: a text.
/// A content object says what it is:
///   {"type":"text","text":"..."}, {"type":"text","value":"..."}
///   {"type":"image","image":"<data URI or base64>"}, {"type":"image","format":"base64","value":"..."}
///   {"type":"image_url","image_url":{"url":"data:..."}} or {"type":"image_url","image_url":"data:..."}
///   {"text":"..."}, {"image":"..."}
///   {"content": one of these}, {"content": [one or several of these, for one vector]}
///
/// Errors name the input, counted from 0 (`input 3: ...`, `input 3, part 1: ...`): invalid_argument (wrong
/// type, broken base64 with its offset, token ids, nothing in the array), too_large, unsupported (URLs, other
/// media).
Result<std::vector<Content>> read_contents(const rapidjson::Value& input, ModalityRule rule,
                                           const InputLimits& limits, const InputWords& words = {});

/// The same for one string or content object, which errors call `place`.
Result<Content> read_content(const rapidjson::Value& value, ModalityRule rule, const InputLimits& limits,
                             const std::string& place);

/// "jpeg", "png", "webp", "gif" or "bmp" if `bytes` begin as such a file does, else empty. 30 bytes are
/// enough to tell.
std::string_view picture_format(std::string_view bytes);

}  // namespace sightline::api
