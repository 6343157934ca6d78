// Partial updates of documents that go through pipelines.
#include <algorithm>
#include <rapidjson/document.h>

#include "base/number_text.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/bulk_reader.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_merge.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/request_changes.h"
#include "server/elastic/rest/router.h"
#include "server/elastic/writes/partial_update.h"
#include "server/elastic/writes/writes.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;

constexpr int k_most_retries = 100;  // whatever the request says: each is three requests to the store

/// A document as the store has it; texts as it wrote them.
struct Stored {
  std::string source;  ///< empty: there is no such document
  std::string version, seq_no, primary_term;
  std::optional<std::string> routing;
};

Answer<Stored> read_stored(const http::Response& response) {
  const auto tape = rest::JsonTape::parse(response.body);
  const ElasticError unreadable{500, "exception", "the store's answer cannot be read; the document was not updated"};
  if (!tape || (*tape)[0].kind != Kind::object) return unreadable;
  const std::size_t found = tape->member(0, "found");
  if (found == 0) return unreadable;
  if ((*tape)[found].kind != Kind::true_) return Stored{};
  const auto text = [&](const char* name) -> std::string {
    const std::size_t token = tape->member(0, name);
    return token == 0 ? std::string() : std::string(tape->raw(token));
  };
  Stored stored{text("_source"), text("_version"), text("_seq_no"), text("_primary_term"), {}};
  if (const std::size_t routing = tape->member(0, "_routing")) stored.routing = std::string((*tape)[routing].text);
  if (stored.source.empty()) {
    return ElasticError{400, "document_source_missing_exception",
                        "the index stores no _source, so its documents cannot be partially updated"};
  }
  if (stored.seq_no.empty() || stored.primary_term.empty()) return unreadable;
  return stored;
}

/// The answer to an update, `answer` (an object) with what the request wants to see of the document.
std::string with_source(const std::string& answer, const std::string& source, const rest::SourceFilter& filter) {
  if (!filter.enabled) return answer;
  const auto tape = rest::JsonTape::parse(answer);
  if (!tape || (*tape)[0].kind != Kind::object) return answer;
  std::string get;
  for (const char* name : {"_seq_no", "_primary_term"}) {
    if (const std::size_t token = tape->member(0, name))
      get.append("\"").append(name).append("\":").append(tape->raw(token)).append(",");
  }
  return answer.substr(0, answer.rfind('}')) + ",\"get\":{" + get +
         "\"found\":true,\"_source\":" + rest::filter_source(source, filter) + "}}";
}

/// What of the document the answer shows: nothing, unless the request's body or its parameters say so.
Answer<rest::SourceFilter> shown_source(const http::Request& request, const PartialUpdate& update,
                                        const Limits& limits) {
  rest::SourceFilter none;
  none.enabled = false;
  try {
    if (!update.source.empty()) {
      const auto tape = rest::JsonTape::parse(update.source);
      return tape ? rest::read_source_filter(JsonView(*tape, 0), limits) : Answer<rest::SourceFilter>(tape.error());
    }
    // Each of them requests the source. It has its vectors, also with _source_exclude_vectors=true.
    const char* const parameters[] = {"_source", "_source_includes", "_source_excludes", "_source_exclude_vectors"};
    const bool asked = std::any_of(std::begin(parameters), std::end(parameters),
                                   [&](const char* name) { return rest::query_parameter(request, name).has_value(); });
    return asked ? rest::source_filter_of(request, limits) : none;
  } catch (Refused& refused) {
    return std::move(refused.error);
  }
}

Answer<int> retries_of(const http::Request& request) {
  const auto text = rest::query_parameter(request, "retry_on_conflict");
  if (!text) return 0;
  const auto retries = number_from<int>(*text);
  if (!retries || *retries < 0) {
    return illegal_argument("Failed to parse int parameter [retry_on_conflict] with value [" + *text + "]");
  }
  return std::min(*retries, k_most_retries);
}

}  // namespace

namespace {

/// One try of an update: the document is read, changed, run through the pipelines and written under the
/// condition that it is still what was read.
class PipelinedUpdate {
 public:
  PipelinedUpdate(Store& store, IngestService& ingest, WritePlanner& planner, const http::Request& request,
                  const PartialUpdate& update, const WritePlan& plan, const IngestDocument::Metadata& target,
                  rest::SourceFilter shown)
      : store_(store),
        ingest_(ingest),
        planner_(planner),
        request_(request),
        update_(update),
        plan_(plan),
        target_(target),
        shown_(std::move(shown)) {}

  /// `read_index` is the index that a write to the target's name goes to.
  Outcome run(const std::string& read_index) {
    const auto response = get(read_index);
    const bool missing_index = response.status == 404 && response.body.find("\"found\"") == std::string::npos;
    if (response.status != 200 && response.status != 404) return response;
    auto stored = missing_index ? Answer<Stored>(Stored{}) : read_stored(response);
    if (!stored) return stored.error().response();
    return stored->source.empty() ? create() : change(*stored);
  }

 private:
  http::Response get(const std::string& index) {
    const std::string path = "/" + http::percent_encode(index) + "/_doc/" + http::percent_encode(*target_.id);
    std::string query = target_.routing ? "routing=" + http::percent_encode(*target_.routing) + "&" : "";
    auto response = store_.handle(
        store_request(planner_.caller(), http::Method::get, path, query + "_source_exclude_vectors=false"));
    // Clusters before 9.2 leave no vectors out of _source, and know no such parameter.
    if (response.status == 400 && response.body.find("_source_exclude_vectors") != std::string::npos)
      response = store_.handle(store_request(planner_.caller(), http::Method::get, path, query));
    return response;
  }

