// One client's connection, as its event loop sees it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/cancellation.h"
#include "base/request_trace.h"
#include "server/http/answer_budget.h"
#include "server/http/buffer_budget.h"
#include "server/http/request_parser.h"
#include "server/http/server.h"
#include "server/http/stream_buffer.h"
#include "server/http/tls.h"
#include "server/http/transfer_rate.h"

namespace sightline::http {

/// Calls `callback`, if there is one; its exception must not harm the connections of others.
inline void call_quietly(const std::function<void()>& callback) {
  try {
    if (callback) callback();
  } catch (...) {
    // The owner of the callback must handle its errors.
  }
}

/// Everything but `gone`, `must_close` and `answer_lost` belongs to the thread of the connection's loop.
///
/// A reply is addressed to this object, never to a descriptor number: the system gives the number of a closed
/// connection to the next client, and a reply addressed by number would reach that one.
struct Connection {
  using Clock = std::chrono::steady_clock;
  enum class Phase {
    receiving,  ///< waiting for a request, or receiving one
    handling,   ///< a request is with the handler; a few bytes that come are kept in `ahead`
    sending,    ///< its reply is being written
    streaming,  ///< the beginning of its reply is being written; more is to come
    lingering,  ///< all is written and our side closed; further data of the client is discarded until it
                ///< closes
    closed,     ///< cut, or gone: nothing more is written
  };

  Connection(int descriptor_, std::string peer_, std::string network_, RequestParser::Limits limits,
             std::shared_ptr<BufferBudget> budget)
      : descriptor(descriptor_),
        peer(std::move(peer_)),
        network(std::move(network_)),
        parser(std::move(limits)),
        share(std::move(budget)) {}

  const int descriptor;
  const std::string peer;
  const std::string network;        ///< what connections are counted by: see `network_of`
  std::unique_ptr<TlsSession> tls;  ///< null: plain HTTP
  RequestParser parser;
  BufferShare share;  ///< what the body in `parser` is charged with
  Phase phase = Phase::receiving;
  bool counted = false;  ///< by the ConnectionTable
  std::string ahead;     ///< received, but behind the request at hand
  bool unread = false;   ///< `ahead` is full, so that more may wait in the socket; there will be no event for it
  /// What its head decided about the request at hand, while its body is read and thrown away, or while the
  /// answer is delayed.
  std::optional<HeadAnswer> head_answer;
  Clock::time_point answer_due = Clock::time_point::max();  ///< of a delayed answer
  std::string interim;  ///< the rest of an answer 100 that the socket did not take; sent before `output`
  std::string output;
  std::string body_output;                    ///< sent after `output`
  AnswerShare answer_share;                   ///< what these are charged with
  std::shared_ptr<StreamBuffer> stream;       ///< where the rest of a streamed reply comes from
  std::shared_ptr<Cancellation> work;         ///< for the request at hand, until its answer is complete
  std::shared_ptr<RequestBook::Entry> entry;  ///< of the request at hand, until the socket has its answer; may be null
  std::size_t sent = 0;                       ///< of `output`
  bool close_after_output = false;
  bool watching_writes = false;  ///< the loop gets an event when the socket accepts more
  std::size_t thrown_away = 0;   ///< bytes
  std::uint64_t written = 0;     ///< bytes given to the socket since the connection began
  std::uint64_t taken = 0;       ///< of these, what the client's side has acknowledged
  TransferRate rate;             ///< of the body that comes, or of the answer that goes
  Clock::time_point request_began = Clock::now();
  Clock::time_point last_progress = Clock::now();  ///< the client sent or took something

  std::atomic<bool> gone{false};        ///< the client has disconnected, or was cut
  std::atomic<bool> must_close{false};  ///< the reply at hand is the last
  /// There was no memory to pass the reply on: the loop, when it looks at its clocks, ends the connection.
  std::atomic<bool> answer_lost{false};

  /// Ends the work for the request at hand, if there is any.
  void cancel_work(CancelReason reason) {
    if (const auto ended = std::exchange(work, nullptr)) ended->cancel(reason);
  }
};

}  // namespace sightline::http
