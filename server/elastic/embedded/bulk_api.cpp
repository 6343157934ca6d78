// _bulk over REST.
#include <chrono>
#include <span>
#include <vector>

#include "base/cancellation.h"
#include "base/number_text.h"
#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/rest/bulk_reader.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;

struct BulkParameters : RefreshParameters {
  std::string pipeline;
  bool wants_source = false;
};

bool read_shows_source(std::string_view, const std::string& text) {
  return shows_source(text);
}

const rest::ParameterTable<BulkParameters> k_bulk_parameters{
    {{{"pipeline", "text", rest::parameter::into<&BulkParameters::pipeline, rest::parameter::text>,
       "of lines that name none"},
      {"_source", "true or false", rest::parameter::into<&BulkParameters::wants_source, read_shows_source>, "of updates"},
      rest::parameter::no_effect("timeout", "time", rest::parameter::check_time, "nothing is waited for")},
     refresh_rows<BulkParameters>()}};

/// An action, and what is to be done for it.
struct BulkLine {
  std::string action;
  DocumentWrite write;
  bool ingest = false;  ///< it names a pipeline
  Refusal refusal = {};  ///< why this line alone cannot be done
};

std::optional<std::int64_t> sequence_number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto number = number_from<std::int64_t>(*text);
  if (!number || *number < 0)
    refuse(illegal_argument("sequence numbers must be non negative numbers, found [" + shortened(*text) + "]"));
  return number;
}

/// Throws Refused for what refuses the whole request.
BulkLine line_of(const BulkItem& item, const BulkParameters& parameters) {
  using enum DocumentWrite::Action;
  if (!item.other.empty())
    refuse(rest::not_supported("[" + item.other + "] of a bulk's [" + item.operation + "]"));
  BulkLine line{item.operation, {}};
  DocumentWrite& write = line.write;
  write.action = item.operation == "index"    ? index
                 : item.operation == "create" ? create
                 : item.operation == "update" ? update
                                              : remove;
  write.index = item.index;
  write.id = rest::document_id(item.id.value_or(""));
  write.source = item.source_line;
  write.if_seq_no = sequence_number(item.if_seq_no);
  write.if_primary_term = sequence_number(item.if_primary_term);
  if (write.if_seq_no.has_value() != (write.if_primary_term.value_or(0) > 0))
    refuse_invalid("if_seq_no and if_primary_term must be given together");
  write.wants_source = item.source ? shows_source(*item.source) : parameters.wants_source;
  if (write.action == remove || write.action == update) {
    if (write.id.empty()) refuse_invalid("id is missing");
    return line;
  }
  // Pipelines are run before requests come here; a line that still names one names one that does not exist.
  const std::string pipeline = item.pipeline.value_or(parameters.pipeline);
  line.ingest = !pipeline.empty() && pipeline != k_no_pipeline;
  if (line.ingest) line.refusal = illegal_argument("pipeline with id [" + pipeline + "] does not exist");
  if (item.id && item.id->empty()) line.refusal = illegal_argument("if _id is specified it must not be empty");
  if (!item.id) write.id = random_name(15);
  return line;
}

std::string item_json(const BulkLine& line, const Answer<WriteResult>& result, bool forced_refresh) {
  json::Builder out;
  out.object().object(line.action);
  if (result) {
    write_result(out, *result, forced_refresh, result->copies);
    out.member("status", result->status());
  } else {
    out.member("_index", shortened(line.write.index)).member("_id", shortened(line.write.id));
    out.member("status", result.error().status).member("error", json::Raw{result.error().item_json()});
  }
  return out.text();
}

/// The body is read twice, in memory that does not grow with it: first all of it for its mistakes, the first of which
/// refuses the whole request, then for the writes.
struct CheckedBulk {
  bool ingest = false;           ///< a line names a pipeline
  std::size_t answer_bytes = 0;  ///< how long the answer will be about
};

