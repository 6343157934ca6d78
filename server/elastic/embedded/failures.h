// Errors in this folder: exceptions, which become values where they leave it. And how large an answer may become.
#pragma once

#include <string>
#include <utility>

#include "base/cancellation.h"
#include "base/result.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/json_view.h"
#include "server/http/answer_budget.h"

namespace sightline::elastic {

/// A failure of the disk or SQLite. Refused, by contrast, is for errors in requests. EmbeddedStore::handle answers
/// both; StoreCore::open returns this one.
struct StorageFailed {
  Error error;
};

/// Thrown when an answer that is being built exceeds Limits::max_answer_bytes. EmbeddedStore::handle answers 413.
struct AnswerTooLarge {};

/// To be called before `more` bytes are appended to an answer.
inline void check_answer_room(const std::string& answer, std::size_t more, const Limits& limits) {
  if (answer.size() + more > limits.max_answer_bytes) throw AnswerTooLarge{};
  http::reserve_answer(answer.size() + more);
}

/// To be called once per turn by every loop that appends to an answer. Ends the loop when the answer is too large or
/// the request is cancelled.
inline void check_answer_size(const std::string& answer, const Limits& limits) {
  check_cancelled();
  check_answer_room(answer, 0, limits);
}

/// 400 action_request_validation_exception.
[[noreturn]] inline void refuse_invalid(const std::string& fault) {
  refuse({400, "action_request_validation_exception", "Validation Failed: 1: " + fault + ";"});
}

/// Refuses more than `most` of what a request may have. `option` sets the limit.
inline void check_limit(const char* what, std::size_t count, std::size_t most, const char* option) {
  if (count <= most) return;
  refuse(illegal_argument(std::string("too many ") + what + ", the limit is [" + std::to_string(most) +
                          "]; send fewer, or raise " + option));
}

/// The value. Throws Refused if there is none.
template <class T>
T accepted(Answer<T> answer) {
  if (!answer) refuse(std::move(answer).error());
  return *std::move(answer);
}
inline void accepted(Refusal refusal) {
  if (refusal) refuse(*std::move(refusal));
}

/// What `work` returns, or its Refused as a value.
template <class Work>
auto answer_of(const Work& work) -> Answer<decltype(work())> {
  try {
    return work();
  } catch (Refused& refused) {
    return std::move(refused.error);
  }
}

}  // namespace sightline::elastic
