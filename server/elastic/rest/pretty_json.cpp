#include "server/elastic/rest/pretty_json.h"

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {
namespace {

void append_value(std::string& out, const JsonTape& tape, std::size_t value, std::size_t level) {
  const JsonToken& token = tape[value];
  const bool object = token.kind == JsonToken::Kind::object;
  if (!object && token.kind != JsonToken::Kind::array) {
    out += tape.raw(value);
    return;
  }
  if (token.size == 0) {
    out += object ? "{ }" : "[ ]";
    return;
  }
  out += object ? '{' : '[';
  for (std::size_t child = value + 1; child < token.next; child = tape[child].next) {
    if (child != value + 1) out += ',';
    out += '\n';
    out.append(2 * (level + 1), ' ');
    if (object) {
      out += tape.raw(child++);
      out += " : ";
    }
    append_value(out, tape, child, level + 1);
  }
  out += '\n';
  out.append(2 * level, ' ');
  out += object ? '}' : ']';
}

}  // namespace

std::string pretty_json(std::string_view json) {
  const auto tape = JsonTape::parse(json);
  if (!tape) return std::string(json);
  std::string out;
  out.reserve(json.size() * 2);
  append_value(out, *tape, 0, 0);
  out += '\n';
  return out;
}

}  // namespace sightline::elastic::rest
