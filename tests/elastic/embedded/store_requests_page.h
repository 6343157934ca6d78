// What the embedded store does with each member of a request, as a page of the docs.
#pragma once

#include <string>

#include "server/elastic/rest/router.h"

namespace sightline::elastic {

/// docs/store_requests.md, made of the tables that requests are read by: the parameters of `routes`, and the
/// members of every body.
std::string store_requests_page(const rest::Router& routes);

}  // namespace sightline::elastic
