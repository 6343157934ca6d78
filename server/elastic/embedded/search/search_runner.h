// One search, from its parsed body to its answer.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/embedded/search/search_contexts.h"
#include "server/elastic/embedded/store_core.h"
#include "server/http/message.h"

namespace sightline::elastic {

/// Searches the indices that `expression` names, all at one moment; or, with a point in time, its indices.
///
/// Flow: 1. kNN: each clause's k nearest over all indices together.
///       2. Query: in each index the documents that match, including those of kNN, scores added.
///       3. min_score, aggregations, post_filter, in this order; then the first from + size hits of all.
///       4. Fetch: source and fields of the hits that are returned. A scroll stores the others.
///
/// Errors become answers. Thread safety: may be called from any thread.
http::Response run_search(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                          const SearchBody& body);

/// The next page of a scroll. Without `keep_alive` it is the last one.
http::Response run_scroll(const StoreCore& store, const std::string& id, SearchContexts::KeepAlive keep_alive,
                          bool total_hits_as_int);

/// Opens a point in time of the indices, which expires `keep_alive` after its last use.
http::Response open_point_in_time(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                                  std::chrono::milliseconds keep_alive);

/// Counts the documents that match (null: all).
http::Response run_count(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                         const QueryPtr& query);

}  // namespace sightline::elastic
