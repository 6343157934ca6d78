#include "server/api/error_response.h"

#include "server/api/json.h"

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
  switch (shape) {
    case ErrorShape::openai:
      response.body = "{\"error\":{\"message\":" + json_string(message) +
                      ",\"type\":" + json_string(openai_type(status)) + ",\"code\":" + json_string(code) +
                      ",\"param\":" + (param.empty() ? "null" : json_string(param)) + "}}";
      break;
    case ErrorShape::cohere:
      response.body = "{\"message\":" + json_string(message) + "}";
      break;
    case ErrorShape::hugging_face:
      response.body = "{\"error\":" + json_string(message) + ",\"error_type\":" + json_string(code) + "}";
      break;
    case ErrorShape::elastic: {
      const std::string cause =
          "\"type\":" + json_string(elastic_type(status)) + ",\"reason\":" + json_string(message);
      response.body = "{\"error\":{\"root_cause\":[{" + cause + "}]," + cause +
                      "},\"status\":" + std::to_string(status) + "}";
      break;
    }
  }
  return response;
}

}  // namespace sightline::api
