// How large an answer may become.
#pragma once

#include <string>

#include "base/cancellation.h"
#include "server/elastic/limits.h"
#include "server/http/answer_budget.h"

namespace sightline::elastic {

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

}  // namespace sightline::elastic
