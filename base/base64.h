// Base64 (RFC 4648).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline {

/// Decodes standard base64. Padding may be absent; line breaks (CR, LF) are skipped, as MIME writers put them
/// in. Errors: invalid_argument naming the offset of the first character that is invalid.
Result<std::string> base64_decode(std::string_view text);

/// The same as browsers read data URLs: all whitespace is skipped. RFC 4648's URL-safe alphabet (`-` and `_`) is
/// accepted too. Errors as above; and invalid_argument where spaces replace `+`, which happens if a form or a
/// query string is not encoded: the bytes would be wrong.
Result<std::string> base64_decode_leniently(std::string_view text);

/// Encodes with padding and without line breaks.
std::string base64_encode(std::span<const std::byte> bytes);
std::string base64_encode(std::string_view bytes);

}  // namespace sightline
