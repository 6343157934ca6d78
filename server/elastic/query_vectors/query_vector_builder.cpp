#include "server/elastic/query_vectors/query_vector_builder.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/data_url.h"
#include "base/file_kind.h"
#include "base/picture_text.h"
#include "server/elastic/inference/time_value.h"

namespace sightline::elastic {
namespace {

using rest::JsonTape;
using Kind = rest::JsonToken::Kind;

constexpr int k_most_wraps = 4;  // of an input in "content" and lists

ElasticError parse_failed(std::string reason) {
  return {400, "x_content_parse_exception", std::move(reason)};
}

/// Members of an object, which must be strings but for one name.
class Options {
 public:
  Options(const JsonTape& tape, std::size_t object, std::string where)
      : tape_(tape), object_(object), where_(std::move(where)) {}

  /// Errors: members of other names, and values that are no strings.
  Refusal check(std::initializer_list<std::string_view> names, std::string_view any_kind = {}) const {
    for (std::size_t key = object_ + 1; key < tape_[object_].next; key = tape_[key + 1].next) {
      const std::string name(tape_[key].text);
      if (std::find(names.begin(), names.end(), name) == names.end())
        return parse_failed("[" + where_ + "] unknown field [" + name + "]");
      if (name != any_kind && tape_[key + 1].kind != Kind::string)
        return parse_failed("[" + where_ + "] " + name + " must be a string");
    }
    return {};
  }

  std::optional<std::string_view> text(std::string_view name) const {
    const std::size_t found = tape_.member(object_, name);
    if (found == 0) return {};
    return tape_[found].text;
  }

