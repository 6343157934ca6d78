#include "server/elastic/rest/json_error.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sightline::elastic::rest {
namespace {

constexpr std::string_view k_values = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         (static_cast<unsigned char>(c) >= 0x80);
}

std::string unexpected(char c, const std::string& expected) {
  return std::string("Unexpected character ('") + c + "' (code " +
         std::to_string(static_cast<int>(static_cast<unsigned char>(c))) + "))" + expected;
}

/// Where reading stopped: what the last good token leads to, and the offset of the first byte that did not
/// fit.
struct Stop {
  enum class Expected { key, colon, value, comma_in_object, comma_in_array, nothing };
  Expected expected = Expected::value;
  std::size_t offset = 0;
  const JsonToken* inside = nullptr;  // the array or object that is open there
};

std::size_t skip_blanks(std::string_view text, std::size_t offset) {
  const std::size_t found = text.find_first_not_of(" \t\r\n", offset);
  return found == std::string_view::npos ? text.size() : found;
}

bool is_open(const JsonToken& token) {
  return (token.kind == JsonToken::Kind::object || token.kind == JsonToken::Kind::array) &&
         token.end == token.begin + 1;
}

Stop find_stop(std::string_view text, const JsonTape& read) {
  Stop stop;
  if (read.size() == 0) {
    stop.offset = skip_blanks(text, text.size() - json::without_byte_order_mark(text).size());
    return stop;
  }
  std::size_t end = 0;
  const JsonToken*& inside = stop.inside;
  for (std::size_t i = 0; i < read.size(); ++i) {
    end = std::max(end, read[i].end);
    if (is_open(read[i])) inside = &read[i];
  }
  const JsonToken& last = read[read.size() - 1];
  stop.offset = skip_blanks(text, end);
  const auto passes = [&](char separator) {
    if (stop.offset >= text.size() || text[stop.offset] != separator) return false;
    stop.offset = skip_blanks(text, stop.offset + 1);
    return true;
  };
  if (last.kind == JsonToken::Kind::key) {
    stop.expected = passes(':') ? Stop::Expected::value : Stop::Expected::colon;
  } else if (inside == nullptr) {
    stop.expected = Stop::Expected::nothing;
  } else if (inside->kind == JsonToken::Kind::object) {
    stop.expected = inside == &last || passes(',') ? Stop::Expected::key : Stop::Expected::comma_in_object;
  } else {
    stop.expected = inside == &last || passes(',') ? Stop::Expected::value : Stop::Expected::comma_in_array;
  }
  return stop;
}

/// The text, and the offset that is shown with it.
using Complaint = std::pair<std::string, std::size_t>;

Complaint bad_string(std::string_view text, std::size_t begin) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20) {
      return {"Illegal unquoted character ((CTRL-CHAR, code " + std::to_string(static_cast<int>(c)) +
                  ")): has to be escaped using backslash to be included in string value",
              i};
    }
    if (c == '"') break;
    if (c != '\\') continue;
    const char escape = i + 1 < text.size() ? text[i + 1] : '\0';
    if (std::string_view("\"\\/bfnrtu").find(escape) == std::string_view::npos) {
      return {std::string("Unrecognized character escape '") + escape + "' (code " +
                  std::to_string(static_cast<int>(static_cast<unsigned char>(escape))) + ")",
              i + 1};
    }
    ++i;
  }
  return {"Invalid UTF-8 or a broken \\u escape in a string", begin};
}

Complaint bad_number(std::string_view text, std::size_t begin) {
  std::size_t i = begin;
  if (text[i] == '-') ++i;
  if (i < text.size() && text[i] == '0' && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9') {
    return {"Invalid numeric value: Leading zeroes not allowed", i + 1};
  }
  const std::size_t wrong = std::min(text.find_first_not_of("0123456789", i), text.size() - 1);
  return {unexpected(text[wrong],
                     " in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value"),
          wrong};
}

Complaint bad_value(std::string_view text, std::size_t begin) {
  const char c = text[begin];
  if (c == '"') return bad_string(text, begin);
  if (c == '-' || (c >= '0' && c <= '9')) return bad_number(text, begin);
  if (is_name_character(c)) {
    std::size_t end = begin;
    while (end < text.size() && is_name_character(text[end])) ++end;
    const std::string token(text.substr(begin, end - begin));
    // Shown behind the character that ended the token.
    return {"Unrecognized token '" + token + "': was expecting (" + std::string(k_values) + ")",
            std::min(end + 1, text.size())};
  }
  if (c == '+') {
    return {unexpected(c,
                       " in numeric value: JSON spec does not allow numbers to have plus signs: enable "
                       "`JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow"),
            begin + 1};
  }
  if (c == '}' || c == ']') return {unexpected(c, ": expected a value"), begin};
  return {unexpected(c, ": expected a valid value (" + std::string(k_values) + ")"), begin};
}

std::string source_at(std::string_view text, std::size_t offset) {
  constexpr std::size_t k_shown = 500;
  const auto [line, column] = line_and_column(text, offset);
  std::string source = "[Source: (byte[])\"" + std::string(text.substr(0, k_shown)) + "\"";
  if (text.size() > k_shown) source += "[truncated " + std::to_string(text.size() - k_shown) + " bytes]";
  return source + "; line: " + std::to_string(line) + ", column: " + std::to_string(column) + "]";
}

