// Splits the byte stream of one connection into HTTP/1.1 requests (RFC 9112), within limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/message.h"

namespace sightline::http {

/// Reads one request after the other from bytes that arrive in pieces of any size.
///
/// The stream is hostile: everything that two parsers could read differently is refused, so that no
/// proxy in front can be made to see other request boundaries than we do (request smuggling): bare LF,
/// folded lines, spaces before ':', control characters, two Content-Length, Content-Length beside
/// Transfer-Encoding, chunk sizes that are not plain hexadecimal. Memory grows with the received bytes,
/// never with a length that was only announced.
class RequestParser {
 public:
  struct Limits {
    std::size_t max_header_bytes = 64u << 10;  ///< request line and fields; over it 431
    std::size_t max_body_bytes = 64u << 20;    ///< over it 413, as soon as the head announces it
    /// The same by the head of the request, where not all are alike. May be empty.
    std::function<std::size_t(const Request& head)> max_body_bytes_of = {};
  };
  enum class State {
    head,      ///< waiting for more of the request line and the fields
    body,      ///< the head was accepted; waiting for the body
    complete,  ///< `take` hands the request out
    failed,    ///< see `status` and `message`; nothing more can be read from this connection
  };

  explicit RequestParser(Limits limits) : limits_(std::move(limits)) {}

  /// Takes bytes from the front of `input`, up to the end of this request and no further.
  State feed(std::string_view& input);
  /// The same up to the end of the head.
  State feed_head(std::string_view& input);
  State state() const { return state_; }
  /// Once the head was accepted: the request so far.
  const Request& request() const { return request_; }
  void set_peer(std::string peer) { request_.peer = std::move(peer); }
  /// Bytes of the body still to come; empty if the head does not have it.
  std::optional<std::uint64_t> bytes_to_come() const {
    return part_ == BodyPart::by_length ? std::optional(left_) : std::nullopt;
  }

  /// After `failed`: 400, 405, 413, 417, 431 or 505 and a sentence for the client.
  int status() const { return status_; }
  const std::string& message() const { return message_; }

  /// True once a head with `Expect: 100-continue` was accepted and its client still waits before sending the
  /// body.
  bool expects_continue() const { return expects_continue_ && state_ == State::body; }
  void continue_sent() { expects_continue_ = false; }

  /// What the client requested; the HTTP/1.0 default is to close, that of HTTP/1.1 to keep open.
  bool keep_alive() const { return keep_alive_; }
  bool http_1_0() const { return http_1_0_; }
  bool is_head() const { return request_.method == Method::head; }
  /// True before the first byte of a request.
  bool idle() const { return state_ == State::head && line_.empty(); }
  std::size_t body_bytes() const { return request_.body.size(); }
  /// What of the request is in memory, but for the first 4 KiB of fields that every request may have.
  std::size_t held_bytes() const {
    const std::size_t fields = head_bytes_ > k_free_head_bytes ? head_bytes_ - k_free_head_bytes : 0;
    return fields + line_.size() + request_.body.size();
  }

  /// The request; the parser is then ready for the next one.
  Request take();

 private:
  enum class BodyPart { by_length, chunk_size, chunk_data, chunk_end, trailer };

  static constexpr std::size_t k_free_head_bytes = 4u << 10;

  State fail(int status, std::string message);
  State read_head(std::string_view& input);
  State parse_head();
  bool parse_request_line(std::string_view line);
  bool parse_target(std::string_view target);
  bool parse_field(std::string_view line);
  bool decide_framing();
  bool decide_connection();
  State read_body(std::string_view& input);
  State read_chunked(std::string_view& input);
  bool parse_chunk_size();
  void append_body(std::string_view& input);
  /// Moves bytes up to and including LF to `line_`; true once the line is whole (then without CRLF) or it
  /// failed.
  bool read_line(std::string_view& input, std::size_t max_bytes);

  Limits limits_;
  State state_ = State::head;
  Request request_;
  std::size_t max_body_bytes_ = 0;  ///< of this request
  std::size_t head_bytes_ = 0;      ///< once the head is accepted
  std::string line_;                ///< the head so far, or the chunk line or trailer being read
  BodyPart part_ = BodyPart::by_length;
  std::uint64_t left_ = 0;  ///< bytes of the body or of this chunk still to come
  std::size_t trailer_bytes_ = 0;
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool expects_continue_ = false;
  int status_ = 0;
  std::string message_;
};

}  // namespace sightline::http
