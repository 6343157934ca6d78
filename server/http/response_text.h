// Responses as bytes on the wire.
#pragma once

#include <string>

#include "server/http/message.h"

namespace sightline::http {

/// How one response is framed.
struct Framing {
  bool head_only = false;  ///< the request was HEAD: same fields, no body
  bool http_1_0 = false;   ///< the client speaks HTTP/1.0: it must be told that the connection stays open
  bool close = false;      ///< the connection ends after this response
};

/// Status line, fields and body.
///
/// Content-Length, Connection, Date and Content-Type are ours: fields of these names in `response.headers`
/// are left out (but a HEAD response may bring the Content-Length that GET would have, as a proxy needs it).
/// Control characters in names or values can break no line: they become blanks, and a field whose name is no
/// token is left out. 1xx, 204 and 304 have no body.
std::string response_text(const Response& response, const Framing& framing);

/// "OK", "Too Many Requests", ...; empty for an unknown code.
const char* reason_phrase(int status);

/// The error body of a server without `Options::error_response`: {"error":{"message":...,"code":...}}.
Response plain_error_response(int status, const std::string& message);

}  // namespace sightline::http
