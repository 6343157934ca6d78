#include "server/elastic/pipelines/pipeline_api.h"

#include <algorithm>
#include <memory>
#include <rapidjson/document.h>
#include <set>
#include <utility>
#include <vector>

#include "base/cancellation.h"
#include "base/json/document.h"
#include "base/json/writer.h"
#include "base/number_text.h"
#include "base/split.h"
#include "server/elastic/pipelines/foreign_processor.h"
#include "server/elastic/pipelines/pipeline_simulation.h"
#include "server/elastic/pipelines/property_reader.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/rest_layer.h"

namespace sightline::elastic {
namespace {

using http::Method;
using Value = rapidjson::Value;
using Definition = DefinitionIndex::Definition;
using Kind = DefinitionIndex::Kind;

constexpr const char* k_acknowledged = R"({"acknowledged":true})";
constexpr const char* k_put_parameters = "timeout master_timeout if_version";
constexpr const char* k_get_parameters = "master_timeout summary";
constexpr const char* k_delete_parameters = "timeout master_timeout";
constexpr std::size_t k_most_named = 64;  // pipelines that a GET reads one by one
constexpr const char* k_simulated_id = "_simulate_pipeline";
constexpr const char* k_no_guard =
    "299 Sightline-" SIGHTLINE_VERSION
    " \"the cluster has no guard that fails documents which bypass the gateway: the caller "
    "has no privilege manage_ingest_pipelines, or the cluster has no processor remove; do not use this "
    "pipeline as an index's final_pipeline\"";

Answer<rapidjson::Document> object_in(const http::Request& request) {
  if (request.body.empty()) return ElasticError{400, "parse_exception", "request body is required"};
  auto body = rest::parse_as_written(request.body);
  if (body && !body->IsObject()) return ElasticError{400, "parse_exception", "the body must be a JSON object"};
  return body;
}

bool names_it(const std::vector<std::string>& patterns, const std::string& name) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return pattern == "_all" || rest::wildcard_match(pattern, name);
  });
}

bool names_one(const std::string& ids) {
  return !ids.empty() && ids.find_first_of("*,") == std::string::npos && ids != "_all";
}

std::string copy_without_end(const std::string& object) {
  return object.substr(0, object.size() - 1);
}

std::string shown(const Definition& definition) {
  const bool empty = definition.config == "{}";
  return copy_without_end(definition.config) + (empty ? "" : ",") +
         "\"created_date_millis\":" + std::to_string(definition.created) +
         ",\"modified_date_millis\":" + std::to_string(definition.modified) + "}";
}

void append_member(std::string& json, std::string_view name, std::string_view value) {
  if (json.size() > 1) json += ',';
  rest::append_json_string(json, name);
  json += ':';
  json += value;
}

/// Closes the list `json` after these, of which a summary has the names only.
std::string with_definitions(std::string json, const std::vector<Definition>& definitions, bool summary) {
  for (const auto& definition : definitions) append_member(json, definition.name, summary ? "{}" : shown(definition));
  return std::move(json) + "}";
}

/// `if_version`: the version that a pipeline must have to be replaced.
Answer<std::optional<int>> version_condition(const http::Request& request) {
  const auto text = rest::query_parameter(request, "if_version");
  if (!text) return std::optional<int>();
  if (const auto version = number_from<int>(*text)) return version;
  return illegal_argument("invalid value [" + *text + "] specified for [if_version]. must be an integer value");
}

std::optional<int> version_in(const rapidjson::Document& config) {
  if (!config.IsObject()) return {};
  const auto version = config.FindMember("version");
  return version != config.MemberEnd() && version->value.IsInt() ? std::optional(version->value.GetInt())
                                                                 : std::nullopt;
}

/// `config` as it replaces `old` (null: nothing) of that version: with the next one, unless it has its own.
Answer<std::string> with_next_version(const std::string& id, const std::string& config, int if_version,
                                      const Definition* old) {
  const std::string conflict =
      "version conflict, required version [" + std::to_string(if_version) + "] for pipeline [" + id + "] but ";
  if (!old) return illegal_argument(conflict + "no pipeline was found");
  const auto before = rest::parse_as_written(old->config);
  const auto current = before ? version_in(*before) : std::nullopt;
  if (current != if_version) {
    return illegal_argument(conflict + "current version is [" + (current ? std::to_string(*current) : "null") + "]");
  }
  auto after = rest::parse_as_written(config);
  if (!after) return after.error();
  if (version_in(*after) == current)
    return illegal_argument("cannot update pipeline [" + id + "] with the same version [" + std::to_string(if_version) +
                            "]");
  if (after->HasMember("version")) return config;
  // One further than the greatest is the least, as in Elasticsearch.
  const int next = static_cast<int>(static_cast<unsigned>(if_version) + 1U);
  after->AddMember("version", next, after->GetAllocator());
  return json::text_as_written(*after);
}

