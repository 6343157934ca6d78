// Threads that run the handler, fed by a bounded queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/http/buffer_budget.h"
#include "server/http/server.h"

namespace sightline::http {

/// A request between an event loop and the handler.
struct HandlerCall {
  Request request;
  Reply reply;
  BufferShare share;     ///< the memory that the body is charged with
  StageSpan stage = {};  ///< that it waits for a worker
};

/// A fixed number of handler calls run at once, each in a slot. One that waits for the network lends its slot
/// (NetworkWait), and takes one again before it continues; so there are more threads than slots,
/// started when they are needed. Thread safety: `submit` from any thread; `stop` once, and from none of the
/// pool's own threads.
class WorkerPool {
 public:
  using Run = std::function<void(HandlerCall&&)>;  ///< must not throw
  struct Options {
    int places = 1;
    std::size_t max_queued = 1;
    std::size_t max_waiting = 0;  ///< calls that may wait for the network at once
  };

  WorkerPool(const Options& options, Run run);
  ~WorkerPool();

  /// Takes the call, or leaves it as it is and returns false: the queue is full, or the pool has stopped.
  bool submit(HandlerCall& call);
  /// Drops the calls in the queue and waits for those that run.
  void stop();

  // ---- for NetworkWait, on the pool's own threads

  /// The pool that the current thread belongs to; null: none.
  static WorkerPool* current();
  /// False if too many wait already, or too many for the same thing.
  bool permit(const std::string& awaited);
  void end_permit(const std::string& awaited);
  void lend_place();
  void take_place();

 private:
  void work();
  void wake_next();
  void add_thread();

  const Options options_;
  const Run run_;
  std::mutex mutex_;
  std::condition_variable ready_;       // a call and a place for it
  std::condition_variable place_free_;  // for a call that had lent its own
  std::deque<HandlerCall> queue_;
  bool stopped_ = false;
  std::size_t running_ = 0;    // places taken
  std::size_t idle_ = 0;       // threads without a call
  std::size_t returning_ = 0;  // calls that want their place again
  std::size_t permits_ = 0;
  std::map<std::string, std::size_t> awaited_;  // permits for each thing with a name
  std::vector<std::thread> threads_;
};

}  // namespace sightline::http
