#include "server/elastic/writes/pipelined_write.h"

#include "server/elastic/definitions/definition_guard.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/writes/bulk_request.h"

namespace sightline::elastic {
namespace {

/// What Elasticsearch says about a source that is not JSON.
ElasticError not_a_document(ElasticError cause) {
  ElasticError error{400, "document_parsing_exception", "[1:1] failed to parse: " + cause.reason};
  error.causes.push_back(std::move(cause));
  return error;
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

ElasticError restricted_index() {
  return {403, "security_exception",
          "index [" + std::string(k_definition_index) +
              "] holds inference endpoints and pipelines, use _inference and _ingest/pipeline"};
}

Answer<bool> WritePlanner::runs_here(const std::string& pipeline) {
  if (pipeline.empty()) return false;
  if (!store_.runs_pipelines()) return true;
  const auto kept = definitions_.pipeline(caller_, pipeline);
  // Who may not look at what is kept here has his write passed on: the cluster knows the pipeline or says
  // that it does not exist.
  if (!kept && kept.error().status == 403) return false;
  if (!kept) return kept.error();
  return *kept != nullptr;
}

/// The same for a final pipeline, which a cluster runs at every write, whatever the write says.
Answer<bool> WritePlanner::runs_last_here(const std::string& pipeline) {
  // Its stand-in in the cluster would let the document pass without having run: not for any caller.
  const auto kept = definitions_.pipeline(caller_, pipeline);
  if (!pipeline.empty() && !kept) return kept.error();
  auto here = runs_here(pipeline);
  // Without the stand-in the cluster refuses the document, and says why: so whether this succeeds (not every
  // writer may look at pipelines) makes no difference to what is written.
  if (here && *here && store_.runs_pipelines()) stubs_.ensure(caller_, pipeline);
  return here;
}

Answer<std::string> WritePlanner::last_of(const std::string& index) {
  const auto names = pipelines_.of(caller_, index);
  if (!names) return names.error();
  const auto here = runs_last_here(names->last);
  if (!here) return here.error();
  return *here ? names->last : std::string();
}

Answer<WritePlan> WritePlanner::make_plan(const Key& key) {
  const auto names = pipelines_.of(caller_, key.first);
  if (!names) return names.error();
  WritePlan plan{key.second.value_or(names->first), names->last};
  if (plan.first == k_no_pipeline) plan.first.clear();
  const auto first_here = runs_here(plan.first);
  if (!first_here) return first_here.error();
  const auto last_here = runs_last_here(plan.last);
  if (!last_here) return last_here.error();
  if (!*last_here) plan.last.clear();
  if (!*first_here && !*last_here) plan.first.clear();
  return plan;
}

const Answer<WritePlan>& WritePlanner::plan(const std::string& index,
                                            const std::optional<std::string>& given) {
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
    const auto last = planner.last_of(index);
    if (last) {
      write->plan.last = *last;
    } else {
      write->failure = last.error();
    }
  }
  run(planner.caller(), ingest, writes, &WritePlan::last);
  for (auto* write : writes) {
    if (write->failure || write->dropped) continue;
    if (is_definition_index(write->document->metadata().index)) write->failure = restricted_index();
  }
}

PipelinedWrite make_write(const WritePlan& plan, const IngestDocument::Metadata& metadata,
                          std::string_view text) {
  PipelinedWrite write{plan, metadata.index, nullptr, {}, false};
  auto source = rest::parse_json(text);
  if (!source) {
    write.failure = not_a_document(source.error());
  } else if (!source->IsObject()) {
    write.failure =
        ElasticError{400, "document_parsing_exception", "Malformed content, must start with an object"};
  } else {
    write.document = std::make_unique<IngestDocument>(metadata, std::move(*source));
  }
  return write;
}

}  // namespace sightline::elastic