ElasticError missing(const std::string& id) {
  return {404, "resource_not_found_exception", "pipeline [" + id + "] is missing"};
}

/// True for a caller who has no right to what is kept here: his requests are the cluster's.
template <class T>
bool may_not_look(const Answer<T>& answer) {
  return !answer && answer.error().status == 403;
}

/// "the default pipeline for 4 index(es) including [a,b,c]"; empty if `name` is the pipeline of none.
std::string uses_of(const std::vector<IndexPipelineNames>& indices, std::string IndexPipelineNames::*pipeline,
                    const std::string& name, const std::string& what) {
  constexpr std::size_t k_most_shown = 3;
  std::size_t count = 0;
  std::string listed;
  for (const auto& names : indices) {
    if (names.*pipeline != name || ++count > k_most_shown) continue;
    listed += (listed.empty() ? "" : ",") + names.index;
  }
  if (count == 0) return {};
  return "the " + what + " pipeline for " + std::to_string(count) + " index(es) including [" + listed + "]";
}

/// Calls `visit` with the options of every processor inside the `foreach` that has these options.
void visit_repeated(const Value& options, const std::function<void(std::string_view, const Value&)>& visit) {
  if (!options.IsObject()) return;
  const auto inner = options.FindMember("processor");
  if (inner == options.MemberEnd() || !inner->value.IsObject()) return;
  for (const auto& member : inner->value.GetObject()) {
    const std::string_view type(member.name.GetString(), member.name.GetStringLength());
    visit(type, member.value);
    if (type == "foreach") visit_repeated(member.value, visit);
  }
}

}  // namespace

// ---- which are kept here

Answer<bool> PipelineApi::names_own_model(const Caller& caller, const Value& options) {
  if (!options.IsObject()) return false;
  const auto id = options.FindMember("model_id");
  if (id == options.MemberEnd() || !json::is_text(id->value)) return false;
  return ingest_.runs_model(caller, id->value.GetString());
}

Answer<bool> PipelineApi::is_kept_here(const Caller& caller, const Pipeline& pipeline) {
  Answer<bool> kept = false;
  const auto look_at = [&](std::string_view type, const Value& options) {
    if (kept && !*kept && type == "inference") kept = names_own_model(caller, options);
  };
  pipeline.visit([&](const Processor& processor) {
    look_at(processor.type, *processor.options);
    if (processor.type == "foreach") visit_repeated(*processor.options, look_at);
  });
  for (const auto& name : pipeline.pipeline_names()) {
    if (!kept || *kept) break;
    check_cancelled();
    const auto inner = pipelines_.get(caller, name);
    if (may_not_look(inner)) continue;
    kept = inner ? Answer<bool>(*inner != nullptr) : Answer<bool>(inner.error());
  }
  return kept;
}

std::optional<http::Response> PipelineApi::refusal_of(const Caller& caller, const Pipeline& pipeline) {
  if (const Refusal refusal = pipeline.refusal_of_size()) return refusal->response();
  if (const Refusal refusal = pipeline.refusal_of_access()) return refusal->response();
  if (!has_cluster()) {
    const Refusal refusal = pipeline.refusal_without_cluster();
    return refusal ? std::optional(refusal->response()) : std::nullopt;
  }
  Refusal refusal;
  pipeline.visit([&](const Processor& processor) {
    const auto refuse_repeated = [&](std::string_view type, const Value& options) {
      if (refusal || type != "inference") return;
      const auto own = names_own_model(caller, options);
      if (own && !*own) return;
      refusal = own ? property_error({},
                                     "[foreach] cannot repeat an [inference] processor of the gateway; list "
                                     "its fields in [input_output]",
                                     "foreach", processor.tag)
                    : own.error();
    };
    if (processor.type == "foreach") visit_repeated(*processor.options, refuse_repeated);
    const auto* foreign = std::get_if<ForeignStep>(&processor.step);
    if (refusal || !foreign || processor.type != "inference") return;
    const auto own = names_own_model(caller, *processor.options);
    if (!own || *own) refusal = own ? foreign->refusal : own.error();
  });
  if (!refusal) refusal = refuse_unsplittable(pipeline.processors, false);
  if (!refusal) refusal = refuse_unsplittable(pipeline.on_failure, true);
  if (refusal) return refusal->response();
  const std::string parts = cluster_parts(pipeline.processors, pipeline.on_failure);
  return parts == "[]" ? std::nullopt : ingest_.cluster().refusal(caller, parts);
}

