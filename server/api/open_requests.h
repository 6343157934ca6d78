// The requests that are being handled, for operators.
#pragma once

#include <cstddef>
#include <string>

#include "base/request_trace.h"
#include "server/http/message.h"

namespace sightline::api {

/// Requests per answer of /debug/requests.
inline constexpr std::size_t k_most_listed = 200;

/// Whether a program on this machine sent the request: its peer is a loopback address, and no field says that a proxy
/// forwarded it for another.
bool is_local(const http::Request& request);

/// `{"total": ..., "requests": [...]}`. Times are in milliseconds.
std::string listing_json(const RequestBook::Listing& listing);

}  // namespace sightline::api
