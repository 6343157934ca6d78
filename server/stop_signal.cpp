#include "server/stop_signal.h"

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <thread>

#include "server/logging.h"

namespace sightline {
namespace {

constexpr int k_ended_by_second_signal = 130;
constexpr std::chrono::milliseconds k_log_patience{100};

[[noreturn]] void end_at_once(int exit_code) {
  flush_log(k_log_patience);
  std::_Exit(exit_code);
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

void await(const sigset_t& set) {
  int which = 0;
  sigwait(&set, &which);
}

/// False if none came in time.
bool await(const sigset_t& set, std::chrono::milliseconds time) {
  const timespec span{time.count() / 1000, time.count() % 1000 * 1'000'000};
  int which = -1;
  do {
    which = sigtimedwait(&set, nullptr, &span);
  } while (which < 0 && errno == EINTR);
  return which > 0;
}

}  // namespace

StopSignal::StopSignal() {
  signal(SIGPIPE, SIG_IGN);  // a client that leaves is no reason to end
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, state = state_] {
    await(set);
    if (!state->serving) end_at_once(EXIT_SUCCESS);
    state->came.set_value();
    const std::chrono::milliseconds patience = state->patience;
    if (await(set, patience)) end_at_once(k_ended_by_second_signal);
    spdlog::error("threads still work {} ms after the signal to stop: ending without them", patience.count());
    end_at_once(EXIT_FAILURE);
  }).detach();
}

}  // namespace sightline
