#include "base/json/reader.h"

#include "base/json/plain_text.h"
#include "base/json/utf8.h"

namespace sightline::json {
namespace {

constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// True for a text that begins with a byte order mark of UTF-16 or UTF-32, or has a NUL among its first two bytes. JSON
/// begins with an ASCII character.
bool is_other_encoding(std::string_view text) {
  const std::string_view first = text.substr(0, 2);
  return first == "\xFE\xFF" || first == "\xFF\xFE" || first.find('\0') != std::string_view::npos;
}

}  // namespace

bool Scanner::begin() {
  if (is_other_encoding(text_)) return fail(Fault::Kind::other_encoding);
  at_ = text_.size() - without_byte_order_mark(text_).size();
  return true;
}

bool Scanner::skip_blanks() {
  for (;;) {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
    if (!comments_ || at_ >= text_.size() || text_[at_] != '/') return true;
    if (!skip_comment()) return false;
  }
}

bool Scanner::skip_comment() {
  const std::string_view begin = text_.substr(at_, 2);
  if (begin != "//" && begin != "/*") return fail(Fault::Kind::bad_comment);
  const std::string_view close = begin == "//" ? "\n" : "*/";
  const std::size_t found = text_.find(close, at_ + 2);
  if (found == std::string_view::npos && begin == "/*") return fail(Fault::Kind::bad_comment);
  at_ = found == std::string_view::npos ? text_.size() : found + close.size();
  return true;
}

bool Scanner::word(std::string_view word, Place& place) {
  if (text_.substr(at_, word.size()) != word) return fail(Fault::Kind::bad_value);
  place = {at_, at_ + word.size()};
  at_ = place.end;
  return true;
}

bool Scanner::digits() {
  if (ended() || !is_digit(peek())) return fail(Fault::Kind::bad_number);
  while (!ended() && is_digit(peek())) step();
  return true;
}

bool Scanner::number(Place& place) {
  place.begin = at_;
  if (peek() != '-' && !is_digit(peek())) return fail(Fault::Kind::bad_value);
  if (peek() == '-') step();
  if (!ended() && peek() == '0') {
    step();
  } else if (!digits()) {
    return false;
  }
  if (!ended() && peek() == '.') {
    step();
    if (!digits()) return false;
  }
  if (!ended() && (peek() == 'e' || peek() == 'E')) {
    step();
    if (!ended() && (peek() == '+' || peek() == '-')) step();
    if (!digits()) return false;
  }
  place.end = at_;
  return true;
}

bool Scanner::string(Place& place, std::string_view& decoded) {
  place.begin = at_++;
  const std::size_t begin = at_;
  for (;;) {
    at_ = plain_end(text_, at_);
    if (ended()) return fail(Fault::Kind::unclosed_string, place.begin);
    const auto c = static_cast<unsigned char>(peek());
    if (c == '"') break;
    if (c == '\\') return decode(place, decoded);
    if (c < 0x20) return fail(Fault::Kind::control_character);
    const std::size_t length = utf8_sequence(text_.substr(at_, 4));
    if (length == 0) return fail(Fault::Kind::invalid_utf8);
    at_ += length;
  }
  decoded = text_.substr(begin, at_ - begin);
  place.end = ++at_;
  return true;
}

/// Continues at the first backslash of a string.
bool Scanner::decode(Place& place, std::string_view& decoded) {
  decoded_.assign(text_.substr(place.begin + 1, at_ - place.begin - 1));
  for (;;) {
    const std::size_t begin = at_;
    at_ = plain_end(text_, at_);
    decoded_ += text_.substr(begin, at_ - begin);
    if (ended()) return fail(Fault::Kind::unclosed_string, place.begin);
    const auto c = static_cast<unsigned char>(peek());
    if (c == '"') break;
    if (c < 0x20) return fail(Fault::Kind::control_character);
    if (c == '\\') {
      if (!decode_escape(place.begin)) return false;
      continue;
    }
    const std::size_t length = utf8_sequence(text_.substr(at_, 4));
    if (length == 0) return fail(Fault::Kind::invalid_utf8);
    decoded_ += text_.substr(at_, length);
    at_ += length;
  }
  decoded = decoded_;
  place.end = ++at_;
  return true;
}

bool Scanner::decode_escape(std::size_t string_begin) {
  constexpr std::string_view k_letters = "\"\\/bfnrt", k_meanings = "\"\\/\b\f\n\r\t";
  const std::size_t offset = at_;
  step();
  if (ended()) return fail(Fault::Kind::unclosed_string, string_begin);
  if (peek() == 'u') return decode_unicode();
  const std::size_t letter = k_letters.find(peek());
  if (letter == std::string_view::npos) return fail(Fault::Kind::bad_escape, offset);
  decoded_ += k_meanings[letter];
  step();
  return true;
}

/// Starts at the `u`. A surrogate needs its other half, unless lone surrogates are allowed.
bool Scanner::decode_unicode() {
  const std::size_t offset = at_ - 1;
  step();
  std::uint32_t code = 0, low = 0;
  if (!read_hexadecimal(code)) return fail(Fault::Kind::bad_unicode_escape, offset);
  if (code >= 0xD800 && code <= 0xDBFF && text_.substr(at_, 2) == "\\u") {
    const std::size_t behind_high = at_;
    at_ += 2;
    if (!read_hexadecimal(low)) return fail(Fault::Kind::bad_unicode_escape, behind_high);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else {
      at_ = behind_high;
    }
  }
  if (code >= 0xD800 && code <= 0xDFFF && !lone_surrogates_) return fail(Fault::Kind::bad_unicode_escape, offset);
  append_utf8(decoded_, code);
  return true;
}

bool Scanner::read_hexadecimal(std::uint32_t& unit) {
  unit = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    if (ended()) return false;
    const char c = peek();
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && (lower < 'a' || lower > 'f')) return false;
    unit = unit * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
  }
  return true;
}

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with(k_byte_order_mark)) text.remove_prefix(k_byte_order_mark.size());
  return text;
}

