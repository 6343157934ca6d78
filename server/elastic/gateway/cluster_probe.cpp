#include "server/elastic/gateway/cluster_probe.h"

#include <charconv>
#include <optional>
#include <rapidjson/document.h>
#include <string_view>
#include <utility>

#include "base/json/document.h"
#include "base/json/members.h"
#include "server/elastic/definitions/definition_index.h"

namespace sightline::elastic {
namespace {

constexpr std::chrono::seconds k_settled_for{60}, k_unsettled_for{5}, k_remembered_for{86'400};

/// The text at `outer`.`inner` of a JSON answer; empty if there is none.
std::string text_at(const http::Response& response, const char* outer, const char* inner) {
  rapidjson::Document body;
  json::read_document(response.body, body);
  return std::string(json::text_at(body, outer, inner));
}

/// "8.19.3" as {8, 19}.
std::optional<std::pair<int, int>> major_and_minor(std::string_view version) {
  int major = 0, minor = 0;
  const char* const end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return {};
  if (std::from_chars(first.ptr + 1, end, minor).ec != std::errc{}) return {};
  return std::pair{major, minor};
}

/// Since these versions the inference API has the service `custom`, which calls the user's own servers.
bool calls_custom_servers(std::string_view version) {
  const auto parts = major_and_minor(version);
  if (!parts) return false;
  const auto [major, minor] = *parts;
  return major >= 10 || (major == 9 && minor >= 1) || (major == 8 && minor >= 19);
}

/// Nothing is learned from these but that the cluster is busy, or out of reach.
bool is_passing(int status) {
  return status >= 500 || status == 429 || status == 408;
}

/// What would name several models, or any.
bool is_pattern(std::string_view model_id) {
  return model_id == "_all" || model_id.find_first_of("*,") != std::string_view::npos;
}

}  // namespace

ClusterProbe::Findings ClusterProbe::findings(const Caller& caller) {
  const auto asked = timer_.now();
  Outcome outcome = Outcome::settled;
  Findings found = ask(caller, outcome);
  const auto before = outcome == Outcome::none ? settled_.get(caller.key()) : std::nullopt;
  findings_.put(caller.key(), before.value_or(found), asked,
                outcome == Outcome::settled ? k_settled_for : k_unsettled_for);
  if (outcome == Outcome::settled) settled_.put(caller.key(), found, asked, k_remembered_for);
  return found;
}

bool ClusterProbe::available(const Caller& caller) {
  if (mode_ == GatewayMode::always) return false;
  if (const auto kept = findings_.get(caller.key())) return kept->native;
  const Findings found = findings(caller);
  return findings_.get(caller.key()).value_or(found).native;
}

Answer<bool> ClusterProbe::knows(const Caller& caller, const std::string& model_id) {
  if (mode_ == GatewayMode::always || model_id.empty() || is_pattern(model_id)) return false;
  return known_.look_up(caller.key() + " " + model_id, [&]() -> Answer<bool> {
    const std::string id = http::percent_encode(model_id);
    if (available(caller)) {
      auto endpoint = exists(caller, "/_inference/" + id);
      if (!endpoint || *endpoint) return endpoint;
    }
    return exists(caller, "/_ml/trained_models/" + id + "/_stats");
  });
}

Answer<bool> ClusterProbe::exists(const Caller& caller, const std::string& path) {
  const auto response = store_.handle(store_request(caller, http::Method::get, path));
  if (is_passing(response.status)) return error_in(response);
  return response.status == 200;
}

ClusterProbe::Findings ClusterProbe::ask(const Caller& caller, Outcome& outcome) {
  Findings findings;
  const auto info = store_.handle(store_request(caller, http::Method::get, "/"));
  if (is_passing(info.status)) {
    outcome = Outcome::none;
    findings.reason = error_in(info).reason;
    return findings;
  }
  findings.reachable = true;
  findings.version = text_at(info, "version", "number");
  const bool serverless = text_at(info, "version", "build_flavor") == "serverless";
  const auto licence = store_.handle(store_request(caller, http::Method::get, "/_license"));
  if (licence.status == 200) findings.licence = text_at(licence, "license", "type");
  const std::string licence_status = text_at(licence, "license", "status");
  if (is_passing(licence.status)) outcome = serverless ? Outcome::unsettled : Outcome::none;

  const auto refuse = [&](std::string reason) {
    findings.reason = std::move(reason);
    return findings;
  };
  if (mode_ == GatewayMode::always) return refuse("the gateway was started to do all inference itself");
  if (info.status == 401 || info.status == 403) {
    outcome = Outcome::unsettled;
    return refuse("the cluster refuses GET / to this caller: " + error_in(info).reason);
  }
  if (!serverless) {
    if (findings.version.empty()) return refuse("the cluster's answer has no version");
    if (!calls_custom_servers(findings.version)) {
      return refuse("Elasticsearch " + findings.version + " cannot call custom inference servers; 8.19 and 9.1 can");
    }
    if (findings.licence.empty())
      return refuse("the cluster refuses GET /_license to this caller: " + error_in(licence).reason);
    if (licence_status != "active" || (findings.licence != "enterprise" && findings.licence != "trial")) {
      return refuse("its licence (" + findings.licence + ", " + licence_status +
                    ") does not cover the inference API; an active enterprise or trial licence does");
    }
  }
  const auto endpoints = store_.handle(store_request(caller, http::Method::get, "/_inference/_all"));
  if (endpoints.status != 200) {
    if (is_passing(endpoints.status)) outcome = Outcome::none;
    return refuse("the cluster refuses its inference API to this caller: " + error_in(endpoints).reason);
  }
  findings.native = true;
  findings.reason = serverless ? "the cluster is serverless, which has the inference API"
                               : "Elasticsearch " + findings.version + " with its " + findings.licence +
                                     " licence has the inference API";
  return findings;
}

}  // namespace sightline::elastic
