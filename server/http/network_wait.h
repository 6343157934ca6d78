// Waiting for the network in a handler.
#pragma once

#include <string>

namespace sightline::http {

class WorkerPool;

/// A handler call's leave to wait for the network (an inference server, a cluster) without holding a worker:
/// while `Lent` lives, another request runs in its place. How many may have leave at once is
/// Server::Options::max_waiting; whoever gets none should answer 429. On threads that are no worker's, and
/// within another wait of the same thread, it is always granted and counts nothing.
class NetworkWait {
 public:
  /// `awaited` names what is waited for, so that one slow server cannot have all: the same name gets half at
  /// most. Empty: no such bound.
  explicit NetworkWait(std::string awaited = {});
  ~NetworkWait();
  NetworkWait(const NetworkWait&) = delete;
  NetworkWait& operator=(const NetworkWait&) = delete;

  bool granted() const { return granted_; }

  /// Around the wait itself. Its end blocks until a place is free. Not while a lock is held that other calls
  /// need to end.
  class Lent {
   public:
    explicit Lent(const NetworkWait& wait);
    ~Lent();
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;

   private:
    WorkerPool* const pool_;  // null: no place is lent
  };

 private:
  const std::string awaited_;
  WorkerPool* pool_ = nullptr;  // null: it counts nothing
  bool granted_ = true;
};

}  // namespace sightline::http
