// _bulk over REST.
#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "base/cancellation.h"
#include "base/free_memory.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/rest/bulk_reader.h"
#include "server/elastic/rest/document_id.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;

/// The `_source` of an update, in the URL or a line. Refuses all values but true and false.
bool shows_source(std::string_view name, std::string_view text) {
  if (text != "true" && text != "false")
    refuse(illegal_argument("[" + std::string(name) + "] of an update is supported as true or false only"));
  return text == "true";
}

struct BulkParameters : RefreshParameters {
  std::string pipeline;
  bool wants_source = false;
};

const rest::ParameterTable<BulkParameters> k_bulk_parameters{
    {{{"pipeline", "text", rest::parameter::into<&BulkParameters::pipeline, rest::parameter::text>,
       "of lines that name none"},
      {"_source", "true or false", rest::parameter::into<&BulkParameters::wants_source, shows_source>, "of updates"},
      rest::parameter::no_effect("timeout", "time", rest::parameter::check_time, "nothing is waited for")},
     refresh_rows<BulkParameters>()}};

/// An action, and the write that it requests.
struct BulkLine {
  std::string action;
  DocumentWrite write;
  bool ingest = false;   ///< the line names a pipeline
  Refusal refusal = {};  ///< why this line fails; the others are still written
};

/// Throws Refused for an error that fails the whole request.
BulkLine line_of(const BulkItem& item, const BulkParameters& parameters) {
  using enum DocumentWrite::Action;
  if (!item.other.empty()) refuse(rest::not_supported("[" + item.other + "] of a bulk's [" + item.operation + "]"));
  BulkLine line{item.operation, {}};
  DocumentWrite& write = line.write;
  write.action = item.operation == "index"    ? index
                 : item.operation == "create" ? create
                 : item.operation == "update" ? update
                                              : remove;
  write.index = item.index;
  write.id = rest::document_id(item.id.value_or(""));
  write.source = item.source_line;
  if (item.if_seq_no) write.if_seq_no = sequence_number("if_seq_no", *item.if_seq_no);
  if (item.if_primary_term) write.if_primary_term = sequence_number("if_primary_term", *item.if_primary_term);
  write.retries = write.action == update && item.retry_on_conflict &&
                  sequence_number("retry_on_conflict", *item.retry_on_conflict) > 0;
  check_sequence_numbers(write);
  static const auto whole = std::make_shared<const rest::SourceFilter>();
  if (item.source ? shows_source("_source", *item.source) : parameters.wants_source) write.shown = whole;
  if (write.action == remove || write.action == update) {
    if (write.id.empty()) refuse_invalid("id is missing");
    return line;
  }
  if (item.pipeline && item.pipeline->empty()) refuse_invalid("pipeline cannot be an empty string");
  // Pipelines run before requests come here. A line that still names a pipeline names one that does not exist.
  const std::string pipeline = item.pipeline.value_or(parameters.pipeline);
  line.ingest = !pipeline.empty() && pipeline != k_no_pipeline;
  if (line.ingest) line.refusal = illegal_argument("pipeline with id [" + pipeline + "] does not exist");
  if (item.id && item.id->empty()) line.refusal = illegal_argument("if _id is specified it must not be empty");
  if (!item.id) write.id = random_name(15);
  return line;
}

/// Approximate length of a line's item in the answer, without sources and reasons.
std::size_t item_bytes(const BulkLine& line) {
  constexpr std::size_t k_besides_names = 160;
  return k_besides_names + line.write.index.size() + line.write.id.size();
}

std::string item_json(const StoreCore& store, const BulkLine& line, const Answer<WriteResult>& result,
                      bool forced_refresh) {
  json::Builder out;
  out.object().object(line.action);
  if (result) {
    write_result(out, *result, forced_refresh, result->copies);
    out.member("status", result->status());
  } else {
    const auto index = answer_of([&] { return store.find_for_write(line.write.index)->name(); });
    out.member("_index", index ? *index : shortened(line.write.index)).member("_id", shortened(line.write.id));
    out.member("status", result.error().status).member("error", json::Raw{result.error().item_json()});
  }
  return out.text();
}

/// Removes what may make an answer large: the source of an update, and an error's reason.
void drop_details(Answer<WriteResult>& result) {
  if (result)
    free_memory(result->source);
  else
    result = ElasticError{result.error().status, result.error().type, "omitted: the answer is too large"};
}

/// The body is read twice, so that memory does not grow with it: first to check all of it (the first error fails the
/// whole request), then to write.
struct CheckedBulk {
  bool ingest = false;           ///< a line names a pipeline
  std::size_t answer_bytes = 0;  ///< item_bytes of all lines
};

