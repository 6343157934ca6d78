#include "server/http/io_loop.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace sightline::http {
namespace {

using Pistache::Polling::NotifyOn;
using Pistache::Polling::Tag;

constexpr std::size_t k_max_ahead_bytes = 64u << 10;
constexpr std::chrono::seconds k_linger_time{5};

/// How often the loop looks at its clocks.
std::chrono::milliseconds tick_period(const Server::Options& options) {
  const auto shortest = std::min({options.idle_timeout, options.receive_timeout, options.send_timeout});
  return std::clamp(shortest / 4, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

}  // namespace

// What Pistache calls must not throw: an exception in its thread ends the process.

void LoopInput::onConnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  static_cast<IoLoop*>(transport())->connected(peer);
}

void LoopInput::onInput(const char* buffer, size_t size, const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  static_cast<IoLoop*>(transport())->received(peer->fd(), {buffer, size});
}

void LoopInput::onDisconnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  static_cast<IoLoop*>(transport())->disconnected(peer->fd());
}

IoLoop::IoLoop(std::shared_ptr<ServerCore> core, const std::shared_ptr<Pistache::Tcp::Handler>& input)
    : Transport(input), core_(std::move(core)) {}

IoLoop::~IoLoop() {
  if (mailbox_) mailbox_->close();
  for (const auto& [descriptor, connection] : connections_) {
    connection->cancel_work(CancelReason::client_left);
    connection->departure.happen();
  }
  if (timer_ >= 0) ::close(timer_);
}

std::shared_ptr<Pistache::Aio::Handler> IoLoop::clone() const {
  auto loop = std::make_shared<IoLoop>(core_, std::make_shared<LoopInput>());
  loop->mailbox_ = std::make_shared<LoopMailbox>();
  core_->mailboxes.push_back(loop->mailbox_);
  return loop;
}

void IoLoop::registerPoller(Pistache::Polling::Epoll& poller) {
  Transport::registerPoller(poller);
  timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer_ < 0 || mailbox_->descriptor() < 0) throw std::runtime_error("out of file descriptors");
  const auto period = std::chrono::nanoseconds(tick_period(core_->options));
  const timespec spec{period.count() / 1'000'000'000, period.count() % 1'000'000'000};
  const itimerspec repeated{spec, spec};
  ::timerfd_settime(timer_, 0, &repeated, nullptr);
  for (const int descriptor : {timer_, mailbox_->descriptor()}) {
    poller.addFd(descriptor, Pistache::Flags<NotifyOn>(NotifyOn::Read),
                 Tag(static_cast<std::uint64_t>(descriptor)));
  }
}

void IoLoop::onReady(const Pistache::Aio::FdSet& events) {
  for (const auto& event : events) {
    try {
      handle(event);
    } catch (const std::exception&) {
      // Out of memory: the connection at hand is lost, its timeout ends it; the others go on.
    }
  }
}

void IoLoop::handle(const Pistache::Aio::FdSet::Entry& event) {
  const Tag tag = event.getTag();
  const int descriptor = static_cast<int>(tag.value());
  if (descriptor == mailbox_->descriptor()) {
    run_tasks();
  } else if (descriptor == timer_) {
    tick();
  } else if (const auto found = connections_.find(descriptor); found != connections_.end()) {
    const auto connection = found->second;
    if (event.isWritable()) flush(connection);
    if (event.isReadable() || event.isHangup()) pass_on(tag);
  } else {
    if (std::find(queues_.begin(), queues_.end(), tag) == queues_.end()) queues_.push_back(tag);
    pass_on(tag);
  }
}

/// Lets Pistache read a socket, or empty one of its queues.
void IoLoop::pass_on(Tag tag) {
  Pistache::Polling::Event event(tag);
  event.flags = Pistache::Flags<NotifyOn>(NotifyOn::Read);
  std::vector<Pistache::Polling::Event> events{event};
  try {
    Transport::onReady(Pistache::Aio::FdSet(std::move(events)));
  } catch (const std::exception&) {
    const auto found = connections_.find(static_cast<int>(tag.value()));
    if (found != connections_.end()) cut(*found->second);
  }
}