 private:
  const JsonTape& tape_;
  std::size_t object_;
  std::string where_;
};

Refusal read_picture(std::string_view value, EmbeddedInput& input) {
  EmbeddedInput::Part& part = input.parts.emplace_back(EmbeddedInput::Part{value});
  if (read_data_url(value)) return {};
  if (is_picture_address(value)) {
    return illegal_argument(
        "[embedding] the value of an [image] must be the picture itself, as a data URI or base64; it looks like a "
        "link to a picture, [" +
        std::string(value.substr(0, 80)) + "], which is not downloaded");
  }
  value = without_outer_blanks(value);
  const auto format = marked_base64_picture_format(value);
  if (!format) {
    return illegal_argument("[embedding] the value of an [image] must be a data URI, or the base64 of a " +
                            std::string(k_picture_formats) + " file");
  }
  const std::string_view type = media_type_of(*format);
  constexpr std::string_view k_scheme = "data:", k_format = ";base64,";
  part.made.reserve(k_scheme.size() + type.size() + k_format.size() + value.size());
  part.made.append(k_scheme).append(type).append(k_format).append(value);
  return {};
}

Refusal read_part(const JsonTape& tape, std::size_t at, EmbeddedInput& input) {
  const Options options(tape, at, "input");
  if (Refusal refusal = options.check({"type", "format", "value"})) return refusal;
  const auto type = options.text("type"), format = options.text("format"), value = options.text("value");
  if (!type) return illegal_argument("Required [type]");
  if (!value) return illegal_argument("Required [value]");
  if (*type != "text" && *type != "image") {
    return illegal_argument("[embedding] inputs of type [" + std::string(*type) +
                            "] are not supported, only [text] and [image]");
  }
  const std::string_view only_format = *type == "text" ? "text" : "base64";
  if (format && *format != only_format) {
    return illegal_argument("[embedding] an input of type [" + std::string(*type) + "] has format [" +
                            std::string(only_format) + "], not [" + std::string(*format) + "]");
  }
  if (*type == "image") return read_picture(*value, input);
  input.parts.push_back({*value});
  return {};
}

/// `in_group`: it is one of several that get one vector; then it is an object.
Refusal read_input(const JsonTape& tape, std::size_t at, int wraps, bool in_group, EmbeddedInput& input) {
  const auto& token = tape[at];
  if (token.kind == Kind::string && !in_group) {
    input.parts.push_back({token.text});
    return {};
  }
  if (wraps < k_most_wraps && token.kind == Kind::array && (token.size <= 1 || !in_group)) {
    if (token.size == 0)
      return illegal_argument("[embedding] [input] is an empty array: it must hold at least one text or picture");
    if (token.size == 1) return read_input(tape, at + 1, wraps + 1, in_group, input);
    for (std::size_t part = at + 1; part < token.next; part = tape[part].next) {
      if (Refusal refusal = read_input(tape, part, wraps + 1, true, input)) return refusal;
    }
    return {};
  }
  if (wraps < k_most_wraps && token.kind == Kind::object) {
    const std::size_t content = token.size == 1 ? tape.member(at, "content") : 0;
    return content != 0 ? read_input(tape, content, wraps + 1, in_group, input) : read_part(tape, at, input);
  }
  if (in_group) return parse_failed("[embedding] each of several inputs must be an object with [type] and [value]");
  return parse_failed("[embedding] input must be a string, an object or a list of objects");
}

Answer<QueryVectorBuilder> read_text_embedding(JsonTape tape, std::size_t body) {
  const Options options(tape, body, "text_embedding");
  if (Refusal refusal = options.check({"model_id", "model_text"})) return *refusal;
  const auto id = options.text("model_id"), text = options.text("model_text");
  if (!text) return illegal_argument("Required [model_text]");
  if (!id || id->empty()) return illegal_argument("[model_id] must not be null");
  EmbeddedInput input;
  input.endpoint_id = *id;
  input.parts.push_back({*text});
  input.tape = std::move(tape);
  return QueryVectorBuilder(std::move(input));
}

Answer<QueryVectorBuilder> read_embedding(JsonTape tape, std::size_t body) {
  const Options options(tape, body, "embedding");
  if (Refusal refusal = options.check({"inference_id", "input", "timeout"}, "input")) return *refusal;
  const auto id = options.text("inference_id"), timeout = options.text("timeout");
  const std::size_t given = tape.member(body, "input");
  if (given == 0) return illegal_argument("Required [input]");
  if (!id || id->empty()) return illegal_argument("[inference_id] must not be null");
  EmbeddedInput input;
  input.endpoint_id = *id;
  input.type = InputType::search;  // not the internal kind, as in Elasticsearch
  input.timeout = k_embedding_timeout;
  if (timeout) {
    const auto time = parse_time_value(*timeout, "timeout");
    if (!time) return time.error();
    input.timeout = *time;
  }
  if (Refusal refusal = read_input(tape, given, 0, false, input)) return *refusal;
  input.tape = std::move(tape);
  return QueryVectorBuilder(std::move(input));
}

Answer<QueryVectorBuilder> read_lookup(const JsonTape& tape, std::size_t body) {
  const Options options(tape, body, "lookup");
  if (Refusal refusal = options.check({"id", "index", "path", "routing"})) return *refusal;
  for (const char* name : {"id", "index", "path"}) {
    const auto value = options.text(name);
    if (!value || value->empty()) return illegal_argument("Required [" + std::string(name) + "]");
  }
  StoredVector stored{std::string(*options.text("id")), std::string(*options.text("index")),
                      std::string(*options.text("path"))};
  if (const auto routing = options.text("routing")) stored.routing = std::string(*routing);
  return QueryVectorBuilder(std::move(stored));
}

}  // namespace

Answer<QueryVectorBuilder> read_query_vector_builder(std::string_view json) {
  auto tape = JsonTape::parse(json);
  if (!tape) return tape.error();
  if ((*tape)[0].kind != Kind::object || (*tape)[0].size != 1)
    return parse_failed("[query_vector_builder] must be an object with exactly one builder");
  const std::string_view kind = (*tape)[1].text;
  constexpr std::size_t k_body = 2;
  if (kind != "text_embedding" && kind != "embedding" && kind != "lookup") return QueryVectorBuilder(UnknownBuilder());
  if ((*tape)[k_body].kind != Kind::object) return parse_failed("[" + std::string(kind) + "] must be an object");
  if (kind == "text_embedding") return read_text_embedding(std::move(*tape), k_body);
  if (kind == "embedding") return read_embedding(std::move(*tape), k_body);
  return read_lookup(*tape, k_body);
}

}  // namespace sightline::elastic
