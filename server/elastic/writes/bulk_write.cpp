#include "server/elastic/writes/bulk_write.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <future>

#include "base/cancellation.h"
#include "base/request_trace.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/request_changes.h"
#include "server/elastic/rest/router.h"
#include "server/elastic/writes/partial_update.h"
#include "server/http/network_wait.h"

namespace sightline::elastic {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = rest::JsonToken::Kind;

// A part is full with one of these.
constexpr std::size_t k_part_items = 256;
constexpr std::size_t k_part_bytes = 4u << 20;
/// Of items in an answer.
constexpr std::size_t k_many_items_bytes = 16u << 20;
/// What a document may grow by on its way, roughly: a vector as text.
constexpr std::size_t k_vector_bytes = 8u << 10;

std::string item_head(const BulkItem& item) {
  std::string json = "{\"" + item.operation + "\":{\"_index\":";
  rest::append_json_string(json, item.index);
  json += ",\"_id\":";
  rest::append_json_string(json, item.id ? *item.id : k_no_id);
  return json;
}

std::string failed_item(const BulkItem& item, const ElasticError& error) {
  return item_head(item) + ",\"status\":" + std::to_string(error.status) + ",\"error\":" + error.item_json() + "}}";
}

/// The error as it is told behind these items: its reasons are left out where so many have been told that the
/// answer could become too large to be held.
ElasticError told_in(const std::string& items, ElasticError error) {
  if (items.size() < k_many_items_bytes) return error;
  error.reason = "omitted, because the answer is already large; see the first items that failed";
  error.cause_type.clear();
  error.details.clear();
  error.causes.clear();
  return error;
}

/// An item of the store's answer, without the source of an update where the answer is already large.
std::string told_of(const std::string& items, std::string_view item) {
  static const rest::SourceFilter without_source{.excludes = {"update.get"}};
  return items.size() < k_many_items_bytes ? std::string(item) : rest::filter_source(item, without_source);
}

ElasticError unreadable_answer() {
  return {500, "exception",
          "the store's answer to _bulk cannot be read: whether the document was written is not known"};
}

std::string dropped_item(const BulkItem& item) {
  return item_head(item).append(",").append(k_dropped_members).append(",\"status\":200}}");
}

}  // namespace

/// The store's answer to a part; views into its text.
struct BulkWrite::StoreAnswer {
  std::vector<std::string_view> items;
  bool errors = false;
  long took = 0, ingest_took = -1;

  /// Nothing if the answer cannot be read or has not that many items.
  static std::optional<StoreAnswer> read(std::string_view body, std::size_t sent);
};

std::optional<BulkWrite::StoreAnswer> BulkWrite::StoreAnswer::read(std::string_view body, std::size_t sent) {
  const auto tape = rest::JsonTape::parse(body);
  if (!tape || (*tape)[0].kind != Kind::object) return {};
  const std::size_t items = tape->member(0, "items");
  if (items == 0 || (*tape)[items].kind != Kind::array) return {};
  StoreAnswer answer;
  const auto read_number = [&](const char* name, long& number) {
    const std::size_t token = tape->member(0, name);
    if (token == 0 || (*tape)[token].kind != Kind::number) return;
    const auto text = (*tape)[token].text;
    std::from_chars(text.data(), text.data() + text.size(), number);
  };
  read_number("took", answer.took);
  read_number("ingest_took", answer.ingest_took);
  const std::size_t errors = tape->member(0, "errors");
  answer.errors = errors != 0 && (*tape)[errors].kind == Kind::true_;
  for (std::size_t item = items + 1; item < (*tape)[items].next; item = (*tape)[item].next) {
    answer.items.push_back(tape->raw(item));
  }
  if (answer.items.size() != sent) return {};
  return answer;
}

/// An item on its way to the store.
struct BulkWrite::Prepared {
  BulkItem item;
  std::unique_ptr<PipelinedWrite> write;  ///< null: it goes as it came
  std::optional<PartialUpdate> update;    ///< that the write's document belongs to
};

struct BulkWrite::Part {
  struct Slot {
    BulkItem item;
    std::string answer;  ///< empty: it is the store's
    bool failed = false;
    std::size_t begin = 0, end = 0;  ///< its lines in the request's body, if it is sent
  };
  std::vector<Slot> slots;
  http::Request request;                                       ///< for the store; no body: nothing is sent
  std::vector<std::unique_ptr<const http::BufferShare>> held;  ///< what its documents have grown by
};

BulkWrite::BulkWrite(Store& store, IngestService& ingest, WritePlanner& planner, const http::Request& request,
                     const std::string& index)
    : store_(store),
      ingest_(ingest),
      planner_(planner),
      reader_(request.body, index),
      of_request_(rest::query_parameter(request, "pipeline")),
      head_(rest::head_for_pieces(request)) {
  // Items that are not changed may still need the pipeline of the request, if it is the cluster's.
  const auto here = of_request_ ? planner.runs_here(*of_request_) : Answer<bool>(false);
  if (!here || *here) head_.query = rest::with_parameters(head_.query, {{"pipeline", {}}});
}

