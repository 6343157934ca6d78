// What a call to Cohere that brought no vectors means for the client who asked.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/http/message.h"
#include "server/serving/upstream.h"

namespace sightline::cohere {

struct CallFailure {
  serving::UpstreamFailure failure;
  bool retryable = false;
};

/// Of an answer that is not 2xx: Cohere's words (`{"message": ...}`), cut to what a person reads, without
/// `key`, which it may repeat.
CallFailure failure_of_answer(const http::Response& answer, std::string_view key);

/// Of a call without an answer, as http::Client words it.
CallFailure failure_of_exchange(const Error& error, std::chrono::milliseconds timeout);

/// There is no memory for a call, or for its answer.
serving::UpstreamFailure no_memory();

/// Nobody waits for the answer any more.
serving::UpstreamFailure client_left();

}  // namespace sightline::cohere
