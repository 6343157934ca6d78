// HTTP requests and responses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sightline {
class Cancellation;
class RequestTrace;
}  // namespace sightline

namespace sightline::http {

enum class Method { get, head, post, put, delete_, patch, options };

/// "GET", "DELETE", ...
const char* to_string(Method method);
/// The method of that name (case-sensitive, RFC 9110 9.1); nullopt if it is not supported.
std::optional<Method> method_of(std::string_view name);

/// True if both are the same but for the case of ASCII letters, as field names compare.
bool equal_ignoring_case(std::string_view a, std::string_view b);
/// True if `name` is one of the members of the comma-separated list `list`, without regard to case.
bool list_has(std::string_view list, std::string_view name);

/// Header fields: names compare without case, order kept, a name may occur more than once.
class Headers {
 public:
  void add(std::string name, std::string value);
  /// Replaces all of that name.
  void set(std::string name, std::string value);
  void remove(std::string_view name);
  /// The first of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  Method method = Method::get;
  std::string path;   ///< as sent, percent-encoded, without the query: "/clip-images/_doc/a%20b"
  std::string query;  ///< as sent, without '?': "refresh=true&pretty"
  Headers headers;
  std::string body;
  std::string peer;  ///< address of the client, for logs
  /// Requested when the client disconnects, or the server's drain time is over; null outside of a server.
  std::shared_ptr<Cancellation> cancellation = {};
  /// Where its stages are noted; null: nowhere.
  std::shared_ptr<RequestTrace> trace = {};

  /// Path split at '/', each part percent-decoded; "/" gives none. Trailing slashes are ignored.
  std::vector<std::string> path_parts() const;
  /// Query parameters in order, decoded ('+' is a space); a name without '=' has an empty value.
  std::vector<std::pair<std::string, std::string>> query_parameters() const;
};

struct Response {
  int status = 200;
  Headers headers;                                ///< without Content-Type and Content-Length
  std::string content_type = "application/json";  ///< empty: no such field
  std::string body;
  /// Called once by the server when it sends the answer, in the place of Server::Options::access_log. `status` and
  /// `bytes` (of the body) are another answer's if the server has to send that one. On any thread; must not block. May
  /// be empty.
  std::function<void(int status, std::size_t bytes)> sent = {};
};

/// Head of an answer that is sent, or received, piece by piece.
struct ResponseHead {
  int status = 200;
  /// Of the message alone, in order, Content-Type too. Fields of the connection and of the framing
  /// (`is_connection_field`, Content-Length) are removed from a received head and ignored in one that is
  /// sent.
  Headers headers;
  std::optional<std::uint64_t> content_length;  ///< absent: the body's end shows its length
};

/// True for fields that describe one connection and not the message, and so are not forwarded (RFC
/// 9110 7.6.1): Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade; and for
/// Proxy-Authenticate, Proxy-Authorization and Proxy-Authentication-Info, which are between a client and the
/// proxy next to it (11.7).
bool is_connection_field(std::string_view name);

/// A query as far as Elasticsearch reads it: up to the first '#'.
std::string_view without_fragment(std::string_view query);

/// The parameters of a query as they are written ("name=value", "name"), in order. As Elasticsearch reads them:
/// `;` separates them like `&`, `#` ends them, '=' in front of a name does not count.
std::vector<std::string_view> query_pieces(std::string_view query);

/// Decodes %XX; with `plus_is_blank` also '+'. Broken escapes stay as they are.
std::string percent_decode(std::string_view text, bool plus_is_blank = false);
/// Encodes all but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

}  // namespace sightline::http