std::optional<std::string> decoded_string(std::string_view quoted, const Limits& limits) {
  Scanner scanner(quoted, limits);
  Place place;
  std::string_view decoded;
  if (!quoted.starts_with('"') || !scanner.string(place, decoded) || !scanner.ended()) return std::nullopt;
  return std::string(decoded);
}

std::string message(const Fault& fault, const Limits& limits) {
  switch (fault.kind) {
    case Fault::Kind::none:
      return "there is no error";
    case Fault::Kind::empty:
      return "the text is empty";
    case Fault::Kind::bad_value:
      return "a value is missing";
    case Fault::Kind::bad_number:
      return "a number has a missing digit";
    case Fault::Kind::bad_comment:
      return "a comment is malformed";
    case Fault::Kind::missing_key:
      return "a key of an object is missing or not in quotes";
    case Fault::Kind::missing_colon:
      return "a colon is missing after a key";
    case Fault::Kind::missing_comma_in_object:
      return "a comma or } is missing after a member of an object";
    case Fault::Kind::missing_comma_in_array:
      return "a comma or ] is missing after an element of an array";
    case Fault::Kind::unclosed_string:
      return "a string has no closing quote";
    case Fault::Kind::control_character:
      return "a string contains a control character that is not escaped";
    case Fault::Kind::bad_escape:
      return "a string contains an unknown escape";
    case Fault::Kind::bad_unicode_escape:
      return "a \\u escape is malformed, or is half of a surrogate pair";
    case Fault::Kind::invalid_utf8:
      return "a string is not UTF-8";
    case Fault::Kind::other_encoding:
      return "the text is UTF-16 or UTF-32; send it as UTF-8";
    case Fault::Kind::text_after_end:
      return "more text follows the value";
    case Fault::Kind::too_deep:
      return "arrays and objects nest deeper than " + std::to_string(limits.max_depth) + " levels";
    case Fault::Kind::too_many_values:
      return "there are more than " + std::to_string(limits.max_values) + " values and keys";
    case Fault::Kind::too_many_bytes:
      return "the text has more than " + std::to_string(limits.max_bytes) + " bytes";
    case Fault::Kind::number_too_large:
      return "a number is too large for a double";
    case Fault::Kind::stopped:
      return "reading was aborted";
  }
  return "it cannot be read";
}

}  // namespace sightline::json
