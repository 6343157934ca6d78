#include "server/elastic/embedded/update_body.h"

#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;
using namespace rest;  // NOLINT: the table below is made of its words

ElasticError body_error(const JsonTape& tape, std::size_t token, const std::string& what) {
  const auto [line, column] = rest::line_and_column(tape.text(), tape[token].begin);
  return {400, "x_content_parse_exception",
          "[" + std::to_string(line) + ":" + std::to_string(column) + "] [UpdateRequest] " + what};
}

bool read_show_source(const JsonView& value, std::string_view) {
  if (value.text() != "true" && value.text() != "false")
    refuse(illegal_argument(std::string(k_update_source_is_flag)));
  return value.text() == "true";
}

std::string_view read_raw(const JsonView& value, std::string_view) {
  return value.raw();
}

const MemberTable<UpdateBody> k_body{
    "`_update` body", "UpdateRequest", k_object_dialect,
    {{"doc", k_object, into<&UpdateBody::doc, read_raw>},
     {"upsert", k_object, into<&UpdateBody::upsert, read_raw>},
     {"doc_as_upsert", k_flags, into<&UpdateBody::doc_as_upsert, read_bool>},
     {"detect_noop", k_flags, into<&UpdateBody::detect_noop, read_bool>},
     {"_source", k_flags, into<&UpdateBody::wants_source, read_show_source>, "true or false"},
     only_some("scripted_upsert", k_flags, only_false, "`false`"),
     refused("script", k_text | k_object, "script_lang not supported [painless]"),
     refused("if_seq_no", k_numbers, "give it as a parameter"),
     refused("if_primary_term", k_numbers, "give it as a parameter")}};

}  // namespace

Answer<UpdateBody> parse_update_body(std::string_view body) {
  const ElasticError missing{400, "action_request_validation_exception",
                             "Validation Failed: 1: script or doc is missing;"};
  if (body.empty()) return missing;
  const auto tape = JsonTape::parse(body);
  if (!tape) return tape.error();
  if ((*tape)[0].kind != Kind::object) {
    return body_error(*tape, 0, std::string("Expected START_OBJECT but was: ") + event_name((*tape)[0].kind));
  }
  UpdateBody update;
  try {
    k_body.read(JsonView(*tape, 0), update);
  } catch (Refused& refused) {
    return std::move(refused.error);
  }
  if (update.doc.empty()) return missing;
  return update;
}

}  // namespace sightline::elastic
