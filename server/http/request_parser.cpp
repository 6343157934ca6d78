#include "server/http/request_parser.h"

#include <algorithm>
#include <charconv>

#include "base/trimmed.h"

namespace sightline::http {
namespace {

constexpr std::size_t k_max_fields = 200;
constexpr std::size_t k_max_chunk_line_bytes = 256;
constexpr std::string_view k_head_end = "\r\n\r\n";

/// RFC 9110 5.6.2: what names and methods are made of.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

/// The one field of that name; `count` tells how many there are.
std::string_view only_field(const Headers& headers, std::string_view name, int& count) {
  std::string_view value;
  count = 0;
  for (const auto& field : headers.all()) {
    if (equal_ignoring_case(field.first, name)) {
      value = field.second;
      ++count;
    }
  }
  return value;
}

}  // namespace

RequestParser::State RequestParser::fail(int status, std::string message) {
  status_ = status;
  message_ = std::move(message);
  return state_ = State::failed;
}

RequestParser::State RequestParser::feed_head(std::string_view& input) {
  return state_ == State::head ? read_head(input) : state_;
}

RequestParser::State RequestParser::feed(std::string_view& input) {
  feed_head(input);
  if (state_ == State::body) read_body(input);
  return state_;
}

RequestParser::State RequestParser::read_head(std::string_view& input) {
  // RFC 9112 2.2: empty lines before a request line are skipped.
  if (line_ == "\r" && input.starts_with('\n')) {
    line_.clear();
    input.remove_prefix(1);
  }
  while (line_.empty() && input.starts_with("\r\n")) input.remove_prefix(2);
  // The end may lie across the border of two pieces: look again at the last three bytes.
  const std::size_t from = line_.size() < 3 ? 0 : line_.size() - 3;
  const std::size_t old_size = line_.size();
  const std::size_t room = limits_.max_header_bytes + 1 - std::min(old_size, limits_.max_header_bytes);
  line_.append(input.substr(0, room));
  const auto end = line_.find(k_head_end, from);
  const std::size_t head_size = end == std::string::npos ? line_.size() : end + k_head_end.size();
  if (head_size > limits_.max_header_bytes) {
    return fail(431, "request line and header fields are longer than " + std::to_string(limits_.max_header_bytes) +
                         " bytes; send fewer or shorter ones");
  }
  input.remove_prefix(head_size - old_size);
  line_.resize(head_size);
  for (auto lf = line_.find('\n', old_size); lf != std::string::npos; lf = line_.find('\n', lf + 1)) {
    if (lf == 0 || line_[lf - 1] != '\r')
      return fail(400, "a line of the request head ends in LF only; end it in CR LF");
  }
  if (end == std::string::npos) return state_;
  return parse_head();
}

RequestParser::State RequestParser::parse_head() {
  std::string_view rest = line_;
  rest.remove_suffix(2);  // the empty line; every other line still ends in CRLF
  bool first = true;
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (first ? !parse_request_line(line) : !parse_field(line)) return state_;
    first = false;
  }
  head_bytes_ = line_.size();
  line_.clear();
  if (!decide_framing() || !decide_connection()) return state_;
  return state_;
}

bool RequestParser::parse_request_line(std::string_view line) {
  const auto first_blank = line.find(' ');
  const auto last_blank = line.rfind(' ');
  if (first_blank == std::string_view::npos || first_blank == last_blank) {
    fail(400, "the request line is not 'METHOD /path HTTP/1.1'");
    return false;
  }
  const auto method = line.substr(0, first_blank);
  const auto target = line.substr(first_blank + 1, last_blank - first_blank - 1);
  const auto version = line.substr(last_blank + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    const bool other_version = version.starts_with("HTTP/") && version.size() == 8;
    fail(other_version ? 505 : 400, "the request line does not end in HTTP/1.1");
    return false;
  }
  http_1_0_ = version == "HTTP/1.0";
  if (!is_token(method)) {
    fail(400, "the request line does not begin with a method");
    return false;
  }
  const auto known = method_of(method);
  if (!known) {
    fail(405, "method " + std::string(method.substr(0, 32)) +
                  " is not supported; use GET, HEAD, POST, PUT, DELETE, PATCH or OPTIONS");
    return false;
  }
  request_.method = *known;
  return parse_target(target);
}