/// An embedded store works meanwhile, so that the worker's place is not free.
void BulkWrite::wait_for(const std::future<http::Response>& reply) const {
  if (!store_.runs_pipelines() || reply.wait_for(Clock::duration(0)) != std::future_status::timeout) return;
  const http::NetworkWait wait;
  const http::NetworkWait::Lent lent(wait);
  reply.wait();
}

http::Response BulkWrite::run() {
  Part writing;
  std::future<http::Response> reply;
  while (true) {
    Part next = prepare();
    if (reply.valid()) {
      wait_for(reply);
      settle(writing, reply.get());
      if (refused_) return std::move(*refused_);
    }
    if (next.slots.empty()) return answer();
    if (next.request.body.empty() || gone_) {
      settle(next, {});
      continue;
    }
    writing = std::move(next);
    // The last part needs no thread: there is nothing to do beside it.
    reply = std::async(reader_.at_end() ? std::launch::deferred : std::launch::async | std::launch::deferred,
                       [this, &writing, work = current_cancellation(), trace = current_trace()]() mutable {
                         const CancellationScope scope(std::move(work));
                         const TraceScope stages(std::move(trace));
                         return send(writing.request);
                       });
  }
}

/// Reads the next part and runs its pipelines. No slots: the bulk is at its end.
BulkWrite::Part BulkWrite::prepare() {
  std::vector<Prepared> items;
  std::size_t bytes = 0;
  while (items.size() < k_part_items && bytes < k_part_bytes) {
    check_cancelled();
    const auto item = reader_.next();
    if (!item || !*item) break;
    bytes += (*item)->action_line.size() + (*item)->source_line.size();
    Prepared& prepared = items.emplace_back();
    prepared.item = **item;
    if (gone_) continue;
    if ((*item)->operation == "update") {
      add_update(prepared, **item);
    } else if ((*item)->operation != "delete") {
      add_document(prepared, **item);
    }
  }
  std::vector<PipelinedWrite*> writes;
  for (const auto& prepared : items) {
    if (prepared.write) writes.push_back(prepared.write.get());
  }
  if (!writes.empty()) {
    const auto begun = Clock::now();
    run_pipelines(planner_, ingest_, writes);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count();
    ingest_took_ = std::max(ingest_took_, 0L) + static_cast<long>(took);
  }
  return composed(std::move(items));
}

void BulkWrite::add_document(Prepared& prepared, const BulkItem& item) {
  const auto& plan = planner_.plan(item.index, item.pipeline ? item.pipeline : of_request_);
  if (plan && !plan->here()) return;
  prepared.write =
      std::make_unique<PipelinedWrite>(plan ? make_write(*plan, {item.index, item.id, item.routing}, item.source_line)
                                            : PipelinedWrite{{}, item.index, nullptr, plan.error(), false});
}

void BulkWrite::add_update(Prepared& prepared, const BulkItem& item) {
  const auto& of_upsert = planner_.plan(item.index, item.pipeline ? item.pipeline : of_request_);
  const auto& of_doc = planner_.plan(item.index, {});  // which heeds the index's pipeline alone
  if (of_upsert && !of_upsert->here() && of_doc && !of_doc->here()) return;
  auto update = PartialUpdate::parse(item.source_line);
  if (!update || update->first_document().empty()) return;
  const auto& plan = update->doc_as_upsert ? of_doc : of_upsert;
  if (plan && !plan->here()) return;
  prepared.write = std::make_unique<PipelinedWrite>(
      plan ? make_write(*plan, {item.index, item.id, item.routing}, update->first_document())
           : PipelinedWrite{{}, item.index, nullptr, plan.error(), false});
  prepared.update = std::move(update);
}

/// The part's body for the store, from which what failed and what was dropped is left out. Each document is
/// let go of as soon as it is written down.
BulkWrite::Part BulkWrite::composed(std::vector<Prepared>&& items) {
  Part part;
  std::string body;
  part.slots.reserve(items.size());
  std::size_t bytes = 0;
  for (const auto& [item, write, update] : items)
    bytes += item.action_line.size() + item.source_line.size() + (write ? k_vector_bytes : 2);
  body.reserve(bytes);
  for (auto& [item, write, update] : items) {
    check_cancelled();
    auto& slot = part.slots.emplace_back();
    slot.begin = body.size();
    if (write && write->failure) {
      slot = {{}, failed_item(item, told_in(items_, *std::move(write->failure))), true};
    } else if (write && write->dropped) {
      slot = {{}, dropped_item(item), false};
    } else if (write) {
      const auto metadata =
          update ? IngestDocument::Metadata{item.index, item.id, item.routing} : write->document->metadata();
      body += item.action_after_pipelines(metadata.index, metadata.id, metadata.routing);
      body += '\n';
      if (update) {
        const auto unmarked = update->doc_as_upsert ? write->document->source_json() : std::string();
        body += update->with_first_document(write->source_json(), unmarked);
      } else {
        write->append_source(body);
      }
      body += '\n';
      part.held.push_back(write->document->take_share());
      write.reset();
    } else {
      body.append(item.action_line) += '\n';
      if (item.operation != "delete") body.append(item.source_line) += '\n';
    }
    slot.end = body.size();
    slot.item = std::move(item);
  }
  part.request = head_;
  part.request.body = std::move(body);
  return part;
}