  Outcome create() {
    const auto first = update_.first_document();
    if (first.empty()) return request_;  // the store says that it is missing
    return write(std::string(first), target_.routing, "_create", {}, {});
  }

  Outcome change(const Stored& stored) {
    auto merged = rest::merge_json(stored.source, update_.doc);
    if (!merged) return merged.error().response();
    const std::string seq_no = condition("if_seq_no", update_.if_seq_no, stored.seq_no);
    const std::string term = condition("if_primary_term", update_.if_primary_term, stored.primary_term);
    const bool as_expected = seq_no == stored.seq_no && term == stored.primary_term;
    if (update_.detect_noop && !merged->changed && as_expected) return unchanged(stored);
    const auto routing = target_.routing ? target_.routing : stored.routing;
    return write(merged->text, routing, "_doc", seq_no, term);
  }

  /// The client's condition, else that nobody has changed the document since it was read.
  std::string condition(const char* name, std::string_view of_body, const std::string& read) const {
    if (!of_body.empty()) return std::string(of_body);
    return rest::query_parameter(request_, name).value_or(read);
  }

  http::Response unchanged(const Stored& stored) const {
    std::string json = "{\"_index\":";
    rest::append_json_string(json, target_.index);
    json += ",\"_id\":";
    rest::append_json_string(json, *target_.id);
    json += ",\"_version\":" + stored.version +
            R"(,"result":"noop","_shards":{"total":0,"successful":0,"failed":0},"_seq_no":)" + stored.seq_no +
            ",\"_primary_term\":" + stored.primary_term + "}";
    return json_response(with_source(json, stored.source, shown_));
  }

  http::Response write(const std::string& document, const std::optional<std::string>& routing, const char* action,
                       std::optional<std::string_view> seq_no, std::optional<std::string_view> term) {
    PipelinedWrite write = make_write(plan_, {target_.index, target_.id, routing}, document);
    run_pipelines(planner_, ingest_, {&write});
    if (write.failure) return write.failure->response();
    if (write.dropped) return dropped_answer(target_.index, target_.id);
    const auto after = write.document->metadata();
    http::Request sent = rest::head_for_pieces(request_);
    sent.method = http::Method::put;
    sent.path = "/" + http::percent_encode(after.index) + "/" + action + "/" +
                http::percent_encode(after.id.value_or(*target_.id));
    sent.query = rest::with_parameters(sent.query, {{"pipeline", k_no_pipeline},
                                                    {"routing", after.routing},
                                                    {"if_seq_no", seq_no},
                                                    {"if_primary_term", term},
                                                    {"retry_on_conflict", {}},
                                                    {"doc_as_upsert", {}},
                                                    {"lang", {}},
                                                    {"_source", {}},
                                                    {"_source_includes", {}},
                                                    {"_source_excludes", {}},
                                                    {"_source_exclude_vectors", {}}});
    sent.body = write.source_json();
    write.document.reset();
    auto response = store_.handle(sent);
    if (response.status < 300) response.body = with_source(response.body, document, shown_);
    return response;
  }

  Store& store_;
  IngestService& ingest_;
  WritePlanner& planner_;
  const http::Request& request_;
  const PartialUpdate& update_;
  const WritePlan& plan_;
  const IngestDocument::Metadata& target_;
  rest::SourceFilter shown_;
};

}  // namespace

Outcome Writes::update(http::Request request, const std::string& index, const std::string& id) {
  WritePlanner planner = planner_for(request);
  const auto& plan = planner.plan(index, {});
  if (!plan) return plan.error().response();
  // An id that is too long the store refuses.
  if (!plan->here() || rest::id_problem(rest::document_id(id))) return request;
  auto update = PartialUpdate::parse(request.body);
  if (!update) return request;
  if (const auto flag = rest::query_flag(request, "doc_as_upsert", update->doc_as_upsert); !flag) {
    return flag.error().response();
  } else if (!update->has_doc_as_upsert) {
    update->doc_as_upsert = *flag;
  }
  if (!update->script.empty()) {
    return illegal_argument("documents of [" + index + "] go through the pipeline [" +
                            (plan->first.empty() ? plan->last : plan->first) +
                            "], which runs in the gateway, before a script of the cluster can change them; send "
                            "the changes as [doc], or the whole document")
        .response();
  }
  const bool conditional = !update->if_seq_no.empty() || rest::query_parameter(request, "if_seq_no");
  // The store says what is wrong with these: nothing to update with, and conditions on what is not there yet.
  if (update->doc.empty() || (conditional && !update->first_document().empty())) return request;
  const auto retries = retries_of(request);
  if (!retries) return retries.error().response();
  auto shown = shown_source(request, *update, limits_);
  if (!shown) return shown.error().response();
  const auto names = planner.names(index);
  if (!names) return names.error().response();
  const IngestDocument::Metadata target{index, id, rest::query_parameter(request, "routing")};
  PipelinedUpdate one_try(store_, ingest_, planner, request, *update, *plan, target, *std::move(shown));
  for (int left = *retries;; --left) {
    Outcome outcome = one_try.run(names->index);
    const auto* response = std::get_if<http::Response>(&outcome);
    // A conflict: nothing was written, and the document is another now.
    if (!response || response->status != 409 || left == 0) return outcome;
  }
}

}  // namespace sightline::elastic