CheckedBulk check_bulk(BulkReader reader, const BulkParameters& parameters, const Limits& limits) {
  CheckedBulk checked;
  for (std::size_t count = 1;; ++count) {
    check_cancelled();
    const auto item = accepted(reader.next());
    if (item == nullptr) return checked;
    if (count > limits.max_bulk_items) {
      refuse({413, "content_too_long_exception",
              "a bulk may hold [" + std::to_string(limits.max_bulk_items) +
                  "] actions; send it in parts, or raise --elasticsearch-max-bulk-items"});
    }
    const BulkLine line = line_of(*item, parameters);
    if (line.write.action == DocumentWrite::Action::update) parse_update_body(line.write.source);
    checked.ingest = checked.ingest || line.ingest;
    checked.answer_bytes += item_bytes(line);
  }
}

/// Actions that are read and written together.
constexpr std::size_t k_part_items = 10'000;
constexpr std::size_t k_part_bytes = 32u << 20;

std::vector<BulkLine> read_part(BulkReader& reader, const BulkParameters& parameters) {
  std::vector<BulkLine> lines;
  for (std::size_t bytes = 0; lines.size() < k_part_items && bytes < k_part_bytes;) {
    const auto item = reader.next();
    if (!item || *item == nullptr) break;
    lines.push_back(line_of(**item, parameters));
    bytes += lines.back().write.source.size();
  }
  return lines;
}

/// The results of the lines that can be written, with sources of at most `most` bytes. A failure before the first write
/// (`any` is false) is thrown. Later failures are reported per item.
std::vector<Answer<WriteResult>> write_part(DocumentWriter& writer, const std::vector<BulkLine>& lines,
                                            std::size_t most, bool& any) {
  std::vector<DocumentWrite> writes;
  for (const BulkLine& line : lines) {
    if (!line.refusal) writes.push_back(line.write);
  }
  std::vector<Answer<WriteResult>> results;
  std::size_t shown = 0;
  while (results.size() < writes.size()) {
    auto some =
        part_of_request([&] { return writer.write(std::span<const DocumentWrite>(writes).subspan(results.size())); });
    if (!some && !any) refuse(some.error());
    if (!some) some = std::vector<Answer<WriteResult>>(writes.size() - results.size(), some.error());
    for (auto& result : *some)
      if (result && (shown += result->source.size()) > most) drop_details(result);
    results.insert(results.end(), std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
    any = true;
  }
  return results;
}

Response bulk(StoreCore& store, const Request& request, const PathParameters& path, const BulkParameters& parameters) {
  const auto started = std::chrono::steady_clock::now();
  BulkReader reader(request.body, path.get("index"));
  const CheckedBulk checked = check_bulk(reader, parameters, store.limits());
  check_answer_room({}, checked.answer_bytes, store.limits());  // before the first write: nothing may refuse after it
  DocumentWriter writer(store);
  bool any = false, errors = false;
  std::string items;
  std::size_t to_come = checked.answer_bytes;
  items.reserve(to_come);
  for (auto lines = read_part(reader, parameters); !lines.empty(); lines = read_part(reader, parameters)) {
    auto results = write_part(writer, lines, store.limits().max_answer_bytes, any);
    auto next = results.begin();
    for (const BulkLine& line : lines) {
      Answer<WriteResult> result = line.refusal ? Answer<WriteResult>(*line.refusal) : std::move(*next++);
      errors = errors || !result;
      to_come -= item_bytes(line);
      std::string item = item_json(store, line, result, parameters.forced_refresh);
      if (items.size() + item.size() + to_come > store.limits().max_answer_bytes) {
        drop_details(result);
        item = item_json(store, line, result, parameters.forced_refresh);
      }
      items.append(items.empty() ? "" : ",") += item;
      check_cancelled();
    }
  }
  if (parameters.wants_refresh) writer.refresh();
  const auto took = std::chrono::steady_clock::now() - started;
  items.insert(0, std::string("{\"errors\":") + (errors ? "true" : "false") + ",\"took\":" +
                      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) +
                      (checked.ingest ? ",\"ingest_took\":0" : "") + ",\"items\":[");
  items += "]}";
  return json_answer(std::move(items));
}

}  // namespace

void add_bulk_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add{router, store};
  add({post, put}, {"/_bulk", "/{index}/_bulk"}, k_bulk_parameters, bulk);
}

}  // namespace sightline::elastic
