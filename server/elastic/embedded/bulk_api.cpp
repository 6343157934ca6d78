// _bulk over REST.
#include <chrono>
#include <span>
#include <vector>

#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/bulk_action_reader.h"
#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/embedded/update_body.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;

std::string item_json(const BulkLine& line, const Answer<WriteResult>& result, bool forced_refresh) {
  std::string out = std::string("{\"") + line.action + "\":{";
  if (result) {
    out += write_members(*result, forced_refresh, result->copies) +
           ",\"status\":" + std::to_string(result->status());
    if (!result->source.empty()) {
      out += ",\"get\":{\"_seq_no\":" + std::to_string(result->seq_no) +
             ",\"_primary_term\":1,\"found\":true,\"_source\":" + result->source + "}";
    }
    return out + "}}";
  }
  out += "\"_index\":";
  rest::append_json_string(out, shortened(line.write.index));
  out += ",\"_id\":";
  rest::append_json_string(out, shortened(line.write.id));
  return out + ",\"status\":" + std::to_string(result.error().status) +
         ",\"error\":" + result.error().item_json() + "}}";
}

struct BulkParameters : RefreshParameters {
  std::string pipeline;
  bool wants_source = false;
};

bool show_source(std::string_view, const std::string& text) {
  if (text != "true" && text != "false") refuse(illegal_argument(std::string(k_update_source_is_flag)));
  return text == "true";
}

std::vector<rest::Parameter<BulkParameters>> bulk_rows() {
  using namespace rest::parameter;
  using P = BulkParameters;
  return {{"pipeline", "text", into<&P::pipeline, text>, "of lines that name none"},
          {"_source", "true or false", into<&P::wants_source, show_source>, "of updates"},
          no_effect("timeout", "time", check_time, "nothing is waited for"),
          no_effect("include_source_on_error", "flag", check_flag, "errors do not show the document"),
          only_some("require_alias", "flag", only_false, "`false`"),
          only_some("require_data_stream", "flag", only_false, "`false`"),
          only_some("list_executed_pipelines", "flag", only_false, "`false`"),
          refused("routing", "text", k_no_routing),
          refused("_source_includes", "list"),
          refused("_source_excludes", "list")};
}

const rest::ParameterTable<BulkParameters> k_bulk_parameters{
    {bulk_rows(), refresh_rows<BulkParameters>(), active_shards_rows<BulkParameters>()}};

/// Actions that are read and written together.
constexpr std::size_t k_part_items = 10'000;
constexpr std::size_t k_part_bytes = 32u << 20;

/// Writes a bulk part by part, and its answer with it.
class BulkRun {
 public:
  BulkRun(StoreCore& store, BulkActionReader reader, bool forced_refresh, std::size_t answer_bytes)
      : writer_(store), reader_(std::move(reader)), limits_(store.limits()), forced_refresh_(forced_refresh) {
    items_.reserve(answer_bytes);
  }

  /// An error before anything is written is one of the whole; later ones are the items' own.
  Refusal run() {
    bool any = false;
    while (read_part()) {
      for (std::size_t done = 0; done < writes_.size();) {
        auto results = writer_.write(std::span<const DocumentWrite>(writes_).subspan(done));
        if (!results && !any) return std::move(results).error();
        const std::size_t count = results ? results->size() : writes_.size() - done;
        for (std::size_t i = 0; i < count; ++i)
          results_.push_back(results ? std::move((*results)[i]) : Answer<WriteResult>(results.error()));
        done += count;
        any = true;
      }
      append_part();
    }
    return std::nullopt;
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
      auto line = reader_.next();
      if (!line) break;
      bytes += line->write.source.size();
      if (!line->refusal) writes_.push_back(line->write);
      lines_.push_back(*std::move(line));
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
      items_ += item_json(line, result, forced_refresh_);
      check_answer_size(items_, limits_);
    }
  }

  DocumentWriter writer_;
  BulkActionReader reader_;
  const Limits& limits_;
  const bool forced_refresh_;
  std::vector<BulkLine> lines_;
  std::vector<DocumentWrite> writes_;
  std::vector<Answer<WriteResult>> results_;
  bool errors_ = false;
  std::string items_;
};

Response bulk(StoreCore& store, const Request& request, const PathParameters& path,
              const BulkParameters& parameters) {
  const auto started = std::chrono::steady_clock::now();
  if (request.body.empty())
    return ElasticError{400, "parse_exception", "request body is required"}.response();
  const BulkDefaults defaults{path.get("index"), parameters.pipeline, parameters.wants_source};
  BulkActionReader checked(request.body, defaults);
  if (auto refusal = checked.check(store.limits().max_bulk_items)) return refusal->response();
  if (checked.answer_bytes() > store.limits().max_answer_bytes) throw AnswerTooLarge{};

  BulkRun run(store, BulkActionReader(request.body, defaults), parameters.forced_refresh,
              checked.answer_bytes());
  if (auto refusal = run.run()) return refusal->response();
  if (parameters.wants_refresh) run.refresh();
  const auto took = std::chrono::steady_clock::now() - started;
  std::string& items = run.items();
  items.insert(0, std::string("{\"errors\":") + (run.errors() ? "true" : "false") + ",\"took\":" +
                      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) +
                      (checked.ingest() ? ",\"ingest_took\":0" : "") + ",\"items\":[");
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