void IoLoop::run_tasks() {
  for (auto& task : mailbox_->take()) task(*this);
}

void IoLoop::tick() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(timer_, &count, sizeof count);
  const auto now = Connection::Clock::now();
  for (const auto& [descriptor, connection] : connections_) check_time(connection, now);
  // Pistache's queue of new connections can lose a wake-up (0.0.5; mended upstream in 2024): look again.
  const auto queues = queues_;
  for (const Tag tag : queues) {
    if (connections_.find(static_cast<int>(tag.value())) == connections_.end()) pass_on(tag);
  }
}

void IoLoop::check_time(const std::shared_ptr<Connection>& connection, Connection::Clock::time_point now) {
  const auto& options = core_->options;
  const auto still = now - connection->last_progress;
  switch (connection->phase) {
    case Phase::receiving:
      if (connection->parser.idle()) {
        if (still > options.idle_timeout) cut(*connection);
      } else if (connection->parser.state() == RequestParser::State::body
                     ? still > options.receive_timeout
                     : now - connection->request_began > options.receive_timeout) {
        refuse(connection, 408, "the request did not arrive in time; send it again");
      }
      break;
    case Phase::sending:
      if (still > options.send_timeout) reset(*connection);
      break;
    case Phase::streaming:
      // While nothing waits it is the sender who is slow, not the client.
      if (!connection->output.empty() && still > options.send_timeout) reset(*connection);
      break;
    case Phase::lingering:
      if (still > k_linger_time) reset(*connection);
      break;
    case Phase::handling:
    case Phase::closed:
      break;
  }
}

void IoLoop::connected(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  const int descriptor = peer->fd();
  const auto& options = core_->options;
  auto connection = std::make_shared<Connection>(
      descriptor, peer->address().host(),
      RequestParser::Limits{options.max_header_bytes, options.max_body_bytes}, core_->budget);
  connections_[descriptor] = connection;
  core_->connections.add();
  if (core_->draining || core_->connections.value() > options.max_connections) cut(*connection);
}

void IoLoop::disconnected(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return;
  const auto connection = found->second;
  connections_.erase(found);
  core_->connections.remove();
  connection->phase = Phase::closed;
  connection->share.clear();
  connection->cancel_work(CancelReason::client_left);
  if (const auto stream = std::exchange(connection->stream, nullptr)) stream->abandon();
  connection->departure.happen();
}

void IoLoop::received(int descriptor, std::string_view bytes) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return;
  const auto connection = found->second;
  if (connection->phase == Phase::receiving) {
    connection->last_progress = Connection::Clock::now();
    read_request(connection, bytes);
  }
  keep_ahead(*connection, bytes);
}

void IoLoop::read_request(const std::shared_ptr<Connection>& connection, std::string_view& bytes) {
  auto& parser = connection->parser;
  if (parser.idle()) connection->request_began = connection->last_progress;
  const auto state = parser.feed(bytes);
  if (state == RequestParser::State::failed) {
    refuse(connection, parser.status(), parser.message());
  } else if (!connection->share.grow_to(parser.body_bytes())) {
    refuse(connection, 429, "the server holds too many request bodies at the moment; try again");
  } else if (state == RequestParser::State::complete) {
    dispatch(connection);
  } else if (parser.expects_continue()) {
    static constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";
    // Nothing else waits to be written, so there is room; a client that misses it goes on by itself after a
    // second.
    [[maybe_unused]] const auto sent =
        ::send(connection->descriptor, k_continue.data(), k_continue.size(), MSG_NOSIGNAL);
    parser.continue_sent();
  }
}

