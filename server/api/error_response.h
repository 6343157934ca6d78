// Errors as HTTP answers: the only place where a code becomes a status.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::api {

/// The format of a route's errors.
enum class ErrorShape {
  openai,        ///< {"error":{"message","type","code","param"}}
  cohere,        ///< {"message"}
  hugging_face,  ///< {"error","error_type"}, as text-embeddings-inference
  elastic,       ///< {"error":{"root_cause":[...],"type","reason"},"status"}
};

/// The HTTP status of an error.
///
/// Elasticsearch retries nothing but 429 and broken connections, and shows its user a 5xx as a 400. So
/// errors caused by load are 429, also a deadline that passed in a queue, and a client's mistake is
/// never 5xx.
int status_of(ErrorCode code);

/// 429 has the field Retry-After. `param`: the wrong member of the body; may be empty.
http::Response error_response(ErrorShape shape, const Error& error, std::string_view param = {});

/// An answer with a status that no ErrorCode has: 401, 405, 431 ...
http::Response error_response(ErrorShape shape, int status, std::string_view code, std::string_view message,
                              std::string_view param = {});

/// The body of an error in Elasticsearch's format.
std::string elastic_error_body(int status, std::string_view type, std::string_view reason);

}  // namespace sightline::api
