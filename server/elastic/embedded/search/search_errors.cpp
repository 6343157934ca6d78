#include "server/elastic/embedded/search/search_errors.h"

#include <array>
#include <charconv>
#include <cmath>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

void append_pair(std::string& out, const char* key, const std::string& value) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += key;
  out += "\":";
  rest::append_json_string(out, shortened(value));
}

std::string cause_json(const ShardFailure& failure, bool with_cause) {
  const ShardRefused& refused = failure.refused;
  std::string out = "{";
  append_pair(out, "type", refused.type);
  append_pair(out, "reason", refused.reason);
  if (refused.names_index) {
    append_pair(out, "index_uuid", failure.shard->index->uuid());
    append_pair(out, "index", failure.shard->index->name());
  }
  if (with_cause && !refused.cause_type.empty()) {
    out += ",\"caused_by\":{";
    append_pair(out, "type", refused.cause_type);
    append_pair(out, "reason", refused.cause_reason);
    out += "}";
  }
  return out + "}";
}

/// Exceptions of Java's own stand beside the failed shards once more, and are named as their own cause.
std::string outer_cause_json(const ShardFailure& failure) {
  std::string out = cause_json(failure, false);
  out.pop_back();
  return out + ",\"caused_by\":" + cause_json(failure, true) + "}";
}

template <class Float>
void append_number(std::string& out, Float value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace

Reply reply_of(const ElasticError& error) {
  return {error.status, error.envelope_json()};
}

http::Response response_of(Reply reply) {
  http::Response response;
  response.status = reply.status;
  response.body = std::move(reply.body);
  return response;
}

Reply reply_of(const std::vector<ShardFailure>& failures, std::size_t shards, const char* phase) {
  std::string roots, failed;
  for (const ShardFailure& failure : failures) {
    const std::string root = cause_json(failure, false);
    if (roots.find(root) == std::string::npos) roots += (roots.empty() ? "" : ",") + root;
    failed += failed.empty() ? "{\"shard\":0" : ",{\"shard\":0";
    append_pair(failed, "index", failure.shard->index->name());
    append_pair(failed, "node", "local");
    failed += ",\"reason\":" + cause_json(failure, true) + "}";
  }
  std::string out = "{\"error\":{\"root_cause\":[" + roots + "]";
  append_pair(out, "type", "search_phase_execution_exception");
  append_pair(out, "reason", failures.size() == shards ? "all shards failed" : "Partial shards failure");
  append_pair(out, "phase", phase);
  out += ",\"grouped\":true,\"failed_shards\":[" + failed + "]";
  if (failures[0].refused.type == "illegal_argument_exception")
    out += ",\"caused_by\":" + outer_cause_json(failures[0]);
  return {400, out + "},\"status\":400}"};
}

Reply context_missing(std::string_view id) {
  std::string cause = "{\"type\":\"search_context_missing_exception\"";
  append_pair(cause, "reason", "No search context found for id [" + shortened(id) + "]");
  cause += "}";
  return {404,
          "{\"error\":{\"root_cause\":[" + cause +
              R"(],"type":"search_phase_execution_exception","reason":"all shards failed","phase":"query",)" +
              R"("grouped":true,"failed_shards":[{"shard":-1,"index":null,"reason":)" + cause +
              "}],\"caused_by\":" + cause + "},\"status\":404}"};
}

void append_decimal(std::string& out, float value) {
  append_number(out, value);
}
void append_decimal(std::string& out, double value) {
  append_number(out, value);
}

}  // namespace sightline::elastic
