#include "server/elastic/writes/pipelined_write.h"

#include "server/elastic/definitions/definition_guard.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/bulk_reader.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

/// What Elasticsearch says about a source that is not JSON.
ElasticError not_a_document(ElasticError cause) {
  ElasticError error{400, "document_parsing_exception", "[1:1] failed to parse: " + cause.reason};
  error.causes.push_back(std::move(cause));
  return error;
}

ElasticError moved_by_final(const PipelinedWrite& write, const std::string& index) {
  return {500, "illegal_state_exception",
          "final pipeline [" + write.plan.last + "] can't change the target index (from [" + write.index + "] to [" +
              index + "]) for document [" + write.document->metadata().id.value_or("null") + "]"};
}

/// What pipelines can make of a document's metadata for which the store would refuse a whole bulk.
Refusal refused_in_bulks(const WritePlanner& planner, const std::string& index, const std::optional<std::string>& id,
                         const std::optional<std::string>& routing) {
  if (index.empty()) {
    return ElasticError{400, "invalid_index_name_exception", "Invalid index name [], must not be empty"};
  }
  if (id && id->empty()) return illegal_argument("if _id is specified it must not be empty");
  if (const auto problem = rest::id_problem(id.value_or(""))) return illegal_argument(*problem);
  if (routing && !planner.store_has_routing()) return rest::not_supported("[routing] of a document");
  return {};
}

void run(const Caller& caller, IngestService& ingest, const std::vector<PipelinedWrite*>& writes,
         std::string WritePlan::*pipeline) {
  std::vector<IngestTask> tasks;
  std::vector<PipelinedWrite*> running;
  for (auto* write : writes) {
    if (write->failure || write->dropped || (write->plan.*pipeline).empty()) continue;
    running.push_back(write);
    tasks.push_back({write->document.get(), write->plan.*pipeline});
  }
  if (tasks.empty()) return;
  ingest.run(caller, tasks);
  for (std::size_t i = 0; i < running.size(); ++i) {
    running[i]->failure = std::move(tasks[i].failure);
    running[i]->dropped = running[i]->document->dropped;
  }
}

}  // namespace

http::Response dropped_answer(const std::string& index, const std::optional<std::string>& id) {
  std::string json = "{\"_index\":";
  rest::append_json_string(json, index);
  json += ",\"_id\":";
  rest::append_json_string(json, id ? *id : k_no_id);
  return json_response(json.append(",").append(k_dropped_members).append("}"));
}

Answer<bool> WritePlanner::runs_here(const std::string& pipeline) {
  if (pipeline.empty()) return false;
  if (!store_.runs_pipelines()) return true;
  const auto kept = kept_.get(caller_, pipeline);
  // Who may not look at what is kept here has his write passed on: the cluster knows the pipeline or says
  // that it does not exist.
  if (!kept && kept.error().status == 403) return false;
  if (!kept) return kept.error();
  return *kept != nullptr;
}

Refusal WritePlanner::plan_last(const std::string& index, WritePlan& plan) {
  const auto names = pipelines_.of(caller_, index);
  if (!names) return names.error();
  plan.last.clear();
  plan.last_guarded = false;
  if (names->last.empty()) return {};
  // Who may not look at what is kept here does not write: an empty stand-in would let his document pass
  // without having run.
  const auto kept = kept_.get(caller_, names->last);
  if (!kept) return kept.error();
  if (store_.runs_pipelines() && !*kept) return {};
  plan.last = names->last;
  if (!store_.runs_pipelines()) return {};
  // Not every writer may look at pipelines: for him counts what was told when the pipeline was stored.
  // Without a stand-in the cluster refuses the document, and says why.
  using InCluster = PipelineStubs::InCluster;
  const auto there = stubs_.ensure(caller_, plan.last, (*kept)->guarded);
  if (there && *there == InCluster::pipeline) return pipeline_of_both(plan.last);
  plan.last_guarded = there ? *there == InCluster::guard : (*kept)->guarded;
  return {};
}

Answer<WritePlan> WritePlanner::make_plan(const Key& key) {
  const auto names = pipelines_.of(caller_, key.first);
  if (!names) return names.error();
  WritePlan plan{key.second.value_or(names->first), {}};
  if (plan.first == k_no_pipeline) plan.first.clear();
  const auto first_here = runs_here(plan.first);
  if (!first_here) return first_here.error();
  if (Refusal refusal = plan_last(key.first, plan)) return *refusal;
  if (!*first_here && plan.last.empty()) plan.first.clear();
  return plan;
}

const Answer<WritePlan>& WritePlanner::plan(const std::string& index, const std::optional<std::string>& given) {
  if (latest_ && latest_->first.first == index && latest_->first.second == given) return latest_->second;
  const Key key{index, given};
  auto found = plans_.find(key);
  if (found == plans_.end()) found = plans_.emplace(key, make_plan(key)).first;
  latest_ = &*found;
  return found->second;
}

void run_pipelines(WritePlanner& planner, IngestService& ingest, const std::vector<PipelinedWrite*>& writes) {
  run(planner.caller(), ingest, writes, &WritePlan::first);
  for (auto* write : writes) {
    if (write->failure || write->dropped) continue;
    const auto index = write->document->metadata().index;
    if (index == write->index) continue;
    write->failure = planner.plan_last(index, write->plan);
    write->index = index;
  }
  run(planner.caller(), ingest, writes, &WritePlan::last);
  for (auto* write : writes) {
    if (write->failure || write->dropped) continue;
    const auto [index, id, routing] = write->document->metadata();
    if (is_definition_index(index)) {
      write->failure = restricted_index();
    } else if (index != write->index) {
      write->failure = moved_by_final(*write, index);
    } else {
      write->failure = refused_in_bulks(planner, index, id, routing);
    }
  }
}

void PipelinedWrite::append_source(std::string& json) const {
  document->append_source(json);
  if (plan.last.empty() || !plan.last_guarded) return;
  json.pop_back();
  json.append(json.back() == '{' ? "\"" : ",\"").append(k_ran_mark).append("\":true}");
}

std::string PipelinedWrite::source_json() const {
  std::string json;
  append_source(json);
  return json;
}

PipelinedWrite make_write(const WritePlan& plan, const IngestDocument::Metadata& metadata, std::string_view text) {
  PipelinedWrite write{plan, metadata.index, nullptr, {}, false};
  auto source = rest::parse_as_written(text, json::Strings::borrowed);
  if (!source) {
    write.failure = not_a_document(source.error());
  } else if (!source->IsObject()) {
    write.failure = ElasticError{400, "document_parsing_exception", "Malformed content, must start with an object"};
  } else {
    write.document = std::make_unique<IngestDocument>(metadata, std::move(*source));
  }
  return write;
}

}  // namespace sightline::elastic
