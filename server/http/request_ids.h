// The ids by which a request is followed through the logs of several servers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/message.h"

namespace sightline::http {

/// A path as it may be in a line of any log, JSON too: what is no plain URL character is percent-encoded, and what
/// goes beyond 200 characters is left out.
std::string logged_path(std::string_view path);

/// X-Opaque-Id, if it is plain (visible ASCII without '"' and '\') and has 1 to 200 characters; else nothing.
std::optional<std::string_view> opaque_id_of(const Headers& headers);

/// `traceparent`, if it has exactly the four fields of W3C Trace Context (version, trace id, parent id, flags), in
/// lower-case hexadecimal digits, its ids are not all zero, its version is not ff, and it appears once. Else nothing.
std::optional<std::string_view> traceparent_of(const Headers& headers);
/// The trace id of a valid `traceparent`, 32 digits; else empty.
std::string trace_id_of(const Headers& headers);

/// What a call made on behalf of a request carries of these: X-Opaque-Id, traceparent, and with a traceparent also
/// tracestate, if it is printable ASCII of at most 512 characters.
Headers forwarded_ids(const Headers& headers);

}  // namespace sightline::http
