#include "server/elastic/writes/writes.h"

#include <string_view>
#include <utility>

#include "base/cancellation.h"
#include "server/elastic/definitions/definition_guard.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/bulk_reader.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/request_changes.h"
#include "server/elastic/rest/router.h"
#include "server/elastic/writes/bulk_write.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;

/// True if an error in planning one item fails this item alone: its index is closed to the caller, others
/// need not be.
bool fails_alone(const ElasticError& error) {
  return error.status == 403;
}

ElasticError too_many_items(std::size_t most) {
  return {413, "content_too_long_exception",
          "a _bulk may hold [" + std::to_string(most) +
              "] actions; send fewer at a time, or raise --elasticsearch-max-bulk-items"};
}

/// Whether an item of a bulk needs more than to be passed on.
Answer<bool> concerns_us(WritePlanner& planner, const BulkItem& item, const std::optional<std::string>& of_request) {
  const auto plan_is_ours = [&](const std::optional<std::string>& given) -> Answer<bool> {
    const auto& plan = planner.plan(item.index, given);
    if (!plan && !fails_alone(plan.error())) return plan.error();
    return !plan || plan->here();
  };
  if (item.operation == "delete") return false;
  auto ours = plan_is_ours(item.pipeline ? item.pipeline : of_request);
  if (item.operation != "update" || !ours || *ours) return ours;
  return plan_is_ours({});  // of doc_as_upsert
}

ElasticError not_by_query(const std::string& what, const std::string& index, const WritePlan& plan) {
  return illegal_argument(
      "[" + what + "] cannot write to [" + index + "] through the pipeline [" +
      (plan.first.empty() ? plan.last : plan.first) +
      "], which runs in the gateway, where the documents of this request do not pass; read them with a "
      "search (scroll, or a point in time) and write them with _bulk, or index the pictures again");
}

/// `dest` of a `_reindex`.
struct Destination {
  std::string index;
  std::optional<std::string> pipeline;
};

std::optional<Destination> read_destination(std::string_view body) {
  const auto tape = rest::JsonTape::parse(body);
  if (!tape || (*tape)[0].kind != Kind::object) return {};
  const std::size_t dest = tape->member(0, "dest");
  if (dest == 0 || (*tape)[dest].kind != Kind::object) return {};
  const auto text = [&](const char* name) -> std::optional<std::string> {
    const std::size_t token = tape->member(dest, name);
    if (token == 0 || (*tape)[token].kind != Kind::string) return {};
    return std::string((*tape)[token].text);
  };
  return Destination{text("index").value_or(""), text("pipeline")};
}

}  // namespace

WritePlanner Writes::planner_for(const http::Request& request) {
  return {store_, kept_, stubs_, pipelines_, caller_of(request)};
}

Outcome Writes::bulk(http::Request request, const std::string& index) {
  WritePlanner planner = planner_for(request);
  const auto of_request = rest::query_parameter(request, "pipeline");
  BulkReader reader(request.body, index);
  bool ours = false;
  for (std::size_t count = 1;; ++count) {
    check_cancelled();
    const auto item = reader.next();
    if (!item) {
      if (ours) return item.error().response();
      // The store reads the rest by its own lights, and says of a well-formed action all that is wrong in the
      // bulk.
      if (!may_name_definitions(request.body)) return request;
      const bool is_cut = !request.body.ends_with('\n');  // refused whole, whatever the rest says
      const bool is_read = is_cut || item.error().type == "action_request_validation_exception";
      return (is_read ? item.error() : restricted_index()).response();
    }
    if (!*item) break;
    if (count > limits_.max_bulk_items) return too_many_items(limits_.max_bulk_items).response();
    if (is_definition_index((*item)->index)) return restricted_index().response();
    if (ours) continue;  // the rest is only looked at for faults, which refuse the whole bulk
    const auto concerned = concerns_us(planner, **item, of_request);
    if (!concerned) return concerned.error().response();
    ours = *concerned;
  }
  if (!ours) return request;
  return BulkWrite(store_, ingest_, planner, request, index).run();
}

Outcome Writes::document(http::Request request, const std::string& index, const std::optional<std::string>& id,
                         bool create) {
  WritePlanner planner = planner_for(request);
  const auto& plan = planner.plan(index, rest::query_parameter(request, "pipeline"));
  if (!plan) return plan.error().response();
  if (!plan->here()) return request;
  if (request.body.empty()) return ElasticError{400, "parse_exception", "request body is required"}.response();
  if (const auto problem = rest::id_problem(rest::document_id(id.value_or("")))) {
    return ElasticError{400, "action_request_validation_exception", "Validation Failed: 1: " + *problem + ";"}
        .response();
  }
  const IngestDocument::Metadata before{index, id, rest::query_parameter(request, "routing")};
  PipelinedWrite write = make_write(*plan, before, request.body);
  run_pipelines(planner, ingest_, {&write});
  if (write.failure) return write.failure->response();
  if (write.dropped) return dropped_answer(index, id);
  const auto after = write.document->metadata();
  if (after.index != before.index || after.id != before.id) {
    request.path = "/" + http::percent_encode(after.index) + (create && after.id ? "/_create" : "/_doc");
    if (after.id) request.path += "/" + http::percent_encode(*after.id);
    request.method = after.id ? http::Method::put : http::Method::post;
  }
  request.query = rest::with_parameters(request.query, {{"pipeline", k_no_pipeline}});
  if (after.routing != before.routing)
    request.query = rest::with_parameters(request.query, {{"routing", after.routing}});
  request.body = write.source_json();
  return request;
}

Outcome Writes::unread(http::Request request, const std::string& index) {
  WritePlanner planner = planner_for(request);
  const auto& plan = planner.plan(index, rest::query_parameter(request, "pipeline"));
  if (!plan) return plan.error().response();
  if (!plan->here()) return request;
  const auto type = request.headers.get("Content-Type");
  return ElasticError{406, "status_exception",
                      "Content-Type header [" + std::string(type.value_or("")) +
                          "] is not supported for documents that go through the pipeline [" +
                          (plan->first.empty() ? plan->last : plan->first) +
                          "], which Sightline runs and which reads only JSON; send them as application/json, "
                          "or as application/x-ndjson in _bulk"}
      .response();
}

Outcome Writes::by_query(http::Request request, const std::vector<std::string>& parts) {
  if (!store_.runs_pipelines() || parts.empty()) return request;  // a store without pipelines has neither API
  WritePlanner planner = planner_for(request);
  if (parts.front() == "_reindex") {
    const auto destination = read_destination(request.body);
    if (!destination) return request;
    const auto& plan = planner.plan(destination->index, destination->pipeline);
    if (!plan) return plan.error().response();
    if (plan->here()) return not_by_query("_reindex", destination->index, *plan).response();
    return request;
  }
  const auto given = rest::query_parameter(request, "pipeline");
  const auto given_here = planner.runs_here(given.value_or(""));
  if (!given_here) return given_here.error().response();
  if (*given_here) return not_by_query("_update_by_query", parts.front(), {*given, {}}).response();
  const auto indices = pipelines_.all(planner.caller(), parts.front());
  if (!indices && indices.error().status == 403) return request;  // the cluster knows no pipeline of ours
  if (!indices) return indices.error().response();
  for (const auto& names : *indices) {
    const auto& plan = planner.plan(names.index, given);
    if (!plan) return plan.error().response();
    if (plan->here()) return not_by_query("_update_by_query", names.index, *plan).response();
  }
  return request;
}

}  // namespace sightline::elastic
