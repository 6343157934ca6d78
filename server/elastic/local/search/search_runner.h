// One search, from its parsed body to its answer.
#pragma once

#include <string_view>

#include "server/elastic/local/index.h"
#include "server/elastic/local/search/search_body.h"
#include "server/elastic/local/search/search_errors.h"

namespace sightline::elastic {

/// Searches the indices that `expression` names, at one moment of all of them.
///
/// Flow: 1. kNN: each clause's k nearest over all indices together.
///       2. Query: in each index the documents that match, kNN's among them, scores added.
///       3. min_score, aggregations, post_filter, in this order; then the first from + size hits of all.
///       4. Fetch: source and fields of the hits that are shown.
/// Thread safety: may be called from any thread.
Reply run_search(const IndexLookup& indices, std::string_view expression, const IndicesOptions& options,
                 const SearchBody& body);

/// Counts the documents that match (null: all), with at least that score.
Reply run_count(const IndexLookup& indices, std::string_view expression, const IndicesOptions& options,
                const QueryPtr& query, std::optional<float> min_score);

}  // namespace sightline::elastic
