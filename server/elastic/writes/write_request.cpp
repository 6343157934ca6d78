#include "server/elastic/writes/write_request.h"

#include <algorithm>

namespace sightline::elastic {

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

http::Request head_for_pieces(const http::Request& request) {
  http::Request head;
  head.method = request.method;
  head.path = request.path;
  head.query = with_parameters(
      request.query, {{"filter_path", {}}, {"pretty", {}}, {"human", {}}, {"format", {}}, {"error_trace", {}}});
  head.headers = request.headers;
  head.headers.remove("Accept-Encoding");
  head.headers.remove("Content-Length");
  const auto accept = head.headers.get("Accept");
  if (accept && accept->find("json") == std::string_view::npos) head.headers.set("Accept", "application/json");
  head.peer = request.peer;
  return head;
}

}  // namespace sightline::elastic
