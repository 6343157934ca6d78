// _bulk over REST.
#include <chrono>

#include "server/elastic/local/api.h"
#include "server/elastic/local/document_writer.h"
#include "server/elastic/local/update_body.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;
using Kind = rest::JsonToken::Kind;
using Action = DocumentWrite::Action;

/// What the parameters of the request say for every line that does not say it itself.
struct Defaults {
  std::string index;
  std::string pipeline;
  bool wants_source = false;  // of updates
};

struct BulkLine {
  const char* action = "index";
  DocumentWrite write;
  std::string pipeline;
  Refusal refusal;  // why this line alone cannot be done
};

/// Reads a bulk body line by line; the first line that cannot be read ends it.
class BulkReader {
 public:
  BulkReader(std::string_view body, const Defaults& defaults) : rest_(body), defaults_(defaults) {}

  Answer<std::vector<BulkLine>> read() {
    while (!rest_.empty()) {
      std::string_view line;
      if (auto refusal = next_line(line)) return *refusal;
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      BulkLine item;
      item.write.index = defaults_.index;
      item.pipeline = defaults_.pipeline;
      item.write.wants_source = defaults_.wants_source;
      if (auto refusal = read_action(line, item)) return *refusal;
      if (item.write.action != Action::remove) {
        if (rest_.empty()) break;  // an action without its document is passed over, as Elasticsearch does
        if (auto refusal = next_line(item.write.source)) return *refusal;
      }
      if (auto refusal = check(item)) return *refusal;
      lines_.push_back(std::move(item));
    }
    if (lines_.empty()) problems_ = "1: no requests added;";
    if (!problems_.empty()) {
      return ElasticError{400, "action_request_validation_exception", "Validation Failed: " + problems_};
    }
    return std::move(lines_);
  }

  /// A line named a pipeline.
  bool ingest() const { return ingest_; }

 private:
  Refusal next_line(std::string_view& line) {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos)
      return illegal_argument("The bulk request must be terminated by a newline [\\n]");
    line = rest_.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    rest_.remove_prefix(end + 1);
    ++number_;
    return std::nullopt;
  }

  std::string at_line() const { return "ction/metadata line [" + std::to_string(number_) + "]"; }

  Refusal read_action(std::string_view line, BulkLine& item) {
    const auto tape = rest::JsonTape::parse(line);
    if (!tape) return tape.error();
    if ((*tape)[0].kind != Kind::object) {
      return illegal_argument("Malformed a" + at_line() + ", expected START_OBJECT but found [" +
                              event_name((*tape)[0].kind) + "]");
    }
    if ((*tape)[0].size == 0)
      return illegal_argument("Malformed a" + at_line() + ", expected FIELD_NAME but found [END_OBJECT]");
    const std::string name((*tape)[1].text);
    if (name == "index") {
      item.action = "index";
    } else if (name == "create") {
      item.action = "create";
      item.write.action = Action::create;
    } else if (name == "update") {
      item.action = "update";
      item.write.action = Action::update;
    } else if (name == "delete") {
      item.action = "delete";
      item.write.action = Action::remove;
    } else {
      return illegal_argument("Malformed a" + at_line() +
                              ", expected field [create], [delete], [index] or [update] but found [" + name +
                              "]");
    }
    if ((*tape)[2].kind != Kind::object) {
      return illegal_argument("Malformed a" + at_line() +
                              ", expected START_OBJECT or END_OBJECT but found [" +
                              event_name((*tape)[2].kind) + "]");
    }
    if ((*tape)[0].size > 1) {
      return illegal_argument("Malformed a" + at_line() + ", expected END_OBJECT but found [FIELD_NAME]");
    }
    for (std::size_t key = 3; key < (*tape)[2].next; key = (*tape)[key + 1].next) {
      if (auto refusal = read_parameter(*tape, key, item)) return refusal;
    }
    return std::nullopt;
  }

  Refusal read_parameter(const rest::JsonTape& tape, std::size_t key, BulkLine& item) const {
    const std::string name(tape[key].text);
    const rest::JsonToken& value = tape[key + 1];
    const std::string text(value.text);
    if (value.kind == Kind::array || value.kind == Kind::object) {
      return illegal_argument("Malformed a" + at_line() + ", expected a simple value for field [" + name +
                              "] but found [" + event_name(value.kind) + "]");
    }
    if (name == "_index") {
      item.write.index = text;
    } else if (name == "_id") {
      if (value.kind != Kind::null) item.write.id = text;
      if (value.kind == Kind::string && text.empty()) {
        item.refusal = illegal_argument("if _id is specified it must not be empty");
      }
    } else if (name == "pipeline") {
      item.pipeline = text;
    } else if (name == "if_seq_no" || name == "if_primary_term") {
      (name == "if_seq_no" ? item.write.if_seq_no : item.write.if_primary_term) = std::atoll(text.c_str());
    } else if (name == "op_type" && item.write.action == Action::index) {
      if (text == "create") {
        item.write.action = Action::create;
        item.action = "create";
      }
    } else if (name == "_source" && item.write.action == Action::update) {
      if (text != "true" && text != "false")
        return illegal_argument("A" + at_line() + ": " + std::string(k_update_source_is_flag));
      item.write.wants_source = text == "true";
    } else if (name == "routing" || name == "version" || name == "version_type" ||
               name == "dynamic_templates") {
      if (value.kind != Kind::null)
        return illegal_argument("A" + at_line() + ": [" + name + "] is not supported by this server");
    } else if (name == "require_alias" || name == "require_data_stream") {
      if (text == "true")
        return illegal_argument("A" + at_line() + ": [" + name + "] is not supported by this server");
    } else if (name != "retry_on_conflict" && name != "list_executed_pipelines") {
      return illegal_argument("A" + at_line() + " contains an unknown parameter [" + name + "]");
    }
    return std::nullopt;
  }

  Refusal check(BulkLine& item) {
    const auto add = [this](const std::string& what) {
      problems_ += std::to_string(++problem_count_) + ": " + what + ";";
    };
    DocumentWrite& write = item.write;
    if (write.index.empty()) add("index is missing");
    const bool needs_id = write.action == Action::remove || write.action == Action::update;
    if (needs_id && write.id.empty()) add("id is missing");
    if (write.action == Action::update) {
      const auto body = parse_update_body(write.source);
      if (!body && body.error().type != "action_request_validation_exception") return body.error();
      if (!body) add("script or doc is missing");
    } else if (write.action != Action::remove) {
      if (write.id.empty() && !item.refusal) write.id = random_name(15);
      // Pipelines are run before requests come here; a line that still names one names one that does not
      // exist.
      if (!item.pipeline.empty() && item.pipeline != "_none") {
        ingest_ = true;
        item.refusal = illegal_argument("pipeline with id [" + item.pipeline + "] does not exist");
      } else if (!item.refusal && write.source.find_first_not_of(" \t\r") == std::string_view::npos) {
        item.refusal =
            ElasticError{400, "document_parsing_exception", "[0:0] failed to parse, document is empty"};
      }
    }
    return std::nullopt;
  }

  std::string_view rest_;
  const Defaults& defaults_;
  int number_ = 0;
  std::vector<BulkLine> lines_;
  std::string problems_;
  int problem_count_ = 0;
  bool ingest_ = false;
};

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
  rest::append_json_string(out, line.write.index);
  out += ",\"_id\":";
  rest::append_json_string(out, line.write.id);
  return out + ",\"status\":" + std::to_string(result.error().status) +
         ",\"error\":" + result.error().item_json() + "}}";
}

