// Compressed request bodies.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::http {

/// Called before memory is allocated: whether so many bytes are allowed in total. Empty: any number.
using Room = std::function<bool(std::size_t bytes)>;

/// Inflates gzip (RFC 1952), members one after the other. Stops as soon as more than `max_bytes` come out, so
/// that a small body that decompresses to gigabytes costs no more than `max_bytes`. Errors: invalid_argument (not
/// gzip, truncated), too_large, overloaded (`room` returned false). Throws WorkCancelled.
Result<std::string> gzip_decode(std::string_view packed, std::size_t max_bytes, const Room& room = {});

/// Decompresses the body by its Content-Encoding and removes that field; Content-Length then fits
/// the new body. Without the field, or with `identity`, nothing changes. Errors: those of gzip_decode;
/// unsupported for any other encoding.
Status decode_body(Request& request, std::size_t max_bytes, const Room& room = {});

}  // namespace sightline::http
