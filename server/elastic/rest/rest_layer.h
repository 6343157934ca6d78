// What every answer of the Elasticsearch port has in common.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "server/elastic/elastic_error.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/json_filter.h"
#include "server/http/message.h"

namespace sightline::elastic::rest {

/// How an answer of ours to one request looks. Made before the request goes on, of which it keeps no body.
///
/// JSON answers get `filter_path`, `pretty` and the media type that was asked for; HEAD answers lose their
/// body; every answer, errors too, gets `X-elastic-product`, and `X-Opaque-Id` if the request had one. An
/// answer that `pretty` would make larger than `limits.max_answer_bytes` becomes a 413.
class AnswerShape {
 public:
  explicit AnswerShape(const http::Request& request, const Limits& limits = {});
  /// Why the request asks for a shape that it cannot have; it is then not to be handled.
  const Refusal& refusal() const { return refusal_; }
  void apply(http::Response& response) const;

 private:
  bool is_head_ = false;
  bool pretty_ = false;
  int compatible_with_ = 0;  ///< version of the media type; 0: plain application/json
  std::size_t max_answer_bytes_;
  PathFilter filter_path_;
  Refusal refusal_;
  std::optional<std::string> opaque_id_;
};

/// Wraps a handler in the rules that hold for every Elasticsearch request.
///
/// Flow: 1. The shape that the answer shall have is checked: 400 for a filter_path beyond the limits.
///       2. Content-Type and Accept are checked: 406 for a body of another kind, 400 for versions that do not
/// agree.
///       3. The handler answers.
///       4. The answer gets its shape.
/// Thread safety: may be called from any thread if the handler may.
class RestLayer {
 public:
  using Handler = std::function<http::Response(http::Request&&)>;

  explicit RestLayer(Handler handler, const Limits& limits = {}) : handler_(std::move(handler)), limits_(limits) {}
  http::Response operator()(http::Request&& request) const;

 private:
  Handler handler_;
  Limits limits_;
};

/// 413 for an answer larger than `limit` bytes, which --elasticsearch-max-answer-bytes sets.
ElasticError answer_too_large(std::size_t limit);

/// Body and status of the HTTP server's own errors (413, 429, 503, ...) in Elasticsearch's shape, with the
/// product header.
http::Response error_response(int status, const std::string& message);

}  // namespace sightline::elastic::rest
