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

}  // namespace

AnswerShape::AnswerShape(const http::Request& request, const Limits& limits)
    : is_head_(request.method == http::Method::head),
      pretty_(wants_pretty(request)),
      max_answer_bytes_(limits.max_answer_bytes) {
  auto filter = PathFilter::parse(query_parameter(request, "filter_path").value_or(""), limits.max_patterns);
  if (filter) {
    filter_path_ = *std::move(filter);
  } else {
    refusal_ = std::move(filter).error();
  }
  if (const Answer<MediaTypes> types = check_media_types(request)) compatible_with_ = types->compatible_with;
  if (const auto id = request.headers.get("X-Opaque-Id")) opaque_id_ = *id;
}

void AnswerShape::apply(http::Response& response) const {
  if (is_json(response) && !response.body.empty()) {
    // Errors are shown whole, as Elasticsearch shows them.
    if (response.status < 400 && !filter_path_.shows_everything()) response.body = filter_path_.apply(response.body);
    if (pretty_) {
      // One that would become too large stays as it is: an error would hide what was written.
      if (auto laid_out = pretty_json(response.body, max_answer_bytes_)) response.body = *std::move(laid_out);
    }
    if (compatible_with_ != 0) {
      response.content_type = "application/vnd.elasticsearch+json;compatible-with=" + std::to_string(compatible_with_);
    }
  }
  if (is_head_) response.body.clear();
  response.headers.set("X-elastic-product", "Elasticsearch");
  if (opaque_id_) response.headers.set("X-Opaque-Id", *opaque_id_);
}

http::Response RestLayer::operator()(http::Request&& request) const {
  const AnswerShape shape(request, limits_);
  const Answer<MediaTypes> types = check_media_types(request);
  http::Response response = shape.refusal()              ? shape.refusal()->response()
                            : !types                     ? types.error().response()
                            : types->unsupported_content ? unsupported_content_type(*types->unsupported_content)
                                                         : handler_(std::move(request));
  shape.apply(response);
  return response;
}

ElasticError answer_too_large(std::size_t limit) {
  return {413, "content_too_long_exception",
          "the answer is larger than the limit of [" + std::to_string(limit) +
              "] bytes; ask for fewer documents or fields, or raise --elasticsearch-max-answer-bytes"};
}

http::Response error_response(int status, const std::string& message) {
  const char* type = status == 429   ? "es_rejected_execution_exception"
                     : status == 413 ? "content_too_long_exception"
                     : status == 403 ? "security_exception"
                     : status >= 500 ? "exception"
                                     : "illegal_argument_exception";
  http::Response response = ElasticError{status, type, message}.response();
  response.headers.set("X-elastic-product", "Elasticsearch");
  return response;
}

}  // namespace sightline::elastic::rest
