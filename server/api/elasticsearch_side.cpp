#include "server/api/elasticsearch_side.h"

#include <utility>
#include <vector>

#include "server/api/error_response.h"

namespace sightline::api {
namespace {

/// Of this port, or of a web page; a cluster would take some of them for a page of its own.
bool stays_here(std::string_view field) {
  for (const std::string_view name : {ElasticsearchSide::k_key_field, std::string_view("Cookie"),
                                      std::string_view("Origin"), std::string_view("Referer")}) {
    if (http::equal_ignoring_case(field, name)) return true;
  }
  return http::equal_ignoring_case(field.substr(0, 4), "Sec-");
}

}  // namespace

http::Response elasticsearch_error(int status, std::string_view type, std::string_view reason) {
  http::Response response;
  response.status = status;
  response.body = elastic_error_body(status, type, reason);
  response.headers.set("X-elastic-product", "Elasticsearch");
  return response;
}

bool ElasticsearchSide::has(std::string_view path) {
  return path.starts_with(k_prefix) && (path.size() == k_prefix.size() || path[k_prefix.size()] == '/');
}

http::Request ElasticsearchSide::inner_request(http::Request request) {
  request.path.erase(0, k_prefix.size());
  if (request.path.empty()) request.path = "/";
  std::vector<std::string> dropped;
  for (const auto& [name, value] : request.headers.all()) {
    if (stays_here(name)) dropped.push_back(name);
  }
  for (const std::string& name : dropped) request.headers.remove(name);
  return request;
}

void ElasticsearchSide::handle(http::Request request, http::Reply reply) {
  ElasticsearchService* const service = service_;
  if (!service) return reply.send(absence());
  service->handle(inner_request(std::move(request)), std::move(reply));
}

http::Response ElasticsearchSide::ask(http::Request request) {
  ElasticsearchService* const service = service_;
  return service ? service->ask(std::move(request)) : absence();
}

http::Response ElasticsearchSide::absence() const {
  if (options_.kind == Kind::none) {
    return elasticsearch_error(
        404, "no_elasticsearch_side_exception",
        "no Elasticsearch side; start sightline-server with --embedded-elasticsearch for a store on this machine, "
        "or with --elasticsearch-gateway URL in front of a cluster");
  }
  http::Response response = elasticsearch_error(
      503, "elasticsearch_side_starting_exception",
      "the Elasticsearch side starts when the models are loaded; retry the request when GET /health/ready "
      "answers 200");
  response.headers.set("Retry-After", "1");
  return response;
}

}  // namespace sightline::api
