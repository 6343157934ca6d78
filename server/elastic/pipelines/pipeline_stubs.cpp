#include "server/elastic/pipelines/pipeline_stubs.h"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr const char* k_empty =
    R"({"description":"Empty: the real pipeline of this name is kept and run by the Sightline gateway.",)"
    R"("processors":[],"_meta":{"sightline_stub":true}})";

std::string guard() {
  return R"({"description":"Fails documents that did not come through the Sightline gateway, which keeps and )"
         R"(runs the real pipeline of this name.","processors":[{"remove":{"field":")" +
         std::string(k_ran_mark) + R"("}}],"_meta":{"sightline_stub":true}})";
}

std::string path_of(const std::string& name) {
  return "/_ingest/pipeline/" + http::percent_encode(name);
}

}  // namespace

ElasticError pipeline_of_both(const std::string& name) {
  return illegal_argument("the cluster has a pipeline [" + name +
                          "] itself, and a pipeline of that name with an [inference] processor must be stored by the "
                          "Sightline gateway; delete the cluster's pipeline first, or choose another name");
}

Answer<PipelineStubs::InCluster> PipelineStubs::look(const Caller& caller, const std::string& name) {
  const auto response = store_.handle(store_request(caller, http::Method::get, path_of(name)));
  if (response.status == 404) return InCluster::nothing;
  if (response.status >= 400) return error_in(response);
  const auto body = rest::parse_json(response.body);
  if (!body) return body.error();
  if (!body->IsObject()) return ElasticError{502, "exception", "the cluster's list of pipelines cannot be read"};
  const auto found = body->FindMember(name.c_str());
  if (found == body->MemberEnd()) return InCluster::nothing;
  const auto* mark = rapidjson::Pointer("/_meta/sightline_stub").Get(found->value);
  if (!mark || !mark->IsTrue()) return InCluster::pipeline;
  const auto* first = rapidjson::Pointer("/processors/0").Get(found->value);
  return first ? InCluster::guard : InCluster::empty;
}

http::Response PipelineStubs::put(const Caller& caller, const std::string& name, const std::string& body) {
  return store_.handle(store_request(caller, http::Method::put, path_of(name), {}, body));
}

Answer<PipelineStubs::Guard> PipelineStubs::put_guard(const Caller& caller, const std::string& name) {
  const auto there = look(caller, name);
  if (!there) return there.error();
  if (*there == InCluster::pipeline) return pipeline_of_both(name);
  if (*there == InCluster::guard) return Guard::found;
  seen_.forget();
  const auto response = put(caller, name, guard());
  if (response.status == 400 || response.status == 403) return Guard::none;
  if (response.status >= 300) return error_in(response);
  return Guard::made;
}

Answer<PipelineStubs::InCluster> PipelineStubs::ensure(const Caller& caller, const std::string& name, bool guarded) {
  return seen_.look_up(caller.key() + "/" + name, [&]() -> Answer<InCluster> {
    auto there = look(caller, name);
    if (!there || *there != InCluster::nothing) return there;
    const auto response = put(caller, name, guarded ? guard() : k_empty);
    if (response.status >= 400) return error_in(response);
    return guarded ? InCluster::guard : InCluster::empty;
  });
}

Refusal PipelineStubs::remove(const Caller& caller, const std::string& name) {
  seen_.forget();
  const auto there = look(caller, name);
  if (!there) return there.error();
  if (*there != InCluster::empty && *there != InCluster::guard) return {};
  const auto response = store_.handle(store_request(caller, http::Method::delete_, path_of(name)));
  if (response.status >= 400 && response.status != 404) return error_in(response);
  return {};
}

}  // namespace sightline::elastic
