#include "server/elastic/local/update_body.h"

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;
using rest::JsonTape;

ElasticError body_error(const JsonTape& tape, std::size_t token, const std::string& what) {
  const auto [line, column] = rest::line_and_column(tape.text(), tape[token].begin);
  return {400, "x_content_parse_exception",
          "[" + std::to_string(line) + ":" + std::to_string(column) + "] [UpdateRequest] " + what};
}

Refusal read_member(const JsonTape& tape, std::size_t key, UpdateBody& update) {
  const std::string name(tape[key].text);
  const std::size_t value = key + 1;
  const Kind kind = tape[value].kind;
  const bool is_flag = kind == Kind::true_ || kind == Kind::false_;
  const auto wrong_kind = [&] {
    return body_error(tape, value, name + " doesn't support values of type: " + event_name(kind));
  };
  if (name == "doc" || name == "upsert") {
    if (kind != Kind::object) return wrong_kind();
    (name == "doc" ? update.doc : update.upsert) = tape.raw(value);
    return std::nullopt;
  }
  if (name == "doc_as_upsert" || name == "detect_noop") {
    if (!is_flag) return wrong_kind();
    (name == "doc_as_upsert" ? update.doc_as_upsert : update.detect_noop) = kind == Kind::true_;
    return std::nullopt;
  }
  if (name == "_source") {
    if (!is_flag) return illegal_argument(std::string(k_update_source_is_flag));
    update.wants_source = kind == Kind::true_;
    return std::nullopt;
  }
  if (name == "scripted_upsert" && kind == Kind::false_) return std::nullopt;
  if (name == "script" || name == "scripted_upsert")
    return illegal_argument("script_lang not supported [painless]");
  return body_error(tape, key, "unknown field [" + name + "]");
}

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
  for (std::size_t key = 1; key < (*tape)[0].next; key = (*tape)[key + 1].next) {
    if (auto refusal = read_member(*tape, key, update)) return *refusal;
  }
  if (update.doc.empty()) return missing;
  return update;
}

}  // namespace sightline::elastic
