// Templates of searches that need inference.
#pragma once

#include <string_view>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// 400 if `body`, of a search by template, brings its own template (as a string or as an object) with a query
/// vector builder of a kind that needs an endpoint.
Refusal refused_template(std::string_view body);

}  // namespace sightline::elastic
