// The search requests of the local store.
#pragma once

#include "server/elastic/local/index.h"
#include "server/http/message.h"

namespace sightline::elastic {

/// GET and POST of /_search and /{index}/_search. The router has checked the names of the query parameters.
http::Response handle_search(IndexLookup& indices, const http::Request& request);
/// GET and POST of /_count and /{index}/_count.
http::Response handle_count(IndexLookup& indices, const http::Request& request);
/// GET and POST of /_msearch and /{index}/_msearch.
http::Response handle_msearch(IndexLookup& indices, const http::Request& request);
/// GET and POST of /_analyze and /{index}/_analyze.
http::Response handle_analyze(IndexLookup& indices, const http::Request& request);

}  // namespace sightline::elastic
