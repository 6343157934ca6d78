#include "server/stop_signal.h"

#include <cstdlib>
#include <pthread.h>
#include <signal.h>

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

int await(const sigset_t& set) {
  int which = 0;
  sigwait(&set, &which);
  return which;
}

}  // namespace

StopSignal::StopSignal() {
  signal(SIGPIPE, SIG_IGN);  // a client that leaves is no reason to end
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { run(); });
}

// The thread waits for a signal that may never come; the process ends with it.
StopSignal::~StopSignal() {
  thread_.detach();
}

void StopSignal::run() {
  const sigset_t set = stop_signals();
  await(set);
  if (!serving_) std::_Exit(EXIT_SUCCESS);
  came_.set_value();
  await(set);
  std::_Exit(k_ended_by_second_signal);
}

}  // namespace sightline
