// What JSON of a request or of a cluster may become, judged before any of it is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/limits.h"

namespace sightline::elastic::rest {

/// 413 content_too_long_exception if `body` holds more JSON values than `limits` allows: of a bulk by line and
/// together, of all others together. For bodies that are JSON; takes no memory.
Refusal check_json_bounds(std::string_view body, bool is_bulk, const Limits& limits);

/// What is wrong with an answer of a cluster that is to be read here, in words: more JSON values than `limits`
/// allows for a whole bulk, whose answer is the longest. Nothing if it may be read; takes no memory.
std::optional<std::string> answer_bounds_fault(std::string_view answer, const Limits& limits);

}  // namespace sightline::elastic::rest
