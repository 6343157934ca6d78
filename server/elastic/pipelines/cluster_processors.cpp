#include "server/elastic/pipelines/cluster_processors.h"

#include <utility>

#include "base/json/document.h"
#include "base/json/writer.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/pipelines/foreign_processor.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

constexpr const char* k_path = "/_ingest/pipeline/_simulate";
constexpr const char* k_no_id = "_id";  // what simulation shows for a document without an id

const Value* member(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string text_in(const Value& object, const char* name) {
  const auto* value = member(object, name);
  return value && json::is_text(*value) ? std::string(value->GetString(), value->GetStringLength()) : "";
}

IngestFailure unreadable(const std::string& what) {
  return {
      {502, "exception", "the cluster's answer to " + std::string(k_path) + " cannot be read: " + what}, {}, {}, {}};
}

/// What a processor of the cluster has set that cannot be part of the write, which leaves from here.
Refusal foreign_metadata(const Value& shown) {
  for (const char* name : {"_version", "_version_type", "_if_seq_no", "_if_primary_term", "_dynamic_templates"}) {
    const auto* value = member(shown, name);
    if (!value || value->IsNull()) continue;
    const bool is_default = std::string_view(name) == "_version" &&
                            (json::is_text(*value) ? text_in(shown, name) : json::text_as_written(*value)) == "-3";
    if (is_default) continue;
    return illegal_argument("a processor of the cluster has set [" + std::string(name) +
                            "], which the gateway does not send with the document; remove it, or use a pipeline "
                            "without an [inference] processor of the gateway");
  }
  return {};
}

/// Makes `document`, which went as `sent`, what `shown` (`{"_index":...,"_source":{...},"_ingest":{...}}`) says.
/// `holder` owns `shown`.
Refusal take_over(IngestDocument& document, const SentDocument& sent, rapidjson::Document& holder, Value& shown) {
  if (Refusal refusal = foreign_metadata(shown)) return refusal;
  if (Refusal refusal = sent.restore(shown["_source"], holder.GetAllocator())) return refusal;
  auto metadata = document.metadata();
  metadata.index = text_in(shown, "_index");
  const std::string id = text_in(shown, "_id");
  if (metadata.id || id != k_no_id) metadata.id = id;
  metadata.routing.reset();
  if (const auto* routing = member(shown, "_routing"); routing && json::is_text(*routing))
    metadata.routing = {routing->GetString(), routing->GetStringLength()};
  Value source, ingest;
  source.Swap(shown["_source"]);
  if (const auto own = shown.FindMember("_ingest"); own != shown.MemberEnd()) ingest.Swap(own->value);
  static_cast<Value&>(holder) = std::move(source);
  document.replace(metadata, std::move(holder), std::move(ingest));
  return {};
}

bool shows_document(const Value& shown) {
  const auto* source = member(shown, "_source");
  return source && source->IsObject() && !text_in(shown, "_index").empty();
}

/// The one entry of `docs`.
Value* only_result(rapidjson::Document& body) {
  const auto* docs = member(body, "docs");
  if (!docs || !docs->IsArray() || docs->Size() != 1) return nullptr;
  return &body["docs"][0];
}

}  // namespace

http::Response ClusterProcessors::simulate(const Caller& caller, const std::string& processors,
                                           const std::string& document, const char* query) {
  return store_.handle(store_request(caller, http::Method::post, k_path, query,
                                     R"({"pipeline":{"processors":)" + processors + R"(},"docs":[)" + document + "]}"));
}

std::optional<IngestFailure> ClusterProcessors::run(const Caller& caller, const std::string& processors,
                                                    IngestDocument& document, bool trace) {
  const std::string all = with_ingest_metadata(processors, document);
  const SentDocument sent(document, all);
  const auto response = simulate(caller, all, sent.json());
  if (response.status != 200) return IngestFailure{error_in(response), {}, {}, {}};
  auto body = rest::parse_as_written(response.body);
  if (!body) return unreadable(body.error().reason);
  Value* result = only_result(*body);
  if (!result) return unreadable("it holds no document");
  if (result->IsNull()) {
    document.dropped = true;
    return {};
  }
  if (const auto* error = member(*result, "error")) {
    IngestFailure failure{sent.explained(read_error(*error, 0)), {}, {}, {}};
    return trace ? trace_failure(caller, all, document, sent, std::move(failure)) : std::move(failure);
  }
  const auto* shown = member(*result, "doc");
  if (!shown || !shows_document(*shown)) return unreadable("it holds no document");
  if (Refusal refusal = take_over(document, sent, *body, (*result)["doc"]))
    return IngestFailure{*std::move(refusal), {}, {}, {}};
  return {};
}

/// Simulation tells no more of a failure than its error. What a list that comes to the rescue sees, the
/// processor and what the ones before it have done, is in the verbose answer, which is large and so asked for
/// only now.
std::optional<IngestFailure> ClusterProcessors::trace_failure(const Caller& caller, const std::string& processors,
                                                              IngestDocument& document, const SentDocument& sent,
                                                              IngestFailure failure) {
  const auto response = simulate(caller, processors, sent.json(), "verbose=true");
  if (response.status != 200) return IngestFailure{error_in(response), {}, {}, {}};
  auto body = rest::parse_as_written(response.body);
  if (!body) return unreadable(body.error().reason);
  Value* result = only_result(*body);
  const auto* steps = result ? member(*result, "processor_results") : nullptr;
  if (!steps || !steps->IsArray()) return unreadable("it holds no steps");
  Value* last_shown = nullptr;
  for (auto& step : (*result)["processor_results"].GetArray()) {
    const std::string status = text_in(step, "status");
    if (status == "error") {
      failure.type = member(step, "if") ? "conditional" : text_in(step, "processor_type");
      failure.tag = text_in(step, "tag");
    }
    if (const auto* shown = member(step, "doc"); shown && shows_document(*shown)) last_shown = &step["doc"];
  }
  if (last_shown) {
    if (Refusal refusal = take_over(document, sent, *body, *last_shown))
      return IngestFailure{*std::move(refusal), {}, {}, {}};
  }
  return failure;
}

Answer<bool> ClusterProcessors::holds(const Caller& caller, const std::string& condition,
                                      const IngestDocument& document) {
  // A document that meets the condition is dropped; nothing else happens to it.
  const SentDocument sent(document, condition);
  const auto response = simulate(caller, R"([{"drop":{"if":)" + condition + "}}]", sent.json());
  if (response.status != 200) return error_in(response);
  auto body = rest::parse_json(response.body);
  if (!body) return unreadable(body.error().reason).error;
  const Value* result = only_result(*body);
  if (!result) return unreadable("it holds no document").error;
  if (const auto* error = member(*result, "error")) return sent.explained(read_error(*error, 0));
  return result->IsNull();
}

std::optional<http::Response> ClusterProcessors::refusal(const Caller& caller, const std::string& processors) {
  auto response = simulate(caller, processors, R"({"_source":{}})");
  if (response.status == 200) return {};
  return response;
}

}  // namespace sightline::elastic