/// Takes the bytes that lie behind the request at hand: keeps a few, else ends the connection after the
/// reply.
void IoLoop::keep_ahead(Connection& connection, std::string_view bytes) {
  if (bytes.empty() || connection.phase == Phase::closed) return;
  const bool last = connection.must_close || connection.phase == Phase::lingering;
  if (!last && connection.ahead.size() + bytes.size() <= k_max_ahead_bytes) {
    connection.ahead.append(bytes);
    return;
  }
  connection.must_close = true;
  connection.close_after_output = true;
  connection.ahead = {};
  // Thrown away, so that a client in the middle of a body that was refused comes to read the refusal. Not for
  // ever.
  connection.thrown_away += bytes.size();
  if (connection.thrown_away > core_->options.max_body_bytes + k_max_ahead_bytes) reset(connection);
}

void IoLoop::dispatch(const std::shared_ptr<Connection>& connection) {
  auto& parser = connection->parser;
  const Framing framing{parser.is_head(), parser.http_1_0(), !parser.keep_alive()};
  connection->must_close = framing.close;
  connection->close_after_output = framing.close;
  connection->phase = Phase::handling;
  connection->work = std::make_shared<Cancellation>();
  Job job{parser.take(), Reply(std::make_shared<Reply::Channel>(core_, mailbox_, connection, framing)),
          std::exchange(connection->share, BufferShare(core_->budget))};
  job.request.peer = connection->peer;
  job.request.cancellation = connection->work;
  if (!core_->pool->submit(job)) {
    job.reply.send(core_->error(429, "the server is busy: its queue of requests is full; try again"));
  }
}

/// Answers what is wrong with the request and reads nothing more from this client.
void IoLoop::refuse(const std::shared_ptr<Connection>& connection, int status, const std::string& message) {
  const Framing framing{connection->parser.is_head(), connection->parser.http_1_0(), true};
  const Response response = core_->error(status, message);  // the message may be the parser's
  connection->share.clear();
  connection->parser.take();
  connection->must_close = true;
  write(connection, response_text(response, framing), true);
}

void IoLoop::deliver(const std::shared_ptr<Connection>& connection, std::string text, bool close) {
  // The guard against replies to the wrong client: once the connection is gone, its descriptor is someone
  // else's.
  if (connection->departure.happened() || connection->phase != Phase::handling) return;
  connection->work.reset();
  write(connection, std::move(text), close || connection->close_after_output);
}

void IoLoop::begin_stream(const std::shared_ptr<Connection>& connection, std::shared_ptr<StreamBuffer> stream,
                          bool close) {
  // The same guard; from here on the stream is known by its address, which no other connection has.
  if (connection->departure.happened() || connection->phase != Phase::handling) return stream->abandon();
  connection->stream = std::move(stream);
  connection->phase = Phase::streaming;
  connection->close_after_output = connection->close_after_output || close;
  flush(connection);
}

void IoLoop::go_on(const std::shared_ptr<Connection>& connection,
                   const std::shared_ptr<StreamBuffer>& stream) {
  if (connection->stream == stream) flush(connection);
}

void IoLoop::end_stream(const std::shared_ptr<Connection>& connection,
                        const std::shared_ptr<StreamBuffer>& stream, bool complete) {
  if (connection->stream != stream) return;
  connection->work.reset();
  if (!complete) return reset(*connection);
  connection->phase = Phase::sending;
  flush(connection);
}

void IoLoop::write(const std::shared_ptr<Connection>& connection, std::string text, bool close) {
  connection->output = std::move(text);
  connection->sent = 0;
  connection->close_after_output = close;
  connection->phase = Phase::sending;
  connection->last_progress = Connection::Clock::now();
  flush(connection);
}

