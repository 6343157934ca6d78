#include "server/elastic/embedded/bulk_action_reader.h"

#include "base/cancellation.h"
#include "server/elastic/embedded/store_core.h"
#include "server/elastic/embedded/update_body.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using Action = DocumentWrite::Action;
using Kind = rest::JsonToken::Kind;

/// What an item of the answer has besides names, about.
constexpr std::size_t k_item_bytes = 160;

// The members of an action's line

using namespace rest;  // NOLINT: the table below is made of its words

void read_id(const JsonView& key, const JsonView& value, BulkLine& item) {
  item.write.id = rest::document_id(read_text(value, key.text()));
  if (item.write.id.empty()) item.refusal = illegal_argument("if _id is specified it must not be empty");
}

template <std::optional<std::int64_t> DocumentWrite::* Number>
void read_number(const JsonView& key, const JsonView& value, BulkLine& item) {
  const std::int64_t number = read_integer(value, key.text());
  if (number < 0)
    refuse(illegal_argument("sequence numbers must be non negative. got [" + std::to_string(number) + "]."));
  item.write.*Number = number;
}

void read_op_type(const JsonView& key, const JsonView& value, BulkLine& item) {
  if (item.action != std::string_view("index"))
    refuse(not_supported("[op_type] of a [" + std::string(item.action) + "]"));
  if (read_text(value, key.text()) != "create") return;  // anything else means index
  item.write.action = Action::create;
  item.action = "create";
}

void read_source(const JsonView&, const JsonView& value, BulkLine& item) {
  if (item.write.action != Action::update)
    refuse(not_supported("[_source] of a [" + std::string(item.action) + "]", "it is for updates"));
  if (value.text() != "true" && value.text() != "false")
    refuse(illegal_argument(std::string(k_update_source_is_flag)));
  item.write.wants_source = value.text() == "true";
}

/// Never asked: the reader looks first, to name the line.
ElasticError not_in_line(const MemberTableBase&, const JsonView& key, const JsonView& value) {
  return illegal_argument("[" + std::string(key.text()) + "] cannot be a " + token_name(value));
}

const Dialect k_line_dialect{not_in_line, not_in_line};
const MemberTable<BulkLine> k_line{
    "`_bulk` line of an action", "bulk", k_line_dialect,
    {{"_index", k_scalars | k_null,
      [](const JsonView& key, const JsonView& value, BulkLine& item) {
        item.write.index = read_text(value, key.text());
      }},
     {"_id", k_scalars | k_null, read_id},
     {"pipeline", k_scalars | k_null, into<&BulkLine::pipeline, read_filled_text>, "run before; one that does not exist is an error"},
     {"if_seq_no", k_numbers | k_null, read_number<&DocumentWrite::if_seq_no>},
     {"if_primary_term", k_numbers | k_null, read_number<&DocumentWrite::if_primary_term>},
     {"op_type", k_scalars | k_null, read_op_type, "of an `index`"},
     {"_source", k_flags | k_null, read_source, "of an `update`: true or false"},
     no_effect("retry_on_conflict", k_numbers | k_null, check_number, "updates are done one after the other"),
     only_some("require_alias", k_flags | k_null, only_false, "`false`"),
     only_some("require_data_stream", k_flags | k_null, only_false, "`false`"),
     only_some("list_executed_pipelines", k_flags | k_null, only_false, "`false`"),
     refused("routing", k_scalars | k_null, "documents have no routing here"),
     refused("version", k_scalars | k_null, "compare with if_seq_no and if_primary_term"),
     refused("version_type", k_scalars | k_null, "compare with if_seq_no and if_primary_term"),
     refused("dynamic_templates", k_any)}};

}  // namespace

Refusal BulkActionReader::check(std::size_t max_items) {
  std::size_t count = 0;
  for (;;) {
    const auto item = read_item();
    if (!item) return item.error();
    if (!*item) break;
    if (++count > max_items) {
      return ElasticError{413, "content_too_long_exception",
                          "a bulk may hold [" + std::to_string(max_items) +
                              "] actions; send it in parts, or raise --elasticsearch-max-bulk-items"};
    }
    if (auto refusal = check_item(**item)) return refusal;
  }
  if (count == 0) problems_ = "1: no requests added;";
  if (problems_.empty()) return std::nullopt;
  return ElasticError{400, "action_request_validation_exception", "Validation Failed: " + problems_};
}

