#include "server/elastic/writes/partial_update.h"

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;

/// Reads a flag, which may be a text; false if it is neither.
bool read_flag(const rest::JsonToken& token, bool& flag) {
  if (token.kind == Kind::true_ || token.kind == Kind::false_) {
    flag = token.kind == Kind::true_;
    return true;
  }
  if (token.kind != Kind::string || (token.text != "true" && token.text != "false")) return false;
  flag = token.text == "true";
  return true;
}

}  // namespace

std::optional<PartialUpdate> PartialUpdate::parse(std::string_view body) {
  const auto tape = rest::JsonTape::parse(body);
  if (!tape || (*tape)[0].kind != Kind::object) return {};
  PartialUpdate update;
  for (std::size_t key = 1; key < (*tape)[0].next; key = (*tape)[key + 1].next) {
    const auto name = (*tape)[key].text;
    const auto& value = (*tape)[key + 1];
    const auto raw = tape->raw(key + 1);
    if (name != "doc_as_upsert") update.members_.emplace_back(tape->raw(key), raw);
    if (name == "doc" || name == "upsert") {
      if (value.kind != Kind::object) return {};
      (name == "doc" ? update.doc : update.upsert) = raw;
    } else if (name == "doc_as_upsert" || name == "detect_noop") {
      if (!read_flag(value, name == "doc_as_upsert" ? update.doc_as_upsert : update.detect_noop)) return {};
      update.has_doc_as_upsert = update.has_doc_as_upsert || name == "doc_as_upsert";
    } else if (name == "script") {
      update.script = raw;
    } else if (name == "_source") {
      update.source = raw;
    } else if (name == "if_seq_no" || name == "if_primary_term") {
      if (value.kind != Kind::number) return {};
      (name == "if_seq_no" ? update.if_seq_no : update.if_primary_term) = raw;
    }
  }
  return update;
}

std::string PartialUpdate::with_first_document(std::string_view document, std::string_view as_doc) const {
  std::string json;
  const auto add = [&](std::string_view name, std::string_view value) {
    json.append(json.empty() ? "{" : ",").append(name).append(":").append(value);
  };
  for (const auto& [name, value] : members_) {
    const bool replaced = value.data() == upsert.data() || (doc_as_upsert && value.data() == doc.data());
    if (!replaced) add(name, value);
  }
  if (doc_as_upsert) add("\"doc\"", as_doc);
  add("\"upsert\"", document);
  return json + "}";
}

}  // namespace sightline::elastic
