// Reads a picture's file from the text that contains it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline {

/// A picture's file, not inspected yet.
struct EncodedPicture {
  std::string bytes;
  /// Where a data URL's header hides what the bytes are: " [data:text/plain;base64]", for messages. Else
  /// empty.
  std::string place = {};
};

/// Reads `text`, which is meant to be a picture: a data URL, or bare base64. Errors: invalid_argument
/// (neither; no bytes), unsupported (a link to a picture), too_large (over `max_bytes`, found before it
/// is decoded where that can be).
Result<EncodedPicture> read_encoded_picture(std::string_view text, std::size_t max_bytes);

/// The beginning of `text` for a message, in brackets.
std::string shown(std::string_view text);

}  // namespace sightline
