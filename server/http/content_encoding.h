// Compressed request bodies.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::http {

/// Asked before memory is taken: may so many bytes be held in all? Empty: any number.
using Room = std::function<bool(std::size_t bytes)>;

/// Inflates gzip (RFC 1952), members one after the other. Stops as soon as more than `max_bytes` come out, so
/// that a small body that unpacks to gigabytes costs no more than `max_bytes`. Errors: invalid_argument (not
/// gzip, cut short), too_large, overloaded (`room` said no). Throws WorkCancelled.
Result<std::string> gzip_decode(std::string_view packed, std::size_t max_bytes, const Room& room = {});

/// Replaces the body by what its Content-Encoding packs and takes that field away; Content-Length then fits
/// the new body. Without the field, or with `identity`, nothing changes. Errors: those of gzip_decode;
/// unsupported for any other encoding.
Status decode_body(Request& request, std::size_t max_bytes, const Room& room = {});

}  // namespace sightline::http
