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

std::string cause_json(const ShardFailure& failure) {
  std::string out = "{";
  append_pair(out, "type", failure.refused.type);
  append_pair(out, "reason", failure.refused.reason);
  append_pair(out, "index", failure.shard->index->name());
  return out + "}";
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
    const std::string cause = cause_json(failure);
    roots += (roots.empty() ? "" : ",") + cause;
    failed += failed.empty() ? "{\"shard\":0" : ",{\"shard\":0";
    append_pair(failed, "index", failure.shard->index->name());
    failed += ",\"reason\":" + cause + "}";
  }
  std::string out = "{\"error\":{\"root_cause\":[" + roots + "]";
  append_pair(out, "type", "search_phase_execution_exception");
  append_pair(out, "reason", failures.size() == shards ? "all shards failed" : "Partial shards failure");
  append_pair(out, "phase", phase);
  return {400, out + ",\"grouped\":true,\"failed_shards\":[" + failed + "]},\"status\":400}"};
}

Reply context_missing(std::string_view id) {
  ElasticError error{404, "search_phase_execution_exception", "all shards failed"};
  error.causes = {{404, "search_context_missing_exception", "No search context found for id [" + shortened(id) + "]"}};
  error.root_is_cause = true;
  return reply_of(error);
}

void append_decimal(std::string& out, float value) {
  append_number(out, value);
}
void append_decimal(std::string& out, double value) {
  append_number(out, value);
}

}  // namespace sightline::elastic
