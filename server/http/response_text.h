// Responses as bytes on the wire.
#pragma once

#include <string>

#include "server/http/message.h"

namespace sightline::http {

/// How one response is framed.
struct Framing {
  bool head_only = false;  ///< the request was HEAD: same fields, no body
  bool http_1_0 = false;   ///< the client speaks HTTP/1.0: the answer must announce that the connection stays open
  bool close = false;      ///< the connection ends after this response
};

/// Status line, fields and body.
///
/// Content-Length, Connection, Date and Content-Type are ours: fields of these names in `response.headers`
/// are left out (but a HEAD response may bring the Content-Length that GET would have, as a proxy needs it).
/// Control characters in names or values cannot break a line: they become spaces, and a field whose name is not a
/// token is left out. 1xx, 204 and 304 have no body.
std::string response_text(const Response& response, const Framing& framing);
/// The same without the body, and whether that follows.
std::string response_head_text(const Response& response, const Framing& framing);
bool has_body_text(const Response& response, const Framing& framing);

/// How the end of a streamed body is marked.
enum class BodyFraming {
  none,         ///< HEAD, 204, 304: there is no body
  by_length,    ///< Content-Length
  chunked,      ///< HTTP/1.1 without a length
  until_close,  ///< HTTP/1.0 without a length: the connection must end after it
};
BodyFraming body_framing(const ResponseHead& head, const Framing& framing);

/// Status line and fields of a streamed response. Names and values are treated as those of `response_text`,
/// but Content-Type and Date go out as they are given.
std::string head_text(const ResponseHead& head, BodyFraming body, const Framing& framing);

/// "OK", "Too Many Requests", ...; empty for an unknown code.
const char* reason_phrase(int status);

/// The error body of a server without `Options::error_response`: {"error":{"message":...,"code":...}}.
Response plain_error_response(int status, const std::string& message);

}  // namespace sightline::http
