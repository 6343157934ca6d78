#include "server/api/open_requests.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/json/builder.h"
#include "server/http/web_guard.h"

namespace sightline::api {
namespace {

/// To a tenth.
double rounded(double milliseconds) {
  return std::round(milliseconds * 10) / 10;
}

void add_request(json::Builder& out, const RequestSummary& request) {
  const RequestFacts& facts = request.facts;
  out.object().member("port", facts.port).member_or_null("id", facts.id).member_or_null("opaque_id", facts.opaque_id);
  out.member_or_null("trace_id", facts.trace_id).member_or_null("key", facts.key).member("peer", facts.peer);
  out.member("method", facts.method).member("route", facts.route).member_or_null("model", facts.model);
  out.member("inputs", facts.inputs).member("age_ms", rounded(request.age_ms));
  out.member("stage", to_string(request.stage)).object("stages_ms");
  for (std::size_t i = 0; i < k_stages; ++i) {
    if (request.milliseconds[i] > 0) out.member(to_string(static_cast<Stage>(i)), rounded(request.milliseconds[i]));
  }
  out.end().end();
}

}  // namespace

bool is_local(const http::Request& request) {
  static constexpr std::array k_forwarded{"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"};
  const bool forwarded = std::any_of(k_forwarded.begin(), k_forwarded.end(),
                                     [&](const char* name) { return request.headers.get(name).has_value(); });
  std::string_view peer = request.peer;
  if (peer.starts_with("::ffff:")) peer.remove_prefix(7);  // IPv4 at a socket of IPv6
  return http::is_loopback(peer) && !forwarded;
}

std::string listing_json(const RequestBook::Listing& listing) {
  json::Builder out;
  out.object().member("total", listing.total).array("requests");
  for (const RequestSummary& request : listing.requests) add_request(out, request);
  return out.end().end().text();
}

}  // namespace sightline::api
