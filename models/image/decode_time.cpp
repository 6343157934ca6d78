#include "models/image/decode_time.h"

#include <ctime>
#include <string>

namespace sightline::models {

std::chrono::nanoseconds DecodeTime::thread_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

Error DecodeTime::error(std::string_view format) const {
  return {ErrorCode::invalid_argument, std::string(format) + " takes more than " + std::to_string(limit_.count()) +
                                           " ms to decode (--image-timeout): send it in a smaller size, or in another "
                                           "format"};
}

}  // namespace sightline::models
