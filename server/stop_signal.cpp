#include "server/stop_signal.h"

#include <cstdlib>
#include <pthread.h>
#include <signal.h>
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

}  // namespace

StopSignal::StopSignal() {
  signal(SIGPIPE, SIG_IGN);  // a client that leaves is no reason to end
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, state = state_] {
    await(set);
    if (!state->serving) end_at_once(EXIT_SUCCESS);
    state->came.set_value();
    await(set);
    end_at_once(k_ended_by_second_signal);
  }).detach();
}

}  // namespace sightline
