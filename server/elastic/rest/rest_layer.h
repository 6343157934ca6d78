// What every answer of the Elasticsearch port has in common.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "server/http/message.h"

namespace sightline::elastic::rest {

/// How an answer of ours to one request looks. Made before the request goes on, of which it keeps no body.
///
/// JSON answers get `filter_path`, `pretty` and the media type that was asked for; HEAD answers lose their
/// body; every answer, errors too, gets `X-elastic-product`, and `X-Opaque-Id` if the request had one.
class AnswerShape {
 public:
  explicit AnswerShape(const http::Request& request);
  void apply(http::Response& response) const;

 private:
  bool is_head_ = false;
  bool pretty_ = false;
  int compatible_with_ = 0;  ///< version of the media type; 0: plain application/json
  std::string filter_path_;
  std::optional<std::string> opaque_id_;
};

/// Wraps a handler in the rules that hold for every Elasticsearch request.
///
/// Flow: 1. Content-Type and Accept are checked: 406 for a body of another kind, 400 for versions that do not
/// agree.
///       2. The handler answers.
///       3. The answer gets its shape.
/// Thread safety: may be called from any thread if the handler may.
class RestLayer {
 public:
  using Handler = std::function<http::Response(http::Request&&)>;

  explicit RestLayer(Handler handler) : handler_(std::move(handler)) {}
  http::Response operator()(http::Request&& request) const;

 private:
  Handler handler_;
};

/// Body and status of the HTTP server's own errors (413, 429, 503, ...) in Elasticsearch's shape, with the
/// product header.
http::Response error_response(int status, const std::string& message);

}  // namespace sightline::elastic::rest