Answer<Defaults> read_defaults(const Request& request, const PathParameters& path) {
  for (const char* name : {"routing", "require_alias"}) {
    if (const auto value = rest::query_parameter(request, name); value && *value != "false") {
      return illegal_argument("[" + std::string(name) + "] is not supported by this server");
    }
  }
  const auto wants_source = updates_show_source(request);
  if (!wants_source) return wants_source.error();
  return Defaults{path.get("index"), rest::query_parameter(request, "pipeline").value_or(""), *wants_source};
}

Response bulk(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto started = std::chrono::steady_clock::now();
  if (request.body.empty())
    return ElasticError{400, "parse_exception", "request body is required"}.response();
  const auto forced = forces_refresh(request);
  if (!forced) return forced.error().response();
  const auto defaults = read_defaults(request, path);
  if (!defaults) return defaults.error().response();
  BulkReader reader(request.body, *defaults);
  const auto lines = reader.read();
  if (!lines) return lines.error().response();

  std::vector<DocumentWrite> writes;
  for (const BulkLine& line : *lines) {
    if (!line.refusal) writes.push_back(line.write);
  }
  const auto results = write_documents(store, writes, wants_refresh(request));
  if (!results) return results.error().response();

  bool errors = false;
  std::string items;
  auto next = results->begin();
  for (const BulkLine& line : *lines) {
    const Answer<WriteResult> result = line.refusal ? Answer<WriteResult>(*line.refusal) : *next++;
    errors = errors || !result;
    if (!items.empty()) items += ',';
    items += item_json(line, result, *forced);
  }
  const auto took = std::chrono::steady_clock::now() - started;
  return json_answer(std::string("{\"errors\":") + (errors ? "true" : "false") + ",\"took\":" +
                     std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) +
                     (reader.ingest() ? ",\"ingest_took\":0" : "") + ",\"items\":[" + items + "]}");
}

}  // namespace

void add_bulk_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add(router, store);
  for (const char* pattern : {"/_bulk", "/{index}/_bulk"}) {
    add({post, put}, pattern,
        "pipeline refresh routing timeout wait_for_active_shards require_alias require_data_stream "
        "list_executed_pipelines include_source_on_error _source _source_includes _source_excludes",
        bulk);
  }
}

}  // namespace sightline::elastic
