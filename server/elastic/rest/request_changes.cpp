#include "server/elastic/rest/request_changes.h"

#include <algorithm>

#include "server/elastic/rest/router.h"

namespace sightline::elastic::rest {

std::string with_parameters(
    const std::string& query,
    std::initializer_list<std::pair<std::string_view, std::optional<std::string_view>>> changes) {
  std::string changed;
  const auto add = [&](std::string_view piece) {
    if (!changed.empty()) changed += '&';
    changed += piece;
  };
  for (const auto piece : http::query_pieces(query)) {
    const auto name = http::percent_decode(piece.substr(0, piece.find('=')), true);
    const bool replaced =
        std::any_of(changes.begin(), changes.end(), [&](const auto& change) { return change.first == name; });
    if (!replaced) add(piece);
  }
  for (const auto& [name, value] : changes) {
    if (value) add(http::percent_encode(std::string(name)) + "=" + http::percent_encode(std::string(*value)));
  }
  return changed;
}

void replace_body(http::Request& request, std::string body) {
  request.body = std::move(body);
  if (request.headers.get("Content-Length")) request.headers.set("Content-Length", std::to_string(request.body.size()));
}

std::optional<http::Request> source_as_body(const http::Request& request) {
  if (!request.body.empty() || request.query.empty()) return {};
  auto source = query_parameter(request, "source");
  const auto type = query_parameter(request, "source_content_type");
  if (!source || !type) return {};
  http::Request changed = request;
  changed.query = with_parameters(request.query, {{"source", {}}, {"source_content_type", {}}});
  changed.headers.set("Content-Type", *type);
  replace_body(changed, std::move(*source));
  return changed;
}

void take_out_shaping(http::Request& request) {
  request.query = with_parameters(
      request.query, {{"filter_path", {}}, {"pretty", {}}, {"human", {}}, {"format", {}}, {"error_trace", {}}});
  request.headers.remove("Accept-Encoding");
  if (const auto accept = request.headers.get("Accept"); accept && accept->find("json") == std::string_view::npos)
    request.headers.set("Accept", "application/json");
}

http::Request head_for_pieces(const http::Request& request) {
  http::Request head;
  head.method = request.method;
  head.path = request.path;
  head.query = request.query;
  head.headers = request.headers;
  head.peer = request.peer;
  take_out_shaping(head);
  head.headers.remove("Content-Length");
  return head;
}

}  // namespace sightline::elastic::rest