// ---- PUT, GET, DELETE

/// A change of one pipeline that is kept here. Whatever ends it, the caches are emptied, and a new guard goes if it has
/// no pipeline: where it is not known whether the cluster has stored it, the cluster is asked.
class PipelineApi::Change {
 public:
  Change(PipelineApi& api, const Caller& caller, const std::string& id, bool may_make_guard)
      : api_(api), caller_(caller), id_(id), has_made_guard_(may_make_guard) {}
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() {
    api_.pipelines_.forget();
    if (has_made_guard_) remove_guard();
  }
  void has_made_guard(bool made) { has_made_guard_ = made; }

 private:
  void remove_guard() noexcept {
    try {
      const CancellationScope scope(nullptr);  // also where the client has left
      const auto kept = api_.pipelines_.index().get(caller_, Kind::pipeline, id_);
      if (kept && !*kept) api_.stubs_.remove(caller_, id_);
    } catch (...) {  // it stays: documents fail, and none gets in without its vectors
    }
  }

  PipelineApi& api_;
  const Caller& caller_;
  const std::string& id_;
  bool has_made_guard_;  // or may have
};

std::optional<http::Response> PipelineApi::put(const http::Request& request, const std::string& id) {
  const Caller caller = caller_of(request);
  const Refusal unknown = rest::unknown_parameters(request, k_put_parameters);
  if (unknown && !has_cluster()) return unknown->response();
  auto body = object_in(request);
  if (!body) return has_cluster() ? std::nullopt : Handled(body.error().response());
  const std::string config = json::text_as_written(*body);
  const auto pipeline = Pipeline::parse(id, std::move(*body));
  if (!pipeline) return has_cluster() ? std::nullopt : Handled(pipeline.error().response());
  if (has_cluster()) {
    const auto kept = is_kept_here(caller, **pipeline);
    if (!kept) return kept.error().response();
    if (!*kept) return put_through(request, id);
    if (unknown) return unknown->response();
  }
  const auto if_version = version_condition(request);
  if (!if_version) return if_version.error().response();
  if (auto refusal = refusal_of(caller, **pipeline)) return refusal;
  // Before the guard: of a name that is not UTF-8 the cluster would make another.
  if (const Refusal refusal = DefinitionIndex::refuse_content(Kind::pipeline, id, {"{}", {}, false}))
    return refusal->response();
  // The guard first: there is no moment at which documents could get in past it.
  using Guard = PipelineStubs::Guard;
  Change change(*this, caller, id, has_cluster());
  const auto guard = has_cluster() ? stubs_.put_guard(caller, id) : Answer<Guard>(Guard::none);
  if (!guard) return guard.error().response();
  change.has_made_guard(*guard == Guard::made);
  const auto make = [&](const Definition* old) -> Answer<DefinitionIndex::Content> {
    const auto versioned = *if_version ? with_next_version(id, config, **if_version, old) : config;
    if (!versioned) return versioned.error();
    return DefinitionIndex::Content{*versioned, {}, *guard != Guard::none};
  };
  if (const Refusal refusal = pipelines_.index().change(caller, Kind::pipeline, id, make)) return refusal->response();
  change.has_made_guard(false);  // it has its pipeline
  auto response = json_response(k_acknowledged);
  if (has_cluster() && *guard == Guard::none) response.headers.add("Warning", k_no_guard);
  return response;
}

/// The pipeline is the cluster's. One of that name that was kept here has had its time.
std::optional<http::Response> PipelineApi::put_through(const http::Request& request, const std::string& id) {
  const Caller caller = caller_of(request);
  const auto old = pipelines_.index().get(caller, Kind::pipeline, id);
  if (may_not_look(old)) return {};
  if (!old) return old.error().response();
  if (!*old) return {};
  auto response = store_.handle(request);
  if (response.status >= 300) return response;
  const auto removed = pipelines_.index().remove(caller, Kind::pipeline, id);
  pipelines_.forget();
  return removed ? response : removed.error().response();
}

