// One event loop: a Pistache transport that frames requests and writes replies.
#pragma once

#include <memory>
#include <pistache/peer.h>
#include <pistache/tcp.h>
#include <pistache/transport.h>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/connection_table.h"
#include "server/http/listening_socket.h"
#include "server/http/server_core.h"

namespace sightline::http {

/// Pistache's Transport waits for the sockets (epoll) and closes them. Ours are accepting them and the bytes in
/// between: requests are framed by RequestParser and handed to the worker pool, and replies are written here,
/// not through Pistache's queue. That queue (0.0.5) addresses a reply by descriptor number, so that it can
/// reach the next client that got the number; it spins while a client does not read, which starves all other
/// connections of the loop; and its parser starts again at every 4 KB, reserves the announced Content-Length,
/// supports neither 100-continue nor HTTP/1.1's keep-alive. Its accept loop spins when descriptors run
/// out, and it reads all data immediately.
///
/// A connection is never closed while Pistache uses it. To end one, `cut` shuts the socket down; the end of
/// the stream is then read by Pistache, which calls `disconnected` and closes the descriptor.
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

  /// Takes over a connection that was accepted.
  void adopt(int descriptor, const sockaddr_storage& address);
  void connected(const std::shared_ptr<Pistache::Tcp::Peer>& peer);
  void disconnected(int descriptor);
  /// Closes connections to make room for others (ConnectionTable::least_needed); false if none can be.
  bool make_room(const std::string* network);
  /// Reads the received data, as far as there is room for it.
  void receive(const std::shared_ptr<Connection>& connection);

  /// Writes a reply, unless its client has disconnected.
  void deliver(const std::shared_ptr<Connection>& connection, std::string head, std::string body, AnswerShare share,
               bool close);
  /// Begins a streamed reply; without effect, but that `stream` is abandoned, if its client has disconnected.
  void begin_stream(const std::shared_ptr<Connection>& connection, std::shared_ptr<StreamBuffer> stream, bool close);
  /// Sends the new data of `stream`.
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
  void accept_waiting();
  void watch_accepts(bool on);
  bool admit(const Connection& connection);
  void turn_away(Connection& connection, const std::string& message);
  void pass_on(Pistache::Polling::Tag tag);
  void run_tasks();
  void tick();
  void check_time(const std::shared_ptr<Connection>& connection, Connection::Clock::time_point now);
  void check_request_time(const std::shared_ptr<Connection>& connection, Connection::Clock::time_point now);
  void check_reply_time(Connection& connection, Connection::Clock::time_point now);
  void check_linger_time(Connection& connection, Connection::Clock::time_point now);
  void check_taking(Connection& connection, Connection::Clock::time_point now);
  std::size_t room_for(const Connection& connection) const;
  void receive_later(const std::shared_ptr<Connection>& connection);
  template <class Work>
  void guard(const std::shared_ptr<Connection>& connection, const Work& work);
  void received(const std::shared_ptr<Connection>& connection, std::string_view bytes);
  void read_request(const std::shared_ptr<Connection>& connection, std::string_view& bytes);
  bool accept_head(const std::shared_ptr<Connection>& connection);
  void give_head_answer(const std::shared_ptr<Connection>& connection);
  void end_delay(const std::shared_ptr<Connection>& connection);
  void keep_ahead(Connection& connection, std::string_view bytes);
  void dispatch(const std::shared_ptr<Connection>& connection);
  void refuse(const std::shared_ptr<Connection>& connection, int status, const std::string& message);
  void write(const std::shared_ptr<Connection>& connection, std::string text, bool close);
  void begin_sending(Connection& connection);
  void flush(const std::shared_ptr<Connection>& connection);
  std::size_t put_or_wait(Connection& connection, std::string_view bytes);
  bool send_interim(Connection& connection);
  bool send_output(Connection& connection);
  ssize_t take(Connection& connection, char* buffer, std::size_t size);
  ssize_t put(Connection& connection, const char* bytes, std::size_t size);
  void tell_of_tls(const Connection& connection);
  void next_request(const std::shared_ptr<Connection>& connection);
  void watch_writes(Connection& connection, bool on);
  void linger(Connection& connection);
  void cut(Connection& connection);
  void reset(Connection& connection);

  const std::shared_ptr<ServerCore> core_;
  std::shared_ptr<LoopMailbox> mailbox_;
  int timer_ = -1;
  int listening_ = -1;  ///< the listening socket, on the loop that accepts
  bool watching_accepts_ = true;
  ConnectionTable connections_;
  std::vector<char> read_buffer_;
  std::vector<Pistache::Polling::Tag> queues_;  ///< Pistache's own queues that have been heard of
};

/// Passes Pistache's events to the loop that they happen in. It reads nothing but ends: `receive` was there
/// before.
class LoopInput final : public Pistache::Tcp::Handler {
 public:
  std::shared_ptr<Pistache::Tcp::Handler> clone() const override { return std::make_shared<LoopInput>(); }
  void onConnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
  void onInput(const char* buffer, size_t size, const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
  void onDisconnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
};

}  // namespace sightline::http
