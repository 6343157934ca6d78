#include "base/result.h"

namespace sightline {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::overloaded:
      return "overloaded";
    case ErrorCode::deadline_exceeded:
      return "deadline_exceeded";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::unreachable:
      return "unreachable";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::corrupt_data:
      return "corrupt_data";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace sightline
