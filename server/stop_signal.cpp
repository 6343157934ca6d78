#include "server/stop_signal.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <thread>

#include "base/standard_streams.h"
#include "server/logging.h"

namespace sightline {
namespace {

constexpr int k_ended_by_second_signal = 130;
constexpr std::chrono::milliseconds k_log_patience{100};

[[noreturn]] void end_at_once(int exit_code) {
  flush_log(k_log_patience);
  std::_Exit(exit_code);
}

sigset_t signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

int await(const sigset_t& set) {
  int which = 0;
  sigwait(&set, &which);
  return which;
}

/// For a signal to stop; false if none came in time.
bool await_stop(const sigset_t& set, std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (true) {
    const auto left = std::max(deadline - std::chrono::steady_clock::now(), std::chrono::nanoseconds(0));
    const timespec span{left / std::chrono::seconds(1), (left % std::chrono::seconds(1)).count()};
    const int which = sigtimedwait(&set, nullptr, &span);
    if (which > 0 && which != SIGHUP) return true;
    if (which < 0 && errno != EINTR) return false;
  }
}

}  // namespace

StopSignal::StopSignal() {
  survive_broken_pipes();  // also those of clients that leave
  const sigset_t set = signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, state = state_] {
    while (await(set) == SIGHUP) {
      if (state->serving) state->reload();
    }
    if (!state->serving) end_at_once(EXIT_SUCCESS);
    state->came.set_value();
    const std::chrono::milliseconds patience = state->patience;
    if (await_stop(set, patience)) end_at_once(k_ended_by_second_signal);
    const std::lock_guard lock(state->logging);
    if (!state->main_ended) {
      spdlog::error("threads still running {} ms after the signal to stop: exiting without them", patience.count());
    }
    end_at_once(EXIT_FAILURE);
  }).detach();
}

StopSignal::~StopSignal() {
  const std::lock_guard lock(state_->logging);
  state_->main_ended = true;
}

}  // namespace sightline
