// One client's connection, as its event loop sees it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "server/http/buffer_budget.h"
#include "server/http/request_parser.h"

namespace sightline::http {

/// Everything but `left` and `must_close` belongs to the thread of the connection's loop.
///
/// A reply is addressed to this object, never to a descriptor number: the system gives the number of a closed
/// connection to the next client, and a reply that went by the number would reach that one.
struct Connection {
  using Clock = std::chrono::steady_clock;
  enum class Phase {
    receiving,  ///< waiting for a request, or in the middle of one
    handling,   ///< a request is with the handler; bytes that come are kept in `ahead`
    sending,    ///< its reply is being written
    lingering,  ///< all is written and our side closed; what the client still sends is thrown away until it
                ///< closes
    closed,     ///< cut, or gone: nothing is written any more
  };

  Connection(int descriptor_, std::string peer_, RequestParser::Limits limits,
             std::shared_ptr<BufferBudget> budget)
      : descriptor(descriptor_), peer(std::move(peer_)), parser(limits), share(std::move(budget)) {}

  const int descriptor;
  const std::string peer;
  RequestParser parser;
  BufferShare share;  ///< what the body in `parser` is charged with
  Phase phase = Phase::receiving;
  std::string ahead;  ///< received, but behind the request at hand
  std::string output;
  std::size_t sent = 0;  ///< of `output`
  bool close_after_output = false;
  bool watching_writes = false;  ///< the loop is told when the socket takes more
  std::size_t thrown_away = 0;   ///< bytes
  Clock::time_point request_began = Clock::now();
  Clock::time_point last_progress = Clock::now();

  std::atomic<bool> left{false};        ///< the client is gone
  std::atomic<bool> must_close{false};  ///< the reply at hand is the last
};

}  // namespace sightline::http
