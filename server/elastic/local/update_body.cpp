#include "server/elastic/local/update_body.h"

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;
using rest::JsonTape;

const char* event_name(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "VALUE_NULL";
    case Kind::string:
      return "VALUE_STRING";
    case Kind::number:
      return "VALUE_NUMBER";
    case Kind::array:
      return "START_ARRAY";
    case Kind::object:
      return "START_OBJECT";
    default:
      return "VALUE_BOOLEAN";
  }
}

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
    if (!is_flag) return illegal_argument("[_source] of an update is supported as true or false only");
    update.wants_source = kind == Kind::true_;
    return std::nullopt;
  }
  if (name == "scripted_upsert" && kind == Kind::false_) return std::nullopt;
  if (name == "script" || name == "scripted_upsert")
    return illegal_argument("script_lang not supported [painless]");
  return body_error(tape, key, "unknown field [" + name + "]");
}

bool same_value(const JsonTape& a, std::size_t left, const JsonTape& b, std::size_t right) {
  if (a[left].kind != b[right].kind || a[left].size != b[right].size) return false;
  if (a[left].kind == Kind::array) {
    std::size_t l = left + 1, r = right + 1;
    for (; l < a[left].next; l = a[l].next, r = b[r].next) {
      if (!same_value(a, l, b, r)) return false;
    }
    return true;
  }
  if (a[left].kind == Kind::object) {
    for (std::size_t key = left + 1; key < a[left].next; key = a[key + 1].next) {
      const std::size_t other = b.member(right, a[key].text);
      if (other == 0 || !same_value(a, key + 1, b, other)) return false;
    }
    return true;
  }
  return a[left].text == b[right].text;
}

void merge_objects(MergedSource& merged, const JsonTape& base, std::size_t object, const JsonTape& patch,
                   std::size_t change) {
  merged.source += '{';
  bool first = true;
  const auto append_key = [&](std::string_view key) {
    if (!first) merged.source += ',';
    first = false;
    merged.source += key;
    merged.source += ':';
  };
  for (std::size_t key = object + 1; key < base[object].next; key = base[key + 1].next) {
    append_key(base.raw(key));
    const std::size_t value = key + 1, other = patch.member(change, base[key].text);
    if (other == 0) {
      merged.source += base.raw(value);
    } else if (base[value].kind == Kind::object && patch[other].kind == Kind::object) {
      merge_objects(merged, base, value, patch, other);
    } else {
      merged.changed = merged.changed || !same_value(base, value, patch, other);
      merged.source += patch.raw(other);
    }
  }
  for (std::size_t key = change + 1; key < patch[change].next; key = patch[key + 1].next) {
    if (base.member(object, patch[key].text) != 0) continue;
    merged.changed = true;
    append_key(patch.raw(key));
    merged.source += patch.raw(key + 1);
  }
  merged.source += '}';
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

Answer<MergedSource> merge_source(std::string_view source, std::string_view patch) {
  const auto base = JsonTape::parse(source);
  if (!base) return base.error();
  const auto change = JsonTape::parse(patch);
  if (!change) return change.error();
  MergedSource merged;
  merge_objects(merged, *base, 0, *change, 0);
  return merged;
}

}  // namespace sightline::elastic
