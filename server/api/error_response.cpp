#include "server/api/error_response.h"

#include "base/json/builder.h"

namespace sightline::api {
namespace {

std::string_view openai_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

std::string_view elastic_type(int status) {
  switch (status) {
    case 401:
    case 403:
      return "security_exception";
    case 404:
      return "resource_not_found_exception";
    case 413:
      return "content_too_long_exception";
    case 429:
      return "es_rejected_execution_exception";
    default:
      return status < 500 ? "illegal_argument_exception" : "status_exception";
  }
}

/// Seconds. While the server is busy, a queue has room again with each batch.
constexpr const char* k_retry_after = "1";

}  // namespace

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::unsupported:
      return 400;
    case ErrorCode::overloaded:
      return 429;
    case ErrorCode::deadline_exceeded:
      return 429;
    case ErrorCode::cancelled:
      return 499;
    case ErrorCode::unreachable:
    case ErrorCode::unavailable:
      return 502;
    case ErrorCode::corrupt_data:
      return 500;
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

http::Response error_response(ErrorShape shape, const Error& error, std::string_view param) {
  return error_response(shape, status_of(error.code), to_string(error.code), error.message, param);
}

http::Response error_response(ErrorShape shape, int status, std::string_view code, std::string_view message,
                              std::string_view param) {
  http::Response response;
  response.status = status;
  if (status == 429) response.headers.set("Retry-After", k_retry_after);
  json::Builder body;
  body.object();
  switch (shape) {
    case ErrorShape::openai:
      body.object("error").member("message", message).member("type", openai_type(status)).member("code", code);
      body.member_or_null("param", param);
      break;
    case ErrorShape::cohere:
      body.member("message", message);
      break;
    case ErrorShape::hugging_face:
      body.member("error", message).member("error_type", code);
      break;
    case ErrorShape::elastic:
      response.body = elastic_error_body(status, elastic_type(status), message);
      return response;
  }
  response.body = body.text();
  return response;
}

std::string elastic_error_body(int status, std::string_view type, std::string_view reason) {
  const std::string cause = json::Builder().member("type", type).member("reason", reason).text();
  json::Builder body;
  body.object().object("error").array("root_cause").object().list(cause).end().end().list(cause).end();
  return body.member("status", status).text();
}

}  // namespace sightline::api
