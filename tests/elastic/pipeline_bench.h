// The pipelines of a gateway in front of a cluster that runs processors.
#pragma once

#include "front_bench.h"
#include "processing_cluster.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// A cluster that runs inference, and has the models "theirs" and no other.
struct InferringCluster final : NativeInference {
  bool on = false;
  bool available(const Caller&) override { return on; }
  Answer<bool> knows(const Caller&, const std::string& id) override { return on && id == "theirs"; }
};

/// The pipelines of a gateway, with all that they need: real HTTP to an inference server, and a cluster.
struct PipelineBench {
  PipelineBench()
      : client(std::move(*http::Client::create({}))),
        executor(*client, timer, without_chance()),
        endpoints(cluster, timer, native),
        pipelines(cluster, timer),
        stubs(cluster, timer),
        ingest(pipelines, endpoints, executor, cluster, native),
        api(pipelines, ingest, cluster, stubs, {}) {
    api.add_routes(router);
    const std::string endpoint =
        R"({"task_type":"text_embedding","service":"custom","service_settings":{"url":")" + upstream.url() +
        R"(","request":"{\"input\":${input}}","response":{"json_parser":{"text_embeddings":"$.data[*].embedding[*]"}},)"
        R"("rate_limit":{"requests_per_minute":2000000000}}})";
    CHECK(*endpoints.index().create({}, DefinitionIndex::Kind::endpoint, "clip", {endpoint}));
  }

  http::Response call(http::Method method, const std::string& target, const std::string& body = {}) {
    const auto mark = target.find('?');
    auto request = store_request({}, method, target.substr(0, mark),
                                 mark == std::string::npos ? "" : target.substr(mark + 1), body);
    request.headers.set("Authorization", "Basic bWU=");
    if (auto response = router.try_handle(request)) return *response;
    ++passed_on;
    return cluster.handle(request);
  }
  http::Response put(const std::string& name, const std::string& processors, const std::string& more = "") {
    return call(http::Method::put, "/_ingest/pipeline/" + name, "{\"processors\":[" + processors + "]" + more + "}");
  }
  http::Response get(const std::string& target) { return call(http::Method::get, target); }
  bool keeps(const std::string& name) {
    return !cluster.documents.source(std::string(k_definition_index), "pipeline:" + name).empty();
  }

  /// What a pipeline makes of a document: its source, "dropped", or its error.
  std::string outcome(const std::string& pipeline, const std::string& source) {
    IngestDocument document({"pics", "7", {}}, *rest::parse_as_written(source));
    std::vector<IngestTask> tasks;
    tasks.push_back({&document, pipeline});
    ingest.run({}, tasks);
    if (tasks[0].failure)
      return tasks[0].failure->type + " " + std::to_string(tasks[0].failure->status) + ": " + tasks[0].failure->reason;
    return document.dropped ? "dropped" : document.source_json();
  }

  /// The same for a pipeline that is stored first.
  std::string after(const std::string& processors, const std::string& source, const std::string& more = "") {
    const auto response = put("tried", processors, more);
    if (response.status != 200) return "refused: " + reason(response);
    CHECK(keeps("tried"));
    return outcome("tried", source);
  }

  Upstream upstream;
  ManualTimer timer;
  std::unique_ptr<http::Client> client;
  ProcessingCluster cluster;
  InferringCluster native;
  InferenceExecutor executor;
  Endpoints endpoints;
  StoredPipelines pipelines;
  PipelineStubs stubs;
  IngestService ingest;
  PipelineApi api;
  rest::Router router;
  int passed_on = 0;
};

inline const std::string k_embed =
    R"({"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}})";
inline const std::string k_boom = R"({"x_fail":{"message":"boom","tag":"b"}})";
inline const std::string k_why =
    R"({"set":{"field":"why","value":"{{_ingest.on_failure_message}}/{{_ingest.on_failure_processor_type}}/{{_ingest.on_failure_processor_tag}}/{{_ingest.on_failure_pipeline}}"}})";
inline const std::string k_vector = R"("model_id":"clip","v":[2.0,1.0,0.5])";

inline std::string set(const std::string& field, const std::string& more = "", const std::string& type = "x_set") {
  return R"({")" + type + R"(":{"field":")" + field + R"(","value":1)" + more + "}}";
}

}  // namespace sightline::elastic
