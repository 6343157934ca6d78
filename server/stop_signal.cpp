#include "server/stop_signal.h"

#include <cstdlib>
#include <pthread.h>
#include <signal.h>
#include <thread>

namespace sightline {
namespace {

constexpr int k_ended_by_second_signal = 130;

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
    if (!state->serving) std::_Exit(EXIT_SUCCESS);
    state->came.set_value();
    await(set);
    std::_Exit(k_ended_by_second_signal);
  }).detach();
}

}  // namespace sightline
