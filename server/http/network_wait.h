// Waiting for the network in a handler.
#pragma once

#include <string>

namespace sightline::http {

class WorkerPool;

/// A handler call's permit to wait for the network (an inference server, a cluster) without holding a worker:
/// while `Lent` exists, another request runs instead. The maximum number of permits is
/// Server::Options::max_waiting; a call without one should answer 429. On threads that are not a worker's, and
/// within another wait of the same thread, it is always granted and not counted.
class NetworkWait {
 public:
  /// `awaited` names what is waited for, so that one slow server cannot take all permits: the same name gets half at
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
