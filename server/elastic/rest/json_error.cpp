#include "server/elastic/rest/json_error.h"

#include <string>

namespace sightline::elastic::rest {
namespace {

ElasticError parse_error(const char* type, std::string_view text, std::size_t offset, const std::string& what) {
  const auto [line, column] = line_and_column(text, offset);
  return {400, type, "[" + std::to_string(line) + ":" + std::to_string(column) + "] " + what};
}

}  // namespace

ElasticError json_syntax_error(std::string_view text, const json::Fault& fault) {
  using Kind = json::Fault::Kind;
  const std::string what = json::message(fault, k_json_limits);
  if (fault.kind == Kind::other_encoding || fault.kind == Kind::text_after_end)
    return illegal_argument("the body cannot be read: " + what);
  if (fault.kind == Kind::too_many_values || fault.kind == Kind::too_many_bytes)
    return {413, "content_too_long_exception", "the JSON cannot be read: " + what};
  const bool ended = !fault.is_limit() && text.find_first_not_of(" \t\r\n", fault.offset) == text.npos;
  if (ended || fault.kind == Kind::unclosed_string)
    return parse_error("x_content_e_o_f_exception", text, text.size(), "Unexpected end of file: " + what);
  return parse_error("x_content_parse_exception", text, fault.offset, what);
}

ElasticError json_duplicate_key(std::string_view text, const JsonToken& key) {
  return parse_error("x_content_parse_exception", text, key.begin, "Duplicate field '" + shortened(key.text) + "'");
}

}  // namespace sightline::elastic::rest