CheckedBulk check_bulk(BulkReader reader, const BulkParameters& parameters, const Limits& limits) {
  constexpr std::size_t k_item_bytes = 160;  // what an item of the answer has besides names, about
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
    checked.answer_bytes += k_item_bytes + line.write.index.size() + line.write.id.size();
  }
}

/// Actions that are read and written together.
constexpr std::size_t k_part_items = 10'000;
constexpr std::size_t k_part_bytes = 32u << 20;

/// Writes a bulk part by part, and its answer with it.
class BulkRun {
 public:
  BulkRun(StoreCore& store, BulkReader reader, const BulkParameters& parameters, std::size_t answer_bytes)
      : writer_(store), reader_(std::move(reader)), limits_(store.limits()), parameters_(parameters) {
    items_.reserve(answer_bytes);
  }

  /// Throws StorageFailed before anything is written; later failures are the items' own.
  void run() {
    bool any = false;
    while (read_part()) {
      try {
        while (results_.size() < writes_.size()) {
          auto results = writer_.write(std::span<const DocumentWrite>(writes_).subspan(results_.size()));
          results_.insert(results_.end(), std::make_move_iterator(results.begin()),
                          std::make_move_iterator(results.end()));
          any = true;
        }
      } catch (const StorageFailed& failed) {
        if (!any) throw;
        results_.resize(writes_.size(), Answer<WriteResult>(storage_error(failed.error)));
      }
      append_part();
    }
  }
  void refresh() { writer_.refresh(); }
  bool errors() const { return errors_; }
  std::string& items() { return items_; }

 private:
  bool read_part() {
    lines_.clear();
    writes_.clear();
    results_.clear();
    std::size_t bytes = 0;
    while (lines_.size() < k_part_items && bytes < k_part_bytes) {
      const auto item = reader_.next();
      if (!item || *item == nullptr) break;
      lines_.push_back(line_of(**item, parameters_));
      bytes += lines_.back().write.source.size();
      if (!lines_.back().refusal) writes_.push_back(lines_.back().write);
    }
    return !lines_.empty();
  }

  void append_part() {
    auto next = results_.begin();
    for (const BulkLine& line : lines_) {
      const Answer<WriteResult> result =
          line.refusal ? Answer<WriteResult>(*line.refusal) : std::move(*next++);
      errors_ = errors_ || !result;
      if (!items_.empty()) items_ += ',';
      items_ += item_json(line, result, parameters_.forced_refresh);
      check_answer_size(items_, limits_);
    }
  }

  DocumentWriter writer_;
  BulkReader reader_;
  const Limits& limits_;
  const BulkParameters& parameters_;
  std::vector<BulkLine> lines_;
  std::vector<DocumentWrite> writes_;
  std::vector<Answer<WriteResult>> results_;
  bool errors_ = false;
  std::string items_;
};

Response bulk(StoreCore& store, const Request& request, const PathParameters& path,
              const BulkParameters& parameters) {
  const auto started = std::chrono::steady_clock::now();
  const BulkReader reader(request.body, path.get("index"));
  const CheckedBulk checked = check_bulk(reader, parameters, store.limits());
  if (checked.answer_bytes > store.limits().max_answer_bytes) throw AnswerTooLarge{};

  BulkRun run(store, reader, parameters, checked.answer_bytes);
  run.run();
  if (parameters.wants_refresh) run.refresh();
  const auto took = std::chrono::steady_clock::now() - started;
  std::string& items = run.items();
  items.insert(0, std::string("{\"errors\":") + (run.errors() ? "true" : "false") + ",\"took\":" +
                      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) +
                      (checked.ingest ? ",\"ingest_took\":0" : "") + ",\"items\":[");
  items += "]}";
  return json_answer(std::move(items));
}

}  // namespace

void add_bulk_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add(router, store);
  for (const char* pattern : {"/_bulk", "/{index}/_bulk"}) add({post, put}, pattern, k_bulk_parameters, bulk);
}

}  // namespace sightline::elastic