http::Response BulkWrite::send(const http::Request& request) const {
  try {
    return store_.handle(request);
  } catch (const WorkCancelled&) {
    throw;
  } catch (const std::exception& exception) {
    return ElasticError{500, "exception", std::string("internal error of Sightline: ") + exception.what()}.response();
  }
}

/// Why a part's items failed that the store refused as a whole.
Refusal BulkWrite::failure_of(const http::Response& response) {
  const ElasticError error = error_in(response);
  if (response.status >= 502 && response.status <= 504) {
    gone_ = error;
    gone_->reason = "not sent, because the connection to the store was lost before: " + error.reason;
  }
  return error;
}

void BulkWrite::count(const StoreAnswer& stored, const http::Headers& headers) {
  errors_ = errors_ || stored.errors;
  took_ += stored.took;
  if (stored.ingest_took >= 0) ingest_took_ = std::max(ingest_took_, 0L) + stored.ingest_took;
  for (const auto& [name, value] : headers.all()) {
    const bool is_new = std::find(warnings_.begin(), warnings_.end(), value) == warnings_.end();
    if (http::equal_ignoring_case(name, "Warning") && is_new) warnings_.push_back(value);
  }
}

/// The embedded store writes nothing of what it refuses.
bool BulkWrite::may_repeat(const BulkItem& item) const {
  return !store_.runs_pipelines() || (item.operation == "index" && item.id && !item.id->empty());
}

/// Sends these slots' items together, and in halves if that is refused with 400.
void BulkWrite::send_again(Part& part, std::span<const std::size_t> slots) {
  if (slots.empty()) return;
  check_cancelled();
  http::Request request = head_;
  for (const std::size_t slot : slots) {
    request.body.append(part.request.body, part.slots[slot].begin, part.slots[slot].end - part.slots[slot].begin);
  }
  Refusal failure = gone_;
  if (!failure) {
    const http::Response response = send(request);
    if (response.status == 400 && slots.size() > 1) {
      const std::size_t half = slots.size() / 2;
      send_again(part, slots.first(half));
      return send_again(part, slots.subspan(half));
    }
    if (const auto stored = response.status < 300 ? StoreAnswer::read(response.body, slots.size()) : std::nullopt) {
      count(*stored, response.headers);
      for (std::size_t i = 0; i < slots.size(); ++i) part.slots[slots[i]].answer = told_of(items_, stored->items[i]);
      return;
    }
    failure = response.status < 300 ? unreadable_answer() : failure_of(response);
  }
  for (const std::size_t slot : slots) {
    part.slots[slot].answer = failed_item(part.slots[slot].item, told_in(items_, *failure));
    part.slots[slot].failed = true;
  }
}

/// Adds a part's items to the answer; without a response none was sent.
void BulkWrite::settle(Part& part, const std::optional<http::Response>& response) {
  Refusal failure = gone_;
  std::optional<StoreAnswer> stored;
  if (response && response->status >= 300) {
    if (!written_) {
      refused_ = *response;
      return;
    }
    failure = failure_of(*response);
    std::vector<std::size_t> again;
    for (std::size_t i = 0; i < part.slots.size(); ++i) {
      if (part.slots[i].answer.empty() && may_repeat(part.slots[i].item)) again.push_back(i);
    }
    if (response->status == 400) send_again(part, again);
  } else if (response) {
    written_ = true;
    const auto sent =
        std::count_if(part.slots.begin(), part.slots.end(), [](const auto& slot) { return slot.answer.empty(); });
    stored = StoreAnswer::read(response->body, static_cast<std::size_t>(sent));
    if (stored) {
      count(*stored, response->headers);
    } else {
      failure = unreadable_answer();
    }
  }
  std::size_t next = 0;
  for (const auto& slot : part.slots) {
    check_cancelled();
    if (!items_.empty()) items_ += ',';
    if (!slot.answer.empty()) {
      errors_ = errors_ || slot.failed;
      items_ += slot.answer;
    } else if (stored) {
      items_ += told_of(items_, stored->items[next++]);
    } else {
      errors_ = true;
      items_ += failed_item(slot.item, told_in(items_, *failure));
    }
  }
}

http::Response BulkWrite::answer() const {
  std::string body = std::string("{\"errors\":") + (errors_ ? "true" : "false") + ",\"took\":" + std::to_string(took_);
  if (ingest_took_ >= 0) body += ",\"ingest_took\":" + std::to_string(ingest_took_);
  body.append(",\"items\":[").append(items_).append("]}");
  http::Response response = json_response(std::move(body));
  for (const auto& warning : warnings_) response.headers.add("Warning", warning);
  return response;
}

}  // namespace sightline::elastic