std::optional<BulkLine> BulkActionReader::next() {
  auto item = read_item();
  if (!item || !*item) return std::nullopt;
  complete(**item);
  return *std::move(item);
}

Answer<std::optional<BulkLine>> BulkActionReader::read_item() {
  while (!rest_.empty()) {
    check_cancelled();
    std::string_view line;
    if (auto refusal = next_line(line)) return *refusal;
    if (json::without_byte_order_mark(line).find_first_not_of(" \t\r") == std::string_view::npos) continue;
    BulkLine item;
    item.write.index = defaults_.index;
    item.pipeline = defaults_.pipeline;
    item.write.wants_source = defaults_.wants_source;
    if (auto refusal = read_action(line, item)) return *refusal;
    if (item.write.action != Action::remove) {
      if (rest_.empty()) break;  // an action without its document is left out, as Elasticsearch does
      if (auto refusal = next_line(item.write.source)) return *refusal;
    }
    return std::optional(std::move(item));
  }
  return std::optional<BulkLine>();
}

Refusal BulkActionReader::next_line(std::string_view& line) {
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos)
    return illegal_argument("The bulk request must be terminated by a newline [\\n]");
  line = rest_.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  rest_.remove_prefix(end + 1);
  ++number_;
  return std::nullopt;
}

Refusal BulkActionReader::read_action(std::string_view line, BulkLine& item) const {
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

Refusal BulkActionReader::read_parameter(const rest::JsonTape& tape, std::size_t key, BulkLine& item) const {
  const JsonView name(tape, key), value(tape, key + 1);
  if (k_line.info(name.text()) == nullptr) {
    return illegal_argument("A" + at_line() + " contains an unknown parameter [" + shortened(name.text()) +
                            "]");
  }
  if (value.is_array() || value.is_object()) {
    return illegal_argument("Malformed a" + at_line() + ", expected a simple value for field [" +
                            std::string(name.text()) + "] but found [" + token_name(value) + "]");
  }
  if (value.is_null()) return std::nullopt;  // as if it were not there
  try {
    k_line.read_member(name, value, item);
  } catch (Refused& refused) {
    refused.error.reason = "A" + at_line() + ": " + refused.error.reason;
    return std::move(refused.error);
  }
  return std::nullopt;
}

Refusal BulkActionReader::check_item(const BulkLine& item) {
  const auto add = [this](const std::string& what) {
    problems_ += std::to_string(++problem_count_) + ": " + what + ";";
  };
  const DocumentWrite& write = item.write;
  answer_bytes_ += k_item_bytes + write.index.size() + write.id.size();
  if (write.index.empty()) add("index is missing");
  if (write.if_seq_no.has_value() != (write.if_primary_term.value_or(0) > 0)) {
    add(write.if_seq_no ? "ifSeqNo is set, but primary term is [0]"
                        : "ifSeqNo is unassigned, but primary term is [" +
                              std::to_string(*write.if_primary_term) + "]");
  }
  const bool needs_id = write.action == Action::remove || write.action == Action::update;
  if (needs_id && write.id.empty()) add("id is missing");
  if (const auto problem = rest::id_problem(write.id); problem && write.action != Action::remove)
    add(*problem);
  if (write.action == Action::update) {
    const auto body = parse_update_body(write.source);
    if (!body && body.error().type != "action_request_validation_exception") return body.error();
    if (!body) add("script or doc is missing");
  } else if (write.action != Action::remove && !item.pipeline.empty() && item.pipeline != "_none") {
    ingest_ = true;
  }
  return std::nullopt;
}

/// What the write needs besides what was sent, or why it cannot be done.
void BulkActionReader::complete(BulkLine& item) const {
  DocumentWrite& write = item.write;
  if (write.action == Action::remove || write.action == Action::update) return;
  if (write.id.empty() && !item.refusal) write.id = random_name(15);
  // Pipelines are run before requests come here; a line that still names one names one that does not exist.
  if (!item.pipeline.empty() && item.pipeline != "_none") {
    item.refusal = illegal_argument("pipeline with id [" + item.pipeline + "] does not exist");
  } else if (!item.refusal && write.source.find_first_not_of(" \t\r") == std::string_view::npos) {
    item.refusal =
        ElasticError{400, "document_parsing_exception", "[0:0] failed to parse, document is empty"};
  }
}

}  // namespace sightline::elastic
