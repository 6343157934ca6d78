#include "server/elastic/ingest/pipeline_stubs.h"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr const char* k_stub =
    R"({"description":"Empty: the real pipeline of this name is kept and run by the Sightline gateway.",)"
    R"("processors":[],"_meta":{"sightline_stub":true}})";

std::string path_of(const std::string& name) {
  return "/_ingest/pipeline/" + http::percent_encode(name);
}

}  // namespace

ElasticError pipeline_of_both(const std::string& name) {
  return illegal_argument("the cluster has a pipeline [" + name +
                          "] of its own, and one of that name with an [inference] processor is for the "
                          "Sightline gateway to keep; delete the cluster's first, or choose another name");
}

Answer<PipelineStubs::InCluster> PipelineStubs::look(const Caller& caller, const std::string& name) {
  const auto response = store_.handle(store_request(caller, http::Method::get, path_of(name)));
  if (response.status == 404) return InCluster::nothing;
  if (response.status >= 400) return error_in(response);
  const auto body = rest::parse_json(response.body);
  if (!body) return body.error();
  if (!body->IsObject())
    return ElasticError{502, "exception", "the cluster's list of pipelines cannot be read"};
  const auto found = body->FindMember(name.c_str());
  if (found == body->MemberEnd()) return InCluster::nothing;
  const auto* mark = rapidjson::Pointer("/_meta/sightline_stub").Get(found->value);
  return mark && mark->IsTrue() ? InCluster::stub : InCluster::pipeline;
}

Refusal PipelineStubs::ensure(const Caller& caller, const std::string& name) {
  const std::string key = caller.key() + "/" + name;
  if (seen_.get(key)) return {};
  const auto asked = timer_.now();
  const auto there = look(caller, name);
  if (!there) return there.error();
  if (*there == InCluster::pipeline) return pipeline_of_both(name);
  if (*there == InCluster::nothing) {
    const auto response = store_.handle(store_request(caller, http::Method::put, path_of(name), {}, k_stub));
    if (response.status >= 400) return error_in(response);
  }
  seen_.put(key, true, asked);
  return {};
}

Refusal PipelineStubs::remove(const Caller& caller, const std::string& name) {
  seen_.forget();
  const auto there = look(caller, name);
  if (!there) return there.error();
  if (*there != InCluster::stub) return {};
  const auto response = store_.handle(store_request(caller, http::Method::delete_, path_of(name)));
  if (response.status >= 400 && response.status != 404) return error_in(response);
  return {};
}

}  // namespace sightline::elastic