void IoLoop::flush(const std::shared_ptr<Connection>& connection) {
  if (connection->phase != Phase::sending && connection->phase != Phase::streaming) return;
  if (!send_output(*connection)) return;
  bool last = false;
  if (connection->stream && connection->stream->take(connection->output, last)) {
    connection->last_progress = Connection::Clock::now();  // the wait for the client begins only now
    if (!send_output(*connection)) return;
  }
  // A client that has the whole answer may send its next request before the sender comes to say `finish`.
  if (last) {
    connection->work.reset();
    connection->phase = Phase::sending;
  }
  watch_writes(*connection, false);
  // What was written to the stream meanwhile comes with a task of its own, after the other connections' turn.
  if (connection->phase == Phase::streaming) return;
  connection->stream.reset();
  connection->output = {};
  if (connection->close_after_output) {
    linger(*connection);
  } else {
    next_request(connection);
  }
}

/// False if the socket does not take all of it now, or the connection broke.
bool IoLoop::send_output(Connection& connection) {
  auto& output = connection.output;
  while (connection.sent < output.size()) {
    const auto count = ::send(connection.descriptor, output.data() + connection.sent,
                              output.size() - connection.sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      watch_writes(connection, true);
      return false;
    }
    if (count < 0) {
      cut(connection);
      return false;
    }
    connection.sent += static_cast<std::size_t>(count);
    connection.last_progress = Connection::Clock::now();
    if (connection.stream) connection.stream->sent(static_cast<std::size_t>(count));
  }
  output.clear();
  connection.sent = 0;
  return true;
}

void IoLoop::next_request(const std::shared_ptr<Connection>& connection) {
  connection->phase = Phase::receiving;
  if (connection->ahead.empty()) return;
  const std::string ahead = std::exchange(connection->ahead, {});
  std::string_view bytes = ahead;
  read_request(connection, bytes);
  keep_ahead(*connection, bytes);
}

void IoLoop::watch_writes(Connection& connection, bool on) {
  if (connection.watching_writes == on) return;
  connection.watching_writes = on;
  reactor()->modifyFd(key(), connection.descriptor, on ? NotifyOn::Read | NotifyOn::Write : NotifyOn::Read,
                      Pistache::Polling::Mode::Edge);
}

/// Closes our side only: were the socket closed with bytes of the client unread, the system would reset the
/// connection, and the client could lose the answer that tells it why.
void IoLoop::linger(Connection& connection) {
  if (core_->draining) return cut(connection);
  connection.phase = Phase::lingering;
  connection.ahead = {};
  ::shutdown(connection.descriptor, SHUT_WR);
}

void IoLoop::cut(Connection& connection) {
  connection.phase = Phase::closed;
  connection.share.clear();
  connection.ahead = {};
  connection.output = {};
  ::shutdown(connection.descriptor, SHUT_RDWR);
  if (const auto stream = std::exchange(connection.stream, nullptr)) stream->abandon();
}

/// For a client that does not take what we sent, or sends what we do not take: an orderly end would wait for
/// it. And for half an answer, which an orderly end would pass off as a whole one: the system resets a
/// connection whose socket is dissolved.
void IoLoop::reset(Connection& connection) {
  const sockaddr nobody{AF_UNSPEC, {}};
  [[maybe_unused]] const auto dissolved = ::connect(connection.descriptor, &nobody, sizeof nobody);
  cut(connection);
}

void IoLoop::begin_drain() {
  for (const auto& [descriptor, connection] : connections_) {
    if (connection->phase == Phase::receiving) {
      cut(*connection);
    } else {
      connection->must_close = true;
      connection->close_after_output = true;
    }
  }
}

void IoLoop::cancel_work() {
  for (const auto& [descriptor, connection] : connections_) {
    connection->cancel_work(CancelReason::stopping);
  }
}

void IoLoop::close_all(bool at_once) {
  for (const auto& [descriptor, connection] : connections_) {
    if (at_once) {
      reset(*connection);
    } else if (connection->phase != Phase::sending) {
      cut(*connection);
    }
  }
}

}  // namespace sightline::http