/// Those that the patterns name, in order; names alone are read one by one, however much else there is.
Answer<std::vector<Definition>> PipelineApi::kept_of(const Caller& caller, const std::vector<std::string>& patterns) {
  if (patterns.size() > k_most_named || !std::all_of(patterns.begin(), patterns.end(), names_one) || patterns.empty()) {
    auto definitions = pipelines_.index().list(caller, Kind::pipeline);
    if (definitions)
      std::erase_if(*definitions, [&](const Definition& kept) { return !names_it(patterns, kept.name); });
    return definitions;
  }
  std::vector<Definition> definitions;
  for (const auto& name : std::set<std::string>(patterns.begin(), patterns.end())) {
    check_cancelled();
    auto kept = pipelines_.index().get(caller, Kind::pipeline, name);
    if (!kept) return kept.error();
    if (*kept) definitions.push_back(**std::move(kept));
  }
  return definitions;
}

std::optional<http::Response> PipelineApi::get(const http::Request& request, const std::string& ids) {
  const auto patterns = split(ids, ',');
  if (const Refusal refusal = rest::check_pattern_count("id", patterns.size(), limits_.max_patterns))
    return refusal->response();
  auto definitions = kept_of(caller_of(request), patterns);
  if (may_not_look(definitions)) return {};
  if (!definitions) return definitions.error().response();
  if (has_cluster() && definitions->empty()) return {};
  if (const Refusal unknown = rest::unknown_parameters(request, k_get_parameters)) return unknown->response();
  const auto summary = rest::query_flag(request, "summary", false);
  if (!summary) return summary.error().response();
  if (has_cluster() && !names_one(ids)) return merged_list(request, *definitions, *summary);
  const bool not_found = definitions->empty() && names_one(ids);
  return json_response(with_definitions("{", *definitions, *summary), not_found ? 404 : 200);
}

std::optional<http::Response> PipelineApi::merged_list(const http::Request& request, const std::vector<Definition>& own,
                                                       bool summary) {
  auto response =
      store_.handle(store_request(caller_of(request), Method::get, request.path, summary ? "summary=true" : ""));
  if (response.status == 404) response.body = "{}";
  if (response.status >= 400 && response.status != 404) return response;
  const auto theirs = rest::JsonTape::parse(response.body);
  if (!theirs || (*theirs)[0].kind != rest::JsonToken::Kind::object)
    return ElasticError{502, "exception", "the cluster's list of pipelines cannot be read"}.response();
  std::set<std::string_view> own_names;
  for (const auto& kept : own) own_names.insert(kept.name);
  std::string json = "{";
  for (std::size_t key = 1; key < theirs->size(); key = (*theirs)[key + 1].next) {
    if (!own_names.contains((*theirs)[key].text)) append_member(json, (*theirs)[key].text, theirs->raw(key + 1));
  }
  return json_response(with_definitions(std::move(json), own, summary));
}

Refusal PipelineApi::refuse_used(const Caller& caller, const std::vector<std::string>& names) {
  const auto indices = of_indices_(caller);
  if (!indices) return indices.error();
  for (const auto& name : names) {
    const std::string uses = uses_of(*indices, &IndexPipelineNames::first, name, "default");
    const std::string last = uses_of(*indices, &IndexPipelineNames::last, name, "final");
    if (uses.empty() && last.empty()) continue;
    const auto kept = pipelines_.index().get(caller, Kind::pipeline, name);
    if (kept && !*kept) continue;  // the index names one that does not exist
    return illegal_argument("pipeline [" + name + "] cannot be deleted because it is " + uses +
                            (uses.empty() || last.empty() ? "" : " and ") + last);
  }
  return {};
}

std::optional<http::Response> PipelineApi::remove(const http::Request& request, const std::string& id) {
  const Caller caller = caller_of(request);
  const Refusal unknown = rest::unknown_parameters(request, k_delete_parameters);
  if (unknown && !has_cluster()) return unknown->response();
  std::vector<std::string> names{id};
  if (id.find('*') != std::string::npos) {
    const auto definitions = pipelines_.index().list(caller, Kind::pipeline);
    if (may_not_look(definitions)) return {};
    if (!definitions) return definitions.error().response();
    names.clear();
    for (const auto& kept : *definitions) {
      if (rest::wildcard_match(id, kept.name)) names.push_back(kept.name);
    }
  }
  if (!has_cluster()) {
    if (const Refusal refusal = refuse_used(caller, names)) return refusal->response();
  }
  bool any = !has_cluster() && id == "*";  // as in Elasticsearch, this finds what there is
  for (const auto& name : names) {
    if (has_cluster()) {
      const auto kept = pipelines_.index().get(caller, Kind::pipeline, name);
      if (may_not_look(kept)) return {};
      if (!kept) return kept.error().response();
      if (!*kept) continue;
      if (unknown) return unknown->response();
      // First, since the cluster may refuse: it is the final pipeline of an index.
      if (const Refusal refusal = stubs_.remove(caller, name)) return refusal->response();
    }
    const auto removed = pipelines_.index().remove(caller, Kind::pipeline, name);
    pipelines_.forget();
    if (!removed) return removed.error().response();
    any = any || *removed;
  }
  if (!has_cluster()) return any ? json_response(k_acknowledged) : missing(id).response();
  if (!any) return {};
  if (id.find('*') == std::string::npos) return json_response(k_acknowledged);
  auto response = store_.handle(request);
  return response.status == 404 ? json_response(k_acknowledged) : response;
}