bool RequestParser::parse_target(std::string_view target) {
  const bool bad_character =
      std::any_of(target.begin(), target.end(), [](unsigned char c) { return is_control(c) || c == ' '; });
  // RFC 9112 3.2.2: a server must take the absolute form too; the authority says nothing that Host does not.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      const auto path = target.find_first_of("/?", scheme.size());
      target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
      break;
    }
  }
  const bool asterisk = target == "*" && request_.method == Method::options;
  const bool path = !target.empty() && (target.front() == '/' || target.front() == '?');
  if (bad_character || !(asterisk || path)) {
    fail(400, "the request target is not a path such as /v1/models; encode spaces and control characters as %XX");
    return false;
  }
  const auto question = target.find('?');
  request_.path = std::string(target.substr(0, question));
  if (request_.path.empty()) request_.path = "/";
  if (question != std::string_view::npos) request_.query = std::string(target.substr(question + 1));
  return true;
}

bool RequestParser::parse_field(std::string_view line) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name)) {
    fail(400, "a header line is not 'Name: value' (no space before ':', no folded lines)");
    return false;
  }
  const auto value = trimmed(line.substr(colon + 1), " \t");
  if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return is_control(c) && c != '\t'; })) {
    fail(400, "header " + std::string(name.substr(0, 64)) + " holds a control character");
    return false;
  }
  if (request_.headers.all().size() >= k_max_fields) {
    fail(431, "more than " + std::to_string(k_max_fields) + " header fields; send fewer");
    return false;
  }
  request_.headers.add(std::string(name), std::string(value));
  return true;
}

bool RequestParser::decide_framing() {
  int lengths = 0;
  int encodings = 0;
  const auto length = only_field(request_.headers, "Content-Length", lengths);
  const auto encoding = only_field(request_.headers, "Transfer-Encoding", encodings);
  if (lengths > 1 || (lengths > 0 && encodings > 0)) {
    fail(400, "the body's length appears twice; send one Content-Length, or Transfer-Encoding: chunked");
    return false;
  }
  state_ = State::body;
  max_body_bytes_ = limits_.max_body_bytes_of ? limits_.max_body_bytes_of(request_) : limits_.max_body_bytes;
  if (encodings > 0) {
    if (encodings > 1 || http_1_0_ || !equal_ignoring_case(encoding, "chunked")) {
      fail(400, "this Transfer-Encoding is not supported; send Content-Length, or only chunked over HTTP/1.1");
      return false;
    }
    part_ = BodyPart::chunk_size;
    return true;
  }
  part_ = BodyPart::by_length;
  left_ = 0;
  if (lengths == 0) return true;
  const bool digits = !length.empty() &&
                      std::all_of(length.begin(), length.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
  if (!digits) {
    fail(400, "Content-Length is not a decimal number");
    return false;
  }
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), left_);
  if (parsed.ec != std::errc{} || left_ > max_body_bytes_) {
    fail(413, "the request body has " + std::string(length.substr(0, 24)) + " bytes, the limit is " +
                  std::to_string(max_body_bytes_) + "; send it in smaller parts");
    return false;
  }
  return true;
}

bool RequestParser::decide_connection() {
  int hosts = 0;
  only_field(request_.headers, "Host", hosts);
  if (hosts > 1 || (hosts == 0 && !http_1_0_)) {
    fail(400, "a request over HTTP/1.1 must have exactly one Host header");
    return false;
  }
  const auto connection = request_.headers.get("Connection").value_or("");
  keep_alive_ = !list_has(connection, "close") && (!http_1_0_ || list_has(connection, "keep-alive"));
  const auto expect = request_.headers.get("Expect");
  if (expect && !equal_ignoring_case(*expect, "100-continue")) {
    fail(417, "the only supported expectation is 100-continue");
    return false;
  }
  expects_continue_ = expect.has_value() && !http_1_0_;
  return true;
}

