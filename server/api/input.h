// Whether an input is a text or a picture: the only place that decides this.
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
  automatic,  ///< a string is a picture if it is a data URL, or base64 of a supported picture format
  text,       ///< every string is a text, whatever it looks like
  image,      ///< every string is a picture: a data URL, or bare base64
};

struct InputLimits {
  std::size_t max_inputs = 256;  ///< of one request; parts of contents count each
  std::size_t max_text_bytes = 256u << 10;
  std::size_t max_image_bytes = 20u << 20;  ///< decoded from base64; models check the same again
  bool fetches_links = false;               ///< pictures may be given by URL: --allow-picture-urls
};

/// The content of one vector: a text, a picture, or several of them.
struct Content {
  std::string place;                  ///< its name in errors: "input 3"
  std::vector<serving::Input> parts;  ///< at least one, each with its own place
  std::vector<std::size_t> links;     ///< of the parts: pictures that are not fetched yet; their bytes are the URL
  bool has_address = false;           ///< one of the texts looks like a link to a picture
};

/// The names of a request's inputs.
struct InputWords {
  const char* member = "input";  ///< of the body
  const char* item = "input";    ///< one of them, in errors: `input 3`
};

/// Reads the member `input` (or its like) of a request: a string, a content object, or an array of both.
///
/// A string is
///   1. with ModalityRule::text: a text.
///   2. a data URL (see read_data_url): a picture, whatever type its header names: only the bytes count. One that
///      contains no picture is refused.
///   3. with ModalityRule::image: a picture in bare base64, or the http(s) URL of one if
///      InputLimits::fetches_links. Other links are refused.
///      One text is accepted: `how big`, with which Elasticsearch measures a new endpoint's vectors.
///   4. bare base64 whose first bytes are those of a JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF: a picture.
///   5. else: a text; `Content::has_address` is set if it is a link to a picture.
/// A content object has a type:
///   {"type":"text","text":"..."}, {"type":"text","value":"..."}
///   {"type":"image","image":"<data URL or base64>"}, {"type":"image","format":"base64","value":"..."}
///   {"type":"image_url","image_url":{"url":"data:..."}} or {"type":"image_url","image_url":"data:..."}
///   (all of a picture also with the URL of one, as in 3)
///   {"text":"..."}, {"image":"..."}
///   {"content": one of these}, {"content": [one or several of these, for one vector]}
///
/// A text in a content object must not be 2 or 4, unless the rule is ModalityRule::text.
///
/// Errors name the input, counted from 0 (`input 3: ...`, `input 3, part 1: ...`): invalid_argument (wrong
/// type, broken base64 with its offset, token ids, nothing in the array), too_large, unsupported (URLs, other
/// media).
Result<std::vector<Content>> read_contents(const rapidjson::Value& input, ModalityRule rule, const InputLimits& limits,
                                           const InputWords& words = {});

/// The same for one string or content object, named `place` in errors.
Result<Content> read_content(const rapidjson::Value& value, ModalityRule rule, const InputLimits& limits,
                             const std::string& place);

}  // namespace sightline::api
