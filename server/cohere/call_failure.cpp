#include "server/cohere/call_failure.h"

#include <optional>
#include <rapidjson/document.h>

#include "base/json/document.h"
#include "base/json/members.h"
#include "base/json/utf8.h"
#include "base/secret_mask.h"
#include "server/http/retry_policy.h"

namespace sightline::cohere {
namespace {

constexpr std::size_t k_longest_message = 500;
constexpr std::size_t k_masked_bytes = 4096;             // of a message: more than is shown
constexpr std::size_t k_longest_error_body = 64u << 10;  // parsed as JSON; longer ones are quoted

std::optional<std::string> json_message(std::string_view body) {
  if (body.size() > k_longest_error_body) return std::nullopt;
  rapidjson::Document answer;
  json::read_document(body, answer);
  const auto& message = json::member(answer, "message");
  if (!message.IsString()) return std::nullopt;
  return std::string(json::text_or_empty(message));
}

/// A whole number of characters, without what would break a log line.
std::string readable(std::string text) {
  if (text.size() > k_longest_message) {
    text.resize(json::first_bytes(text, k_longest_message).size());
    text += "...";
  }
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text;
}

int status_for_client(int status) {
  if (status >= 400 && status < 500) return status;
  return status == 503 || status == 504 ? status : 502;
}

}  // namespace

CallFailure failure_of_answer(const http::Response& answer, std::string_view key) {
  std::string words = readable(without_secret(json_message(answer.body).value_or(answer.body), key, k_masked_bytes));
  CallFailure result;
  result.failure.status = status_for_client(answer.status);
  result.failure.message = "Cohere answered " + std::to_string(answer.status);
  if (!words.empty()) result.failure.message += ": " + words;
  if (answer.status < 400) result.failure.message += " (is --cohere-url right?)";
  result.failure.retry_after = http::retry_after(answer.headers);
  result.retryable = answer.status == 429 || (answer.status >= 500 && answer.status != 501);
  return result;
}

CallFailure failure_of_exchange(const Error& error, std::chrono::milliseconds timeout) {
  switch (error.code) {
    case ErrorCode::deadline_exceeded:
      return {{504,
               "Cohere did not answer in time (at most " + std::to_string(timeout.count()) + " ms, --cohere-timeout)",
               std::nullopt}};
    case ErrorCode::unreachable:
    case ErrorCode::unavailable:
      return {{502, "Cohere was not reached: " + error.message, std::nullopt}, true};
    case ErrorCode::cancelled:
      return {{503, "the server is shutting down: retry the request later", std::nullopt}};
    default:
      return {{502, "the call to Cohere failed: " + error.message, std::nullopt}};
  }
}

serving::UpstreamFailure no_memory() {
  return {429, "out of memory for this request: retry it later", std::chrono::seconds(1)};
}

serving::UpstreamFailure client_left() {
  return {499, "the client disconnected", std::nullopt};
}

}  // namespace sightline::cohere