// ---- _simulate

std::optional<http::Response> PipelineApi::simulate(const http::Request& request, const std::string& id) {
  const Caller caller = caller_of(request);
  const Refusal unknown = rest::unknown_parameters(request, "verbose");
  const auto verbose = rest::query_flag(request, "verbose", false);
  const auto no_verbose = illegal_argument("[verbose] is not supported, remove it");
  if (!has_cluster()) {
    if (unknown) return unknown->response();
    if (!verbose) return verbose.error().response();
    if (*verbose) return no_verbose.response();
  }
  const auto body = object_in(request);
  if (!body) return has_cluster() ? std::nullopt : Handled(body.error().response());
  std::shared_ptr<const Pipeline> pipeline;
  if (id.empty()) {
    const auto inline_pipeline = body->FindMember("pipeline");
    if (inline_pipeline != body->MemberEnd()) {
      rapidjson::Document config;
      config.CopyFrom(inline_pipeline->value, config.GetAllocator());
      auto parsed = Pipeline::parse(k_simulated_id, std::move(config));
      if (!parsed) return has_cluster() ? std::nullopt : Handled(parsed.error().response());
      pipeline = *parsed;
    }
    if (has_cluster()) {
      if (!pipeline) return {};
      const auto kept = is_kept_here(caller, *pipeline);
      if (!kept) return kept.error().response();
      if (!*kept) return {};
    }
    if (pipeline) {
      if (auto refusal = refusal_of(caller, *pipeline)) return refusal;
    }
  } else {
    const auto found = pipelines_.get(caller, id);
    if (has_cluster() && may_not_look(found)) return {};
    if (!found) return found.error().response();
    if (!*found && has_cluster()) return {};
    if (!*found) return illegal_argument("pipeline [" + id + "] does not exist").response();
    pipeline = *found;
  }
  if (unknown) return unknown->response();
  if (!verbose) return verbose.error().response();
  if (*verbose) return no_verbose.response();
  return simulate_here(caller, *body, pipeline);
}

std::optional<http::Response> PipelineApi::simulate_here(const Caller& caller, const Value& body,
                                                         const std::shared_ptr<const Pipeline>& pipeline) {
  auto documents = SimulatedDocuments::read(body);
  if (!documents) return documents.error().response();
  if (!pipeline) return property_error("pipeline", "required property is missing").response();
  SimulatedAnswer answer(limits_.max_answer_bytes);
  while (!documents->at_end()) {
    const auto part = documents->next_part();
    std::vector<IngestTask> tasks;
    for (const auto& document : part) tasks.push_back({document.get(), pipeline->id, pipeline});
    ingest_.run(caller, tasks);
    if (!answer.add(tasks)) return rest::answer_too_large(limits_.max_answer_bytes).response();
  }
  return json_response(answer.take());
}

void PipelineApi::add_routes(rest::Router& router) {
  using Parameters = rest::PathParameters;
  router.add({Method::put}, "/_ingest/pipeline/{id}",
             [this](const http::Request& request, const Parameters& path) { return put(request, path.get("id")); });
  router.add({Method::get}, "/_ingest/pipeline/{id}",
             [this](const http::Request& request, const Parameters& path) { return get(request, path.get("id")); });
  router.add({Method::get}, "/_ingest/pipeline",
             [this](const http::Request& request, const Parameters&) { return get(request, ""); });
  router.add({Method::delete_}, "/_ingest/pipeline/{id}",
             [this](const http::Request& request, const Parameters& path) { return remove(request, path.get("id")); });
  router.add(
      {Method::get, Method::post}, "/_ingest/pipeline/{id}/_simulate",
      [this](const http::Request& request, const Parameters& path) { return simulate(request, path.get("id")); });
  router.add({Method::get, Method::post}, "/_ingest/pipeline/_simulate",
             [this](const http::Request& request, const Parameters&) { return simulate(request, ""); });
}

}  // namespace sightline::elastic
