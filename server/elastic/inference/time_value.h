// Times as Elasticsearch writes them.
#pragma once

#include <chrono>
#include <string_view>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// A time as Elasticsearch writes it: "30s", "500ms", "2m". Errors: illegal_argument_exception naming the
/// setting.
Answer<std::chrono::milliseconds> parse_time_value(std::string_view text, std::string_view setting);

}  // namespace sightline::elastic
