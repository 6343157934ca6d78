// A cluster that runs pipelines: our own code over a store of its own, behind what a cluster has besides.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <string>
#include <vector>

#include "front_calls.h"
#include "memory_store.h"
#include "server/elastic/inference/native_inference.h"
#include "server/elastic/pipelines/pipeline_api.h"
#include "server/http/client.h"
#include "tests/base/manual_timer.h"

namespace sightline::elastic {

/// What it has besides: scripts (a table), processors that the front does not know (`x_set` does what `set`
/// does, and so on), and the verbose answer of `_simulate`. All else is a MemoryStore's.
class ProcessingCluster : public Store {
 public:
  using Script = std::function<bool(const rapidjson::Value& source)>;

  ProcessingCluster()
      : client_(std::move(*http::Client::create({}))),
        executor_(*client_, timer_, without_chance()),
        endpoints_(own_, timer_, native_),
        pipelines_(own_, timer_),
        stubs_(own_, timer_),
        ingest_(pipelines_, endpoints_, executor_, own_, native_),
        api_(pipelines_, ingest_, own_, stubs_, [](const Caller&) { return std::vector<IndexPipelineNames>(); }) {
    api_.add_routes(router_);
  }

  bool runs_pipelines() const override { return true; }

  http::Response handle(const http::Request& request) override {
    if (on_request) {
      if (auto response = on_request(request)) return *response;
    }
    if (!request.path.starts_with("/_ingest/")) return documents.handle(request);
    {
      std::lock_guard lock(mutex_);
      ingest_requests.push_back(request);
    }
    if (request.path == "/_ingest/pipeline/_simulate") return simulate(request);
    http::Request known = request;
    known.body = with_known_types(request.body);
    return *router_.try_handle(known);
  }

  std::size_t simulations() {
    std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& request : ingest_requests) count += request.path.ends_with("/_simulate") ? 1 : 0;
    return count;
  }

  MemoryStore documents;
  std::map<std::string, Script> scripts;  ///< by their text; others do not compile
  std::vector<http::Request> ingest_requests;
  std::function<std::optional<http::Response>(const http::Request&)> on_request;

 private:
  using Document = rapidjson::Document;
  using Value = rapidjson::Value;

  static std::string with_known_types(std::string text) {
    for (std::size_t at; (at = text.find("\"x_")) != std::string::npos;) text.erase(at + 1, 2);
    return text;
  }

  static std::string text_of(const Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
  }

  static Document parse(const std::string& text) {
    Document document;
    document.Parse<rapidjson::kParseFullPrecisionFlag>(text.data(), text.size());
    return document;
  }

  http::Response run(const std::string& processors, const std::string& document) {
    http::Request request;
    request.method = http::Method::post;
    request.path = "/_ingest/pipeline/_simulate";
    request.body = R"({"pipeline":{"processors":)" + processors + R"(},"docs":[)" + document + "]}";
    return *router_.try_handle(request);
  }

  /// Processors that set what `_ingest` holds beside its time and pipeline, for the next run.
  static std::string setters_of(const Value& ingest) {
    std::string setters;
    for (const auto& member : ingest.GetObject()) {
      const std::string name = member.name.GetString();
      if (name != "timestamp" && name != "pipeline")
        setters += R"({"set":{"field":"_ingest.)" + name + R"(","value":)" + text_of(member.value) + "}},";
    }
    return setters;
  }

  /// One processor after another, as the verbose answer shows them, so that conditions see what came before.
  http::Response simulate(const http::Request& request) {
    Document body = parse(with_known_types(request.body));
    const bool verbose = request.query.find("verbose") != std::string::npos;
    auto& processors = body["pipeline"]["processors"];
    const Document sent = parse(request.body);
    std::string document = text_of(body["docs"][0]);
    if (auto fault = fault_of(processors, document)) return *fault;
    std::string steps, ingest_before, outcome = R"({"doc":)" + document + "}";
    for (rapidjson::SizeType i = 0; i < processors.Size(); ++i) {
      Value& processor = processors[i];
      const std::string type = sent["pipeline"]["processors"][i].MemberBegin()->name.GetString();
      Value& options = processor.MemberBegin()->value;
      if (options.HasMember("if")) {
        const bool holds = scripts.at(options["if"].GetString())(parse(document)["_source"]);
        options.RemoveMember("if");
        if (!holds) continue;
      }
      const std::string tag = options.HasMember("tag") ? options["tag"].GetString() : "";
      const auto answer = parse(run("[" + ingest_before + text_of(processor) + "]", document).body);
      const Value& result = answer["docs"][0];
      outcome = text_of(result);
      steps += (steps.empty() ? "" : ",");
      steps += R"({"processor_type":")" + type + R"(","tag":")" + tag + R"(",)";
      if (result.IsNull()) {
        steps += R"("status":"dropped"})";
        break;
      }
      if (result.HasMember("error")) {
        steps += R"("status":"error","error":)" + text_of(result["error"]) + "}";
        break;
      }
      document = text_of(result["doc"]);
      ingest_before = setters_of(result["doc"]["_ingest"]);
      steps += R"("status":"success","doc":)" + document + "}";
    }
    return json_response(verbose ? R"({"docs":[{"processor_results":[)" + steps + "]}]}"
                                 : R"({"docs":[)" + outcome + "]}");
  }

  /// What does not parse, scripts included.
  std::optional<http::Response> fault_of(const Value& processors, const std::string& document) {
    Document bare;
    bare.CopyFrom(processors, bare.GetAllocator());
    for (auto& processor : bare.GetArray()) {
      Value& options = processor.MemberBegin()->value;
      if (!options.IsObject() || !options.HasMember("if")) continue;
      if (!options["if"].IsString() || !scripts.contains(options["if"].GetString()))
        return ElasticError{400, "script_exception", "compile error"}.response();
      options.RemoveMember("if");
    }
    auto response = run(text_of(bare), document);
    return response.status == 200 ? std::nullopt : std::optional(std::move(response));
  }

  ManualTimer timer_;
  std::unique_ptr<http::Client> client_;
  NoNativeInference native_;
  MemoryStore own_;
  InferenceExecutor executor_;
  Endpoints endpoints_;
  StoredPipelines pipelines_;
  PipelineStubs stubs_;
  IngestService ingest_;
  PipelineApi api_;
  rest::Router router_;
  std::mutex mutex_;
};

}  // namespace sightline::elastic
