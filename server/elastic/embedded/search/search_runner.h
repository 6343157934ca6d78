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

/// Searches the indices that `expression` names, at one moment of all of them; or, with a point in time, those
/// that it holds.
///
/// Flow: 1. kNN: each clause's k nearest over all indices together.
///       2. Query: in each index the documents that match, kNN's among them, scores added.
///       3. min_score, aggregations, post_filter, in this order; then the first from + size hits of all.
///       4. Fetch: source and fields of the hits that are shown. A scroll keeps the others.
/// What is refused is answered. Thread safety: may be called from any thread.
http::Response run_search(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                          const SearchBody& body);

/// The next page of a scroll. Without `keep_alive` it is the last one.
http::Response run_scroll(const StoreCore& store, const std::string& id, SearchContexts::KeepAlive keep_alive,
                          bool total_hits_as_int);

/// Keeps this moment of the indices.
http::Response open_point_in_time(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                                  std::chrono::milliseconds keep_alive);

/// Counts the documents that match (null: all).
http::Response run_count(const StoreCore& store, std::string_view expression, const IndicesOptions& options,
                         const QueryPtr& query);

}  // namespace sightline::elastic
