// One event loop: a Pistache transport that frames requests and writes replies.
#pragma once

#include <memory>
#include <pistache/peer.h>
#include <pistache/tcp.h>
#include <pistache/transport.h>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/http/server_core.h"

namespace sightline::http {

/// Pistache's Transport owns the sockets: it takes them from the accept thread, waits for them (epoll), reads
/// them and closes them. Ours are the bytes in between: requests are framed by RequestParser and handed to
/// the worker pool, and replies are written here, not through Pistache's queue. That queue (0.0.5) addresses
/// a reply by descriptor number, so that it can reach the next client that got the number; it spins while a
/// client does not read, which starves all other connections of the loop; and its parser starts again at
/// every 4 KB, answers Content-Length by reserving it, knows neither 100-continue nor keep-alive as HTTP/1.1
/// has it.
///
/// A connection is never closed under Pistache's hands. To end one, `cut` shuts the socket down; Pistache
/// then reads the end of the stream, says so to `disconnected`, and closes the descriptor itself.
///
/// Thread safety: all members belong to the loop's own thread; others get there by LoopMailbox::post.
class IoLoop final : public Pistache::Tcp::Transport {
 public:
  IoLoop(std::shared_ptr<ServerCore> core, const std::shared_ptr<Pistache::Tcp::Handler>& input);
  ~IoLoop() override;

  /// Pistache clones the loop that it is given once for each of its threads.
  std::shared_ptr<Pistache::Aio::Handler> clone() const override;
  void registerPoller(Pistache::Polling::Epoll& poller) override;
  void onReady(const Pistache::Aio::FdSet& events) override;

  void connected(const std::shared_ptr<Pistache::Tcp::Peer>& peer);
  void received(int descriptor, std::string_view bytes);
  void disconnected(int descriptor);

  /// Writes a reply, unless its client has left.
  void deliver(const std::shared_ptr<Connection>& connection, std::string text, bool close);
  /// Begins a streamed reply; without effect, but that `stream` is abandoned, if its client has left.
  void begin_stream(const std::shared_ptr<Connection>& connection, std::shared_ptr<StreamBuffer> stream,
                    bool close);
  /// Sends what `stream` has got since.
  void go_on(const std::shared_ptr<Connection>& connection, const std::shared_ptr<StreamBuffer>& stream);
  /// Ends a streamed reply: once all is sent, or at once by cutting the connection.
  void end_stream(const std::shared_ptr<Connection>& connection, const std::shared_ptr<StreamBuffer>& stream,
                  bool complete);
  /// Cuts all connections whose request is not with the handler; the others close after their reply.
  void begin_drain();
  /// Ends the work for all requests that have no complete answer yet: the server stops.
  void cancel_work();
  /// Closes what is left: at once, or after the bytes that wait to be written.
  void close_all(bool at_once);

 private:
  using Phase = Connection::Phase;

  void handle(const Pistache::Aio::FdSet::Entry& event);
  void pass_on(Pistache::Polling::Tag tag);
  void run_tasks();
  void tick();
  void check_time(const std::shared_ptr<Connection>& connection, Connection::Clock::time_point now);
  void read_request(const std::shared_ptr<Connection>& connection, std::string_view& bytes);
  void keep_ahead(Connection& connection, std::string_view bytes);
  void dispatch(const std::shared_ptr<Connection>& connection);
  void refuse(const std::shared_ptr<Connection>& connection, int status, const std::string& message);
  void write(const std::shared_ptr<Connection>& connection, std::string text, bool close);
  void flush(const std::shared_ptr<Connection>& connection);
  bool send_output(Connection& connection);
  void next_request(const std::shared_ptr<Connection>& connection);
  void watch_writes(Connection& connection, bool on);
  void linger(Connection& connection);
  void cut(Connection& connection);
  void reset(Connection& connection);

  const std::shared_ptr<ServerCore> core_;
  std::shared_ptr<LoopMailbox> mailbox_;
  int timer_ = -1;
  std::unordered_map<int, std::shared_ptr<Connection>> connections_;  ///< by descriptor
  std::vector<Pistache::Polling::Tag> queues_;  ///< Pistache's own queues that have been heard of
};

/// Passes Pistache's events to the loop that they happen in.
class LoopInput final : public Pistache::Tcp::Handler {
 public:
  std::shared_ptr<Pistache::Tcp::Handler> clone() const override { return std::make_shared<LoopInput>(); }
  void onConnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
  void onInput(const char* buffer, size_t size, const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
  void onDisconnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
};

}  // namespace sightline::http