RequestParser::State RequestParser::read_body(std::string_view& input) {
  if (!input.empty()) expects_continue_ = false;  // the client did not wait
  if (part_ != BodyPart::by_length) return read_chunked(input);
  append_body(input);
  if (left_ == 0) state_ = State::complete;
  return state_;
}

RequestParser::State RequestParser::read_chunked(std::string_view& input) {
  while (!input.empty() && state_ == State::body) {
    switch (part_) {
      case BodyPart::chunk_size:
        if (!read_line(input, k_max_chunk_line_bytes) || state_ == State::failed) break;
        if (!parse_chunk_size()) break;
        part_ = left_ == 0 ? BodyPart::trailer : BodyPart::chunk_data;
        line_.clear();
        break;
      case BodyPart::chunk_data:
        append_body(input);
        if (left_ == 0) part_ = BodyPart::chunk_end;
        break;
      case BodyPart::chunk_end:
        if (!read_line(input, 2) || state_ == State::failed) break;
        if (!line_.empty()) fail(400, "a chunk of the body is longer than its size line says");
        part_ = BodyPart::chunk_size;
        break;
      case BodyPart::trailer:
        if (!read_line(input, limits_.max_header_bytes) || state_ == State::failed) break;
        // Trailer fields are dropped: nothing here needs one, and merged into the head they could change it.
        trailer_bytes_ += line_.size() + 2;
        if (line_.empty()) {
          state_ = State::complete;
        } else if (trailer_bytes_ > limits_.max_header_bytes) {
          fail(431, "the trailer fields are longer than " + std::to_string(limits_.max_header_bytes) + " bytes");
        }
        line_.clear();
        break;
      case BodyPart::by_length:
        break;
    }
  }
  return state_;
}

bool RequestParser::parse_chunk_size() {
  // An extension (";name=value") is allowed and means nothing to us.
  const auto digits = std::string_view(line_).substr(0, line_.find(';'));
  const auto size = trimmed(digits, " \t");
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(size.data(), size.data() + size.size(), value, 16);
  if (size.empty() || size.front() == '-' || parsed.ptr != size.data() + size.size() || size.size() > 16 ||
      size.data() != line_.data()) {
    fail(400, "a chunk of the body does not begin with its size in hexadecimal digits");
    return false;
  }
  if (value > max_body_bytes_ - request_.body.size()) {
    fail(413, "the request body has more than " + std::to_string(max_body_bytes_) +
                  " bytes, the limit; send it in smaller parts");
    return false;
  }
  left_ = value;
  return true;
}

void RequestParser::append_body(std::string_view& input) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  auto& body = request_.body;
  if (body.capacity() - body.size() < count) {
    // Doubling, but never past what was announced: a body of the greatest size takes no more than that.
    const auto announced = static_cast<std::size_t>(body.size() + left_);
    body.reserve(std::min(announced, std::max(body.size() + count, 2 * body.capacity())));
  }
  body.append(input.substr(0, count));
  input.remove_prefix(count);
  left_ -= count;
}

bool RequestParser::read_line(std::string_view& input, std::size_t max_bytes) {
  const auto end = input.find('\n');
  const auto piece = input.substr(0, end == std::string_view::npos ? end : end + 1);
  if (line_.size() + piece.size() > std::max<std::size_t>(max_bytes, 2)) {
    fail(max_bytes > k_max_chunk_line_bytes ? 431 : 400, "a line of the chunked body is too long");
    return true;
  }
  line_.append(piece);
  input.remove_prefix(piece.size());
  if (end == std::string_view::npos) return false;
  const bool bad = !line_.ends_with("\r\n") || std::any_of(line_.begin(), line_.end() - 2,
                                                           [](unsigned char c) { return is_control(c) && c != '\t'; });
  if (bad) {
    fail(400, "a line of the chunked body does not end in CR LF or holds a control character");
    return true;
  }
  line_.resize(line_.size() - 2);
  return true;
}

Request RequestParser::take() {
  Request request = std::move(request_);
  *this = RequestParser(limits_);
  return request;
}

}  // namespace sightline::http
