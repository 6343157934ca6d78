// Whether a client already has an answer.
#pragma once

#include <string>
#include <string_view>

#include "server/http/message.h"

namespace sightline::http {

/// All fields of that name as one comma-separated list.
std::string field_list(const Headers& headers, std::string_view name);

/// True if `known_tags`, the fields If-None-Match as one list, has `tag` (with its quotes) or is `*`. The
/// comparison is weak, as a proxy may have weakened the tag (RFC 9110 13.1.2).
bool names_tag(std::string_view known_tags, std::string_view tag);

}  // namespace sightline::http
