#include "server/elastic/rest/rest_layer.h"

#include "server/elastic/elastic_error.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/media_type.h"
#include "server/elastic/rest/pretty_json.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic::rest {
namespace {

bool is_json(const http::Response& response) {
  return response.content_type.starts_with("application/json");
}

/// `pretty` alone or "true" asks for it.
bool wants_pretty(const http::Request& request) {
  const auto pretty = query_parameter(request, "pretty");
  return pretty && *pretty != "false";
}

void shape(http::Response& response, const http::Request& request, const MediaTypes& types) {
  if (!is_json(response) || response.body.empty()) return;
  if (response.status < 400) {  // errors are shown whole, as Elasticsearch shows them
    if (const auto paths = query_parameter(request, "filter_path"); paths && !paths->empty()) {
      response.body = filter_by_path(response.body, *paths);
    }
  }
  if (wants_pretty(request)) response.body = pretty_json(response.body);
  if (types.compatible_with != 0) {
    response.content_type =
        "application/vnd.elasticsearch+json;compatible-with=" + std::to_string(types.compatible_with);
  }
}

}  // namespace

http::Response RestLayer::operator()(http::Request&& taken) const {
  // What the answer is shaped by; the body, which may be large, goes to the handler.
  http::Request request;
  request.method = taken.method;
  request.query = taken.query;
  request.headers = taken.headers;
  const Answer<MediaTypes> types = check_media_types(taken);
  http::Response response;
  if (!types) {
    response = types.error().response();
  } else if (types->unsupported_content) {
    response = unsupported_content_type(*types->unsupported_content);
  } else {
    response = handler_(std::move(taken));
    shape(response, request, *types);
  }
  if (request.method == http::Method::head) response.body.clear();
  response.headers.set("X-elastic-product", "Elasticsearch");
  if (const auto id = request.headers.get("X-Opaque-Id"))
    response.headers.set("X-Opaque-Id", std::string(*id));
  return response;
}

http::Response error_response(int status, const std::string& message) {
  const char* type = status == 429   ? "es_rejected_execution_exception"
                     : status == 413 ? "content_too_long_exception"
                     : status >= 500 ? "exception"
                                     : "illegal_argument_exception";
  http::Response response = ElasticError{status, type, message}.response();
  response.headers.set("X-elastic-product", "Elasticsearch");
  return response;
}

}  // namespace sightline::elastic::rest
