// The search requests of the embedded store.
#pragma once

#include "server/elastic/embedded/index.h"
#include "server/elastic/embedded/search/search_contexts.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {

/// Adds _search, _count, _msearch and _analyze, each with and without an index in front; scrolls and points in
/// time, which are kept in `contexts`. All must outlive the router.
void add_search_handlers(rest::Router& router, IndexLookup& indices, SearchContexts& contexts);

}  // namespace sightline::elastic
