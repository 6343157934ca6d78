// What the front decides about a request.
#pragma once

#include <variant>

#include "server/http/message.h"

namespace sightline::elastic {

/// The answer; or the request that the store shall answer, changed or as it came, whose answer is the
/// client's untouched.
using Outcome = std::variant<http::Response, http::Request>;

}  // namespace sightline::elastic
