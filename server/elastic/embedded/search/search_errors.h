// Failures of searches, as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/shard_view.h"
#include "server/http/message.h"

namespace sightline::elastic {

/// The answer to one search, before it becomes a response of its own or a part of an _msearch.
struct Reply {
  int status = 200;
  std::string body;  ///< a JSON object
};

Reply reply_of(const ElasticError& error);
http::Response response_of(Reply reply);

/// What went wrong in one index.
struct ShardFailure {
  const ShardView* shard;
  ShardRefused refused;
};

/// 400 search_phase_execution_exception. `phase`: "dfs" for top-level knn, else "query"; `shards`: indices
/// searched.
Reply reply_of(const std::vector<ShardFailure>& failures, std::size_t shards, const char* phase);

/// 404 search_context_missing_exception: a scroll or a point in time that is closed, expired or none.
Reply context_missing(std::string_view id);

/// A number as Java prints a float or double that belongs into JSON: always with a point or an exponent.
void append_decimal(std::string& out, float value);
void append_decimal(std::string& out, double value);

}  // namespace sightline::elastic
