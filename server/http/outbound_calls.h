// Calls that other servers answer: their turns, their pace, their retries and their ends.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/cancellation.h"
#include "base/expiries.h"
#include "base/timer.h"
#include "server/http/client.h"
#include "server/http/retry_policy.h"

namespace sightline::http {

/// Sends calls when it is their turn, and repeats those that fail.
///
/// Flow: 1. `start` puts a call in its line, or ends it at once (the line is full, or it is too late).
///       2. It leaves the line when its server has a free connection (the client's `max_connections_per_host`),
///          `max_in_flight` allows one more, and the line's pace allows it. Lines take turns, so that one call does not wait behind all of
///          another line; within a line, lane 0 goes before lane 1.
///       3. Only then its request is made, so that waiting calls do not hold their bodies.
///       4. The call reads the result. If it wants to be repeated, it goes to the front of its line after the
///          wait that it names. What cannot be repeated before the deadline ends at once.
///       5. A call ends at its deadline and with its cancellation, also while it waits or is out.
/// The look-up of a host's name goes on after a call that ends during it, with a thread and a socket, for up to 30 s.
/// While 64 may go on, the next call waits: one of the same server, or with `max_in_flight` any.
/// Thread safety: all members may be called from any thread. Calls are called on a thread of the client, of the
/// timer, of whoever cancels, or within `start`; they must not block.
class OutboundCalls {
  class Core;

 public:
  using TimePoint = Timer::TimePoint;
  static constexpr std::size_t k_lanes = 2;

  /// At most `calls`, of at most `inputs` together, in any `span`, however they fall: what is not used does not add up.
  /// 0: no limit.
  struct Pace {
    std::size_t calls = 0;
    std::chrono::microseconds span = std::chrono::minutes(1);
    std::size_t inputs = 0;
  };
  struct Terms {
    std::string url;   ///< its scheme, host and port are what connections are counted by
    std::string line;  ///< the calls of a line have the same pace and share it
    Pace pace = {};
    std::size_t inputs = 0;  ///< of the call, for `Pace::inputs`; more than that counts as that many
    std::size_t lane = 0;
    TimePoint deadline = TimePoint::max();
    std::shared_ptr<Cancellation> cancellation = {};  ///< may be null
  };
  /// Why a call is over.
  struct End {
    enum class Reason {
      settled,    ///< by the result of an attempt, or as no request could be made
      line_full,  ///< `line_capacity` calls wait already
      late,       ///< the deadline has passed
      cancelled,
      stopped,  ///< by `shut_down`
      fault,    ///< an exception, such as a lack of memory
    };
    Reason reason = Reason::settled;
    int in_flight = 0;                  ///< calls of the same server that are out
    std::chrono::milliseconds wait{0};  ///< until the line's pace allows a call
  };

  /// What is sent, and what becomes of the results. `request` and `read` are never called at the same time, nor
  /// after `end`.
  class Call {
   public:
    explicit Call(Terms terms) : terms_(std::move(terms)) {}
    virtual ~Call() = default;

   protected:
    /// The request of the next attempt; its timeout and cancellation are set by the caller. Nothing: there is
    /// none, and the call ends.
    virtual std::optional<ClientRequest> request() = 0;
    /// Takes the result of an attempt. If the call is to be repeated, the wait before that (RetryPolicy).
    virtual std::optional<std::chrono::milliseconds> read(Result<Response> result, int attempts) = 0;
    /// Called once, and last.
    virtual void end(const End& end) = 0;

   private:
    friend class Core;
    const Terms terms_;
    std::string origin_;
    TimePoint begun_, in_line_since_;
    int attempts_ = 0;
    Cancellation::Registration registration_;
    std::mutex mutex_;  // held while `request` and `read` run
    bool over_ = false;
    std::optional<Expiries::Registration> deadline_, repetition_;  // none when it is over
  };

  /// What is reported of the attempts, for metrics. Any may be empty; they must not block.
  struct Events {
    /// One ended: its status ("200", "429"), "timeout", or "broken" for a connection that failed.
    std::function<void(const std::string& outcome)> answered;
    std::function<void()> retried;
    std::function<void(double seconds)> waited;  ///< in line
  };
  struct Options {
    std::size_t line_capacity = 0;  ///< calls that wait in one line; 0: no limit
    int max_in_flight = 0;          ///< calls that are out at once, of all servers together; 0: no limit
    std::chrono::milliseconds attempt_timeout{30'000};
    RetryPolicy retry = {};
    std::chrono::milliseconds retry_timeout = std::chrono::hours(24);  ///< from `start` to the last attempt
    bool paces_retries = false;  ///< all attempts count against the pace, not only the first ones
    Events events = {};
  };

  /// `timer` must outlive this object. The client must live as long as this object; its last callbacks may
  /// come later.
  OutboundCalls(Client& client, Timer& timer, Options options);
  ~OutboundCalls();

  void start(const std::shared_ptr<Call>& call);
  /// Ends all calls, and every later one.
  void shut_down();

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace sightline::http
