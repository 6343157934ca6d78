// How much of the processors this program has used. Unlike the time of day it does not grow while others have them.
#pragma once

#include <chrono>
#include <ctime>

namespace sightline {

inline std::chrono::nanoseconds time_of_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// Of all threads of this program.
inline std::chrono::nanoseconds processor_time() {
  return time_of_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/// Of the thread that calls.
inline std::chrono::nanoseconds processor_time_of_thread() {
  return time_of_clock(CLOCK_THREAD_CPUTIME_ID);
}

/// What `work` takes of them, in seconds. The tests that use it leave much room: what they fear takes a hundred times as
/// long.
template <class Work>
double processor_seconds_of(const Work& work) {
  const auto before = processor_time();
  work();
  return std::chrono::duration<double>(processor_time() - before).count();
}

}  // namespace sightline