Complaint missing_comma(std::string_view text, const Stop& stop, const char* kind) {
  const char c = text[stop.offset];
  if (c == '}' || c == ']') {
    return {std::string("Unexpected close marker '") + c + "': expected '" + (c == '}' ? ']' : '}') +
                "' (for " + kind + " starting at " + source_at(text, stop.inside->begin) + ")",
            stop.offset};
  }
  const bool after_zero = c >= '0' && c <= '9' && stop.offset > 0 && text[stop.offset - 1] == '0';
  if (after_zero) return {"Invalid numeric value: Leading zeroes not allowed", stop.offset};
  return {unexpected(c, std::string(": was expecting comma to separate ") + kind + " entries"), stop.offset};
}

Complaint complaint_of(std::string_view text, const Stop& stop) {
  const char c = text[stop.offset];
  switch (stop.expected) {
    case Stop::Expected::key:
      if (c == '"') return bad_string(text, stop.offset);
      return {unexpected(c, ": was expecting double-quote to start field name"), stop.offset};
    case Stop::Expected::colon:
      return {unexpected(c, ": was expecting a colon to separate field name and value"), stop.offset};
    case Stop::Expected::comma_in_object:
      return missing_comma(text, stop, "Object");
    case Stop::Expected::comma_in_array:
      return missing_comma(text, stop, "Array");
    default:
      return bad_value(text, stop.offset);
  }
}

/// What follows a whole value, as Elasticsearch names it; null if it is no token.
const char* token_at(char c) {
  if (c == '{') return "START_OBJECT";
  if (c == '[') return "START_ARRAY";
  if (c == '}') return "END_OBJECT";
  if (c == ']') return "END_ARRAY";
  if (c == '"') return "VALUE_STRING";
  return c == '-' || (c >= '0' && c <= '9') ? "VALUE_NUMBER" : nullptr;
}

std::string position(std::string_view text, std::size_t offset) {
  const auto [line, column] = line_and_column(text, offset);
  return "[" + std::to_string(line) + ":" + std::to_string(column) + "] ";
}

ElasticError parse_error(std::string_view text, const Complaint& complaint) {
  const std::string reason = complaint.first + "\n at " + source_at(text, complaint.second);
  ElasticError error{400, "x_content_parse_exception", position(text, complaint.second) + reason};
  error.cause_type = "json_parse_exception";
  error.cause_reason = reason;
  return error;
}

ElasticError end_of_input(std::string_view text, const Stop& stop) {
  ElasticError error{400, "x_content_e_o_f_exception",
                     position(text, text.size()) + "Unexpected end of file"};
  error.cause_type = "json_e_o_f_exception";
  const bool wants_value = stop.inside == nullptr || stop.expected == Stop::Expected::colon ||
                           stop.expected == Stop::Expected::value;
  error.cause_reason = "Unexpected end-of-input";
  if (wants_value) {
    error.cause_reason += " within/between Object entries";
  } else {
    error.cause_reason += std::string(": expected close marker for ") +
                          (stop.inside->kind == JsonToken::Kind::object ? "Object" : "Array") +
                          " (start marker at " + source_at(text, stop.inside->begin) + ")";
  }
  error.cause_reason += "\n at " + source_at(text, text.size());
  return error;
}

ElasticError too_deep(std::string_view text, std::size_t offset) {
  return parse_error(text, {"Document nesting depth (" + std::to_string(k_max_json_depth + 1) +
                                ") exceeds the maximum allowed (" + std::to_string(k_max_json_depth) +
                                ", from `StreamReadConstraints.getMaxNestingDepth()`)",
                            offset});
}

}  // namespace

ElasticError json_syntax_error(std::string_view text, const JsonTape& read, const json::Fault& fault) {
  using Kind = json::Fault::Kind;
  if (fault.kind == Kind::too_deep) return too_deep(text, fault.offset);
  if (fault.kind == Kind::number_too_large)
    return parse_error(text, {"Number out of range of a double", fault.offset});
  if (fault.kind == Kind::other_encoding)
    return illegal_argument("the body cannot be read: " + json::message(fault));
  if (fault.kind == Kind::too_many_values || fault.kind == Kind::too_many_bytes)
    return {413, "content_too_long_exception", "the JSON cannot be read: " + json::message(fault)};
  Stop stop = find_stop(text, read);
  if (stop.offset >= text.size() || fault.kind == Kind::unclosed_string) return end_of_input(text, stop);
  if (stop.expected == Stop::Expected::nothing) {
    if (const char* token = token_at(text[stop.offset])) {
      return illegal_argument(std::string("Malformed content, found extra data after parsing: ") + token);
    }
  }
  return parse_error(text, complaint_of(text, stop));
}

ElasticError json_duplicate_key(std::string_view text, const JsonToken& key) {
  return parse_error(text, {"Duplicate field '" + std::string(key.text) + "'", key.end});
}

}  // namespace sightline::elastic::rest
