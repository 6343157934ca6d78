// Errors in this folder: exceptions, which become values where they leave it.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

/// A failure of the disk or SQLite. Refused, by contrast, is for errors in requests. EmbeddedStore::handle answers
/// both; StoreCore::open returns this one.
struct StorageFailed {
  Error error;
};

/// 400 action_request_validation_exception.
[[noreturn]] inline void refuse_invalid(const std::string& fault) {
  refuse({400, "action_request_validation_exception", "Validation Failed: 1: " + fault + ";"});
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
