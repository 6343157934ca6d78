#include "server/elastic/gateway/gateway.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "base/json/builder.h"
#include "server/elastic/rest/rest_layer.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_status_path = "/_sightline/gateway";

bool asks_for_status(const http::Request& request) {
  return request.path == k_status_path && (request.method == http::Method::get || request.method == http::Method::head);
}

/// True if a proxy before the cluster could resolve the path to another one, which the front has not judged: "..", also
/// in escapes.
bool may_lead_elsewhere(const http::Request& request) {
  if (!request.path.starts_with('/')) return true;
  const auto parts = request.path_parts();
  return std::any_of(parts.begin(), parts.end(), [](std::string_view part) {
    while (!part.empty()) {
      const auto name = part.substr(0, part.find_first_of("/\\"));
      if (name == "." || name == "..") return true;
      part.remove_prefix(std::min(part.size(), name.size() + 1));
    }
    return false;
  });
}

ElasticError ambiguous_path(const http::Request& request) {
  return illegal_argument(
      "the path [" + request.path.substr(0, 200) +
      "] must begin with / and have no part that is . or .., also in escapes: what it leads to depends "
      "on what is before the cluster");
}

}  // namespace

Gateway::Gateway(std::shared_ptr<Cluster> cluster, std::unique_ptr<ClusterStore> store,
                 std::unique_ptr<PassThrough> pass_through, GatewayMode mode, const Timer& timer)
    : cluster_(std::move(cluster)),
      store_(std::move(store)),
      pass_through_(std::move(pass_through)),
      mode_(mode),
      probe_(*store_, timer, mode) {}

Result<std::unique_ptr<Gateway>> Gateway::create(Cluster::Options options, GatewayMode mode, Timer& timer,
                                                 const Limits& limits) {
  auto cluster = Cluster::create(std::move(options), timer);
  if (!cluster) return cluster.error();
  auto store = ClusterStore::create(*cluster, timer, limits);
  if (!store) return store.error();
  auto pass_through = PassThrough::create(*cluster, timer);
  if (!pass_through) return pass_through.error();
  return std::unique_ptr<Gateway>(
      new Gateway(*std::move(cluster), *std::move(store), *std::move(pass_through), mode, timer));
}

void Gateway::handle(Front& front, http::Request request, http::Reply reply) {
  const rest::AnswerShape shape(request, front.limits());
  Outcome outcome = outcome_of(front, shape, std::move(request));
  if (auto* const passed = std::get_if<http::Request>(&outcome))
    return pass_through_->send(std::move(*passed), std::move(reply));
  reply.send(std::get<http::Response>(std::move(outcome)));
}

http::Response Gateway::ask(Front& front, http::Request request) {
  const rest::AnswerShape shape(request, front.limits());
  Outcome outcome = outcome_of(front, shape, std::move(request));
  if (const auto* const passed = std::get_if<http::Request>(&outcome)) return store_->handle(*passed);
  return std::get<http::Response>(std::move(outcome));
}

/// The answer in its shape, or what the cluster answers; counted as such.
Outcome Gateway::outcome_of(Front& front, const rest::AnswerShape& shape, http::Request request) {
  Outcome outcome = shape.refusal()               ? Outcome(shape.refusal()->response())
                    : may_lead_elsewhere(request) ? Outcome(ambiguous_path(request).response())
                    : asks_for_status(request)    ? Outcome(status(front, request))
                                                  : front.decide(std::move(request));
  auto* const answer = std::get_if<http::Response>(&outcome);
  cluster_->count(answer ? GatewayEvent::answered_here : GatewayEvent::passed_on);
  if (answer) shape.apply(*answer);
  return outcome;
}

http::Response Gateway::status(Front& front, const http::Request& request) {
  const Caller caller = caller_of(request);
  const ClusterProbe::Findings findings = probe_.findings(caller);
  json::Builder out;
  out.object().member("sightline", SIGHTLINE_VERSION);
  out.member("mode", mode_ == GatewayMode::always ? "always" : "auto");
  out.object("cluster").member_or_null("url", cluster_->url()).member("reachable", findings.reachable);
  out.member_or_null("version", findings.version).member_or_null("licence", findings.licence).end();
  out.member("inference", findings.native ? "cluster" : "gateway").member_or_null("reason", findings.reason);
  if (const auto kept = findings.reachable ? front.kept(caller) : Answer<Front::Kept>(ElasticError{})) {
    out.object("kept_here").member("endpoints", kept->endpoints).member("pipelines", kept->pipelines);
    out.member("pipelines_without_guard", kept->unguarded);
  } else {
    out.member("kept_here", nullptr);
  }
  return json_response(out.text());
}

}  // namespace sightline::elastic
