#include "server/http/io_loop.h"

#include <algorithm>
#include <cerrno>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/free_memory.h"
#include "server/http/client_network.h"

namespace sightline::http {
namespace {

using Pistache::Polling::NotifyOn;
using Pistache::Polling::Tag;

constexpr std::size_t k_max_ahead_bytes = 16u << 10;
constexpr std::size_t k_read_bytes = 64u << 10;  ///< at a time
constexpr int k_reads_in_turn = 16;              ///< of one connection, before the others have theirs
constexpr int k_accepts_in_turn = 64;
/// A body that is read and thrown away, so that a refused client keeps its connection.
constexpr std::size_t k_short_body_bytes = 64u << 10;

/// How often the loop looks at its clocks.
std::chrono::milliseconds tick_period(const Server::Options& options) {
  const auto shortest = std::min({options.idle_timeout, options.header_timeout, options.receive_timeout,
                                  options.send_timeout, options.linger_time});
  return std::clamp(shortest / 4, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

/// True if the client has closed its side, whatever still waits to be read.
bool hung_up(int descriptor) {
  pollfd state{descriptor, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/// Bytes that lie in the socket and are not acknowledged.
std::uint64_t bytes_under_way(int descriptor) {
  int bytes = 0;
  return ::ioctl(descriptor, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

/// Bytes of answers that the client's side has acknowledged. TLS adds to those under way.
std::uint64_t taken_by_client(const Connection& connection) {
  return connection.written - std::min(connection.written, bytes_under_way(connection.descriptor));
}

/// Updates what the client has taken, and when it last took something.
std::uint64_t note_taken(Connection& connection, Connection::Clock::time_point now) {
  const auto taken = taken_by_client(connection);
  if (taken > connection.taken) {
    connection.taken = taken;
    connection.last_progress = now;
  }
  return taken;
}

/// This loop's part of a limit of the whole server.
std::size_t part_of(std::size_t limit, const ServerCore& core) {
  return std::max<std::size_t>(limit / std::max<std::size_t>(core.mailboxes.size(), 1), 1);
}

}  // namespace

// What Pistache calls must not throw: an exception in its thread ends the process.

void LoopInput::onConnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  try {
    static_cast<IoLoop*>(transport())->connected(peer);
  } catch (...) {
    // Out of memory. A connection that the loop does not know takes nothing in and gives nothing out.
    ::shutdown(peer->fd(), SHUT_RDWR);
  }
}

void LoopInput::onInput(const char*, size_t, const std::shared_ptr<Pistache::Tcp::Peer>&) {}

void LoopInput::onDisconnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  try {
    static_cast<IoLoop*>(transport())->disconnected(peer->fd());
  } catch (...) {
    // The connection is out of the table by then.
  }
}

IoLoop::IoLoop(std::shared_ptr<ServerCore> core, const std::shared_ptr<Pistache::Tcp::Handler>& input)
    : Transport(input), core_(std::move(core)), read_buffer_(k_read_bytes) {}

IoLoop::~IoLoop() {
  if (mailbox_) mailbox_->close();
  for (const auto& [descriptor, connection] : connections_.all()) {
    connection->gone = true;
    connection->cancel_work(CancelReason::client_left);
  }
  if (timer_ >= 0) ::close(timer_);
}

std::shared_ptr<Pistache::Aio::Handler> IoLoop::clone() const {
  auto loop = std::make_shared<IoLoop>(core_, std::make_shared<LoopInput>());
  loop->mailbox_ = std::make_shared<LoopMailbox>();
  core_->mailboxes.push_back(loop->mailbox_);
  if (core_->mailboxes.size() == 1) loop->listening_ = core_->listening->descriptor();
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
  for (const int descriptor : {timer_, mailbox_->descriptor(), listening_}) {
    if (descriptor < 0) continue;
    poller.addFd(descriptor, Pistache::Flags<NotifyOn>(NotifyOn::Read), Tag(static_cast<std::uint64_t>(descriptor)));
  }
}

void IoLoop::onReady(const Pistache::Aio::FdSet& events) {
  for (const auto& event : events) {
    try {
      handle(event);
    } catch (...) {
      // Out of memory: the connection at hand is lost; the others go on.
      const auto connection = connections_.find(static_cast<int>(event.getTag().value()));
      if (connection) cut(*connection);
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
  } else if (descriptor == listening_) {
    accept_waiting();
  } else if (const auto connection = connections_.find(descriptor)) {
    if (event.isWritable()) flush(connection);
    // TLS may have waited to write before it can read.
    if (event.isReadable() || event.isHangup() || (event.isWritable() && connection->tls)) receive(connection);
  } else {
    if (std::find(queues_.begin(), queues_.end(), tag) == queues_.end()) queues_.push_back(tag);
    pass_on(tag);
  }
}

/// Lets Pistache read the end of a stream, or empty one of its queues.
void IoLoop::pass_on(Tag tag) {
  Pistache::Polling::Event event(tag);
  event.flags = Pistache::Flags<NotifyOn>(NotifyOn::Read);
  std::vector<Pistache::Polling::Event> events{event};
  try {
    Transport::onReady(Pistache::Aio::FdSet(std::move(events)));
  } catch (...) {
    if (const auto connection = connections_.find(static_cast<int>(tag.value()))) cut(*connection);
  }
}

void IoLoop::run_tasks() {
  for (auto& task : mailbox_->take()) {
    try {
      task(*this);
    } catch (...) {
      // What belongs to one connection; the tasks of the others are run all the same.
    }
  }
}

void IoLoop::tick() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(timer_, &count, sizeof count);
  const auto now = Connection::Clock::now();
  for (const auto& [descriptor, connection] : connections_.all()) {
    try {
      check_time(connection, now);
    } catch (...) {
      cut(*connection);
    }
  }
  watch_accepts(true);
  // Pistache's queue of new connections can lose a wake-up (0.0.5; mended upstream in 2024): look again.
  const auto queues = queues_;
  for (const Tag tag : queues) {
    if (!connections_.find(static_cast<int>(tag.value()))) pass_on(tag);
  }
}

void IoLoop::check_time(const std::shared_ptr<Connection>& connection, Connection::Clock::time_point now) {
  switch (connection->phase) {
    case Phase::receiving:
      check_request_time(connection, now);
      break;
    case Phase::sending:
    case Phase::streaming:
      check_reply_time(*connection, now);
      break;
    case Phase::lingering:
      check_linger_time(*connection, now);
      break;
    case Phase::handling:
      if (now >= connection->answer_due) end_delay(connection);
      if (connection->answer_lost) reset(*connection);
      break;
    case Phase::closed:
      break;
  }
}

void IoLoop::check_request_time(const std::shared_ptr<Connection>& connection, Connection::Clock::time_point now) {
  const auto& options = core_->options;
  const auto still = now - connection->last_progress;
  if (connection->parser.idle()) {
    const bool handshake = connection->tls && !connection->tls->established();
    if (still > (handshake ? options.header_timeout : options.idle_timeout)) cut(*connection);
    return;
  }
  const bool in_head = connection->parser.state() == RequestParser::State::head;
  if (still > options.receive_timeout || (in_head && now - connection->request_began > options.header_timeout)) {
    refuse(connection, 408,
           in_head ? "the headers of the request did not arrive in time (--header-timeout); retry"
                   : "the request did not arrive in time (--receive-timeout); retry");
  } else if (!in_head && !connection->rate.holds(connection->parser.body_bytes(), now, options.min_transfer_rate,
                                                 options.receive_timeout)) {
    refuse(connection, 408,
           "the body arrives slower than " + std::to_string(options.min_transfer_rate) +
               " bytes per second (--min-transfer-rate); send it faster, or in smaller parts");
  }
}

/// What the client has taken is what it acknowledged: the socket takes bytes in large steps, and a slow client
/// could be busy for long with what lies there.
void IoLoop::check_reply_time(Connection& connection, Connection::Clock::time_point now) {
  if (connection.output.empty() && connection.interim.empty())
    return;  // it is the sender of a stream who is slow, not the client
  check_taking(connection, now);
}

/// The socket has the whole answer, and the client may still be taking it.
void IoLoop::check_linger_time(Connection& connection, Connection::Clock::time_point now) {
  // More than the end of the stream, which counts as one.
  if (bytes_under_way(connection.descriptor) > 1) return check_taking(connection, now);
  note_taken(connection, now);
  if (now - connection.last_progress > core_->options.linger_time) reset(connection);
}

void IoLoop::check_taking(Connection& connection, Connection::Clock::time_point now) {
  const auto& options = core_->options;
  const auto taken = note_taken(connection, now);
  if (now - connection.last_progress > options.send_timeout ||
      !connection.rate.holds(taken, now, options.min_transfer_rate, options.send_timeout)) {
    reset(connection);
  }
}

void IoLoop::accept_waiting() {
  for (int i = 0; i < k_accepts_in_turn; ++i) {
    int descriptor = -1;
    sockaddr_storage address{};
    const auto outcome = core_->listening->accept(descriptor, address);
    if (outcome == ListeningSocket::Outcome::none_waiting) return;
    if (outcome == ListeningSocket::Outcome::exhausted) {
      // Asked again at once, the system would say the same: wait until a connection is gone, or for a tick.
      make_room(nullptr);
      return watch_accepts(false);
    }
    const auto& mailboxes = core_->mailboxes;
    const auto& mailbox = mailboxes[static_cast<std::size_t>(descriptor) % mailboxes.size()];
    if (mailbox == mailbox_) {
      adopt(descriptor, address);
    } else {
      mailbox->post([descriptor, address](IoLoop& loop) { loop.adopt(descriptor, address); });
    }
  }
}

void IoLoop::watch_accepts(bool on) {
  if (listening_ < 0 || watching_accepts_ == on) return;
  watching_accepts_ = on;
  reactor()->modifyFd(key(), listening_, on ? NotifyOn::Read : NotifyOn::None, Pistache::Polling::Mode::Level);
}

void IoLoop::adopt(int descriptor, const sockaddr_storage& address) {
  try {
    auto copy = address;
    handleNewPeer(
        Pistache::Tcp::Peer::Create(descriptor, Pistache::Address::fromUnix(reinterpret_cast<sockaddr*>(&copy))));
  } catch (const std::exception&) {
    // Out of memory. Pistache may know the connection by now, and then closes it itself.
    if (const auto connection = connections_.find(descriptor)) {
      cut(*connection);
    } else {
      ::close(descriptor);
    }
  }
}

void IoLoop::connected(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  const auto& options = core_->options;
  const std::string host = peer->address().host();
  const auto connection = std::make_shared<Connection>(
      peer->fd(), host, network_of(host),
      RequestParser::Limits{options.max_header_bytes, options.max_body_bytes,
                            [&core = *core_](const Request& head) { return core.workshop_of(head).max_body_bytes; }},
      core_->bodies.of(network_of(host)));
  if (options.tls) connection->tls = options.tls->accept(connection->descriptor);
  const bool admitted = !core_->draining && admit(*connection);
  connections_.add(connection);
  core_->connections.add();
  if (!admitted)
    turn_away(*connection,
              "the maximum number of connections is reached (--max-connections, "
              "--max-connections-per-address), and all are busy; retry");
}

/// False if there is no room for a newcomer, and none can be made.
bool IoLoop::admit(const Connection& connection) {
  const auto& options = core_->options;
  if (connections_.of_network(connection.network) >= part_of(options.max_connections_per_address, *core_))
    return make_room(&connection.network);
  if (connections_.size() >= part_of(options.max_connections, *core_)) return make_room(nullptr);
  return true;
}

bool IoLoop::make_room(const std::string* network) {
  // Looking for them costs a look at all, so that a few are closed at a time.
  const std::size_t count = 1 + connections_.size() / 256;
  const auto chosen = connections_.least_needed(count, network);
  for (const auto& connection : chosen) {
    if (connection->phase == Phase::receiving && !connection->parser.idle()) {
      turn_away(*connection,
                "this connection is closed to accept others (--max-connections, "
                "--max-connections-per-address); retry the request, faster");
    } else {
      cut(*connection);
    }
  }
  return !chosen.empty();
}

/// Closes the connection with 503, as far as the socket takes that at once.
void IoLoop::turn_away(Connection& connection, const std::string& message) {
  if (!core_->draining) {
    const Framing framing{connection.parser.is_head(), connection.parser.http_1_0(), true};
    const std::string text = connection.interim + response_text(core_->error(core_->options, 503, message), framing);
    [[maybe_unused]] const auto sent = put(connection, text.data(), text.size());
  }
  cut(connection);
}

void IoLoop::disconnected(int descriptor) {
  const auto connection = connections_.remove(descriptor);
  if (!connection) return;
  core_->connections.remove();
  connection->phase = Phase::closed;
  connection->gone = true;
  connection->share.clear();
  free_memory(connection->interim);
  free_memory(connection->output);
  free_memory(connection->body_output);
  connection->answer_share.clear();
  connection->entry.reset();
  connection->cancel_work(CancelReason::client_left);
  if (const auto stream = std::exchange(connection->stream, nullptr)) stream->abandon();
  watch_accepts(true);
}

/// How many bytes may be read now. While a request is handled only few are kept that lie behind it: the rest
/// stays in the socket, and its client waits.
std::size_t IoLoop::room_for(const Connection& connection) const {
  const bool busy =
      connection.phase == Phase::handling || connection.phase == Phase::sending || connection.phase == Phase::streaming;
  if (!busy || connection.must_close) return read_buffer_.size();
  return k_max_ahead_bytes - std::min(k_max_ahead_bytes, connection.ahead.size());
}

void IoLoop::receive(const std::shared_ptr<Connection>& connection) {
  for (int i = 0; i < k_reads_in_turn; ++i) {
    const std::size_t room = room_for(*connection);
    connection->unread = room == 0;
    if (connection->unread) {
      if (hung_up(connection->descriptor)) cut(*connection);
      return;
    }
    const auto count = take(*connection, read_buffer_.data(), room);
    if (count > 0) {
      received(connection, {read_buffer_.data(), static_cast<std::size_t>(count)});
    } else if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      if (connection->tls) cut(*connection);  // what TLS has read Pistache cannot find again
      return pass_on(Tag(static_cast<std::uint64_t>(connection->descriptor)));
    } else if (errno != EINTR) {
      return;
    }
  }
  // There may be more, and the others have waited.
  receive_later(connection);
}

/// As recv(2), of what the client has sent.
ssize_t IoLoop::take(Connection& connection, char* buffer, std::size_t size) {
  if (!connection.tls || connection.phase == Phase::closed) return ::recv(connection.descriptor, buffer, size, 0);
  const auto transfer = connection.tls->read(buffer, size);
  switch (transfer.outcome) {
    case TlsSession::Outcome::done:
      return static_cast<ssize_t>(transfer.count);
    case TlsSession::Outcome::ended:
      return 0;
    case TlsSession::Outcome::wants_write:
      watch_writes(connection, true);
      [[fallthrough]];
    case TlsSession::Outcome::wants_read:
      errno = EAGAIN;
      return -1;
    case TlsSession::Outcome::no_tls:
      tell_of_tls(connection);
      [[fallthrough]];
    case TlsSession::Outcome::broken:
      break;
  }
  errno = EPROTO;
  return -1;
}

/// As send(2), to the client.
ssize_t IoLoop::put(Connection& connection, const char* bytes, std::size_t size) {
  if (!connection.tls) return ::send(connection.descriptor, bytes, size, MSG_NOSIGNAL);
  const auto transfer = connection.tls->write(bytes, size);
  if (transfer.outcome == TlsSession::Outcome::done) return static_cast<ssize_t>(transfer.count);
  const bool waits =
      transfer.outcome == TlsSession::Outcome::wants_read || transfer.outcome == TlsSession::Outcome::wants_write;
  errno = waits ? EAGAIN : EPIPE;
  return -1;
}

/// The answer to a client that speaks plain HTTP to a TLS port, as far as the socket takes it.
void IoLoop::tell_of_tls(const Connection& connection) {
  const Response response = core_->error(core_->options, 400, "this port requires TLS: use https:// in the URL");
  const std::string text = response_text(response, {false, false, true});
  [[maybe_unused]] const auto sent = ::send(connection.descriptor, text.data(), text.size(), MSG_NOSIGNAL);
}

/// Runs what one connection is due; if that throws, out of memory, the connection is reset: half an answer must not look
/// whole, nor its client wait for ever.
template <class Work>
void IoLoop::guard(const std::shared_ptr<Connection>& connection, const Work& work) {
  try {
    work();
  } catch (...) {
    reset(*connection);
  }
}

void IoLoop::receive_later(const std::shared_ptr<Connection>& connection) {
  mailbox_->post([connection](IoLoop& loop) {
    if (!connection->gone) loop.guard(connection, [&] { loop.receive(connection); });
  });
}

void IoLoop::received(const std::shared_ptr<Connection>& connection, std::string_view bytes) {
  if (connection->phase == Phase::receiving) {
    connection->last_progress = Connection::Clock::now();
    read_request(connection, bytes);
  }
  keep_ahead(*connection, bytes);
}

void IoLoop::read_request(const std::shared_ptr<Connection>& connection, std::string_view& bytes) {
  auto& parser = connection->parser;
  if (parser.idle()) connection->request_began = connection->last_progress;
  if (parser.state() == RequestParser::State::head && parser.feed_head(bytes) == RequestParser::State::body &&
      !accept_head(connection)) {
    return;
  }
  const auto state = parser.feed(bytes);
  if (state == RequestParser::State::failed) {
    refuse(connection, parser.status(), parser.message());
  } else if (!connection->share.grow_to(parser.held_bytes())) {
    refuse(connection, 429, k_bodies_full);
  } else if (state == RequestParser::State::complete) {
    dispatch(connection);
  } else if (parser.expects_continue()) {
    static constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";
    connection->interim = k_continue;
    parser.continue_sent();
    flush(connection);
  }
}

/// Judges a head that was just read; false if the request is answered by now. A short body is read all the
/// same, so that the connection can go on.
bool IoLoop::accept_head(const std::shared_ptr<Connection>& connection) {
  auto& parser = connection->parser;
  connection->rate.begin(0, connection->last_progress);
  parser.set_peer(connection->peer);
  connection->share = BufferShare(core_->budget_of(parser.request(), connection->network));
  connection->head_answer = core_->judge(parser.request());
  if (!connection->head_answer) return true;
  const auto to_come = parser.bytes_to_come();
  if (!parser.expects_continue() && to_come && *to_come <= k_short_body_bytes) return true;
  connection->head_answer->close = true;
  give_head_answer(connection);
  return false;
}

/// Answers the request at hand by what its head decided, at once or after the delay.
void IoLoop::give_head_answer(const std::shared_ptr<Connection>& connection) {
  auto& parser = connection->parser;
  auto& answer = *connection->head_answer;
  const Framing framing{parser.is_head(), parser.http_1_0(), answer.close || !parser.keep_alive()};
  connection->must_close = framing.close;
  connection->close_after_output = framing.close;
  connection->phase = Phase::handling;
  connection->share.clear();
  const auto delay = std::exchange(answer.delay, {});
  AccessNote note(core_->options, parser.take());
  note.write(core_->options, answer.response.status, answer.response.body.size(), answer.response.sent);
  connection->output = response_text(answer.response, framing);
  if (delay.count() > 0) {
    connection->answer_due = Connection::Clock::now() + delay;
    return;
  }
  // By the mailbox: requests sent ahead that are all answered so would call each other without end.
  mailbox_->post([connection](IoLoop& loop) { loop.guard(connection, [&] { loop.end_delay(connection); }); });
}

void IoLoop::end_delay(const std::shared_ptr<Connection>& connection) {
  if (connection->phase != Phase::handling || !std::exchange(connection->head_answer, std::nullopt)) return;
  connection->answer_due = Connection::Clock::time_point::max();
  write(connection, std::exchange(connection->output, {}), connection->close_after_output);
}

/// Takes the bytes that lie behind the request at hand: keeps them, or throws them away if it is the last.
void IoLoop::keep_ahead(Connection& connection, std::string_view bytes) {
  if (bytes.empty() || connection.phase == Phase::closed) return;
  if (!connection.must_close && connection.phase != Phase::lingering) {
    connection.ahead.append(bytes);
    return;
  }
  free_memory(connection.ahead);
  // Read and thrown away, so that a client in the middle of a body that was refused comes to read the refusal.
  // Not for ever.
  connection.thrown_away += bytes.size();
  const auto longest_body = std::max(core_->options.max_body_bytes, core_->options.apart.max_body_bytes);
  if (connection.thrown_away > longest_body + k_max_ahead_bytes) reset(connection);
}

void IoLoop::dispatch(const std::shared_ptr<Connection>& connection) {
  if (connection->head_answer) return give_head_answer(connection);
  auto& parser = connection->parser;
  const Framing framing{parser.is_head(), parser.http_1_0(), !parser.keep_alive()};
  connection->must_close = framing.close;
  connection->close_after_output = framing.close;
  connection->phase = Phase::handling;
  connection->work = std::make_shared<Cancellation>();
  Request request = parser.take();
  request.cancellation = connection->work;
  StageSpan waiting;
  if (core_->options.requests) {
    connection->entry = core_->options.requests->open(core_->facts_of(request), connection->request_began);
    request.trace = connection->entry->trace();
    waiting = StageSpan(request.trace, Stage::worker_wait);
  }
  Reply reply(std::make_shared<Reply::Channel>(core_, mailbox_, connection, request, framing));
  HandlerCall call{std::move(request), std::move(reply),
                   std::exchange(connection->share, BufferShare(core_->bodies.of(connection->network))),
                   std::move(waiting)};
  core_->submit(call);
}

/// Answers what is wrong with the request and reads nothing more from this client.
void IoLoop::refuse(const std::shared_ptr<Connection>& connection, int status, const std::string& message) {
  const Framing framing{connection->parser.is_head(), connection->parser.http_1_0(), true};
  const Response response = core_->error(core_->workshop_of(connection->parser.request()), status,
                                         message);  // the message may be the parser's
  connection->share.clear();
  connection->head_answer.reset();
  connection->parser.set_peer(connection->peer);
  AccessNote note(core_->options, connection->parser.take());
  note.write(core_->options, status, response.body.size());
  connection->must_close = true;
  write(connection, response_text(response, framing), true);
}

void IoLoop::deliver(const std::shared_ptr<Connection>& connection, std::string head, std::string body,
                     AnswerShare share, bool close) {
  // The guard against replies to the wrong client: once the connection is gone, its descriptor is someone
  // else's.
  if (connection->gone || connection->phase != Phase::handling) return;
  connection->work.reset();
  connection->body_output = std::move(body);
  connection->answer_share = std::move(share);
  guard(connection, [&] { write(connection, std::move(head), close || connection->close_after_output); });
}

void IoLoop::begin_stream(const std::shared_ptr<Connection>& connection, std::shared_ptr<StreamBuffer> stream,
                          bool close) {
  // The same guard; from here on the stream is known by its address, which no other connection has.
  if (connection->gone || connection->phase != Phase::handling) return stream->abandon();
  connection->stream = std::move(stream);
  connection->phase = Phase::streaming;
  begin_sending(*connection);
  connection->close_after_output = connection->close_after_output || close;
  guard(connection, [&] { flush(connection); });
}

void IoLoop::go_on(const std::shared_ptr<Connection>& connection, const std::shared_ptr<StreamBuffer>& stream) {
  if (connection->stream == stream) guard(connection, [&] { flush(connection); });
}

void IoLoop::end_stream(const std::shared_ptr<Connection>& connection, const std::shared_ptr<StreamBuffer>& stream,
                        bool complete) {
  if (connection->stream != stream) return;
  connection->work.reset();
  if (!complete) return reset(*connection);
  connection->phase = Phase::sending;
  guard(connection, [&] { flush(connection); });
}

void IoLoop::write(const std::shared_ptr<Connection>& connection, std::string text, bool close) {
  connection->output = std::move(text);
  connection->sent = 0;
  connection->close_after_output = close;
  connection->phase = Phase::sending;
  begin_sending(*connection);
  flush(connection);
}

/// The wait for the client begins.
void IoLoop::begin_sending(Connection& connection) {
  connection.last_progress = Connection::Clock::now();
  connection.taken = taken_by_client(connection);
  connection.rate.begin(connection.taken, connection.last_progress);
}

void IoLoop::flush(const std::shared_ptr<Connection>& connection) {
  if (!send_interim(*connection)) return;
  if (connection->phase != Phase::sending && connection->phase != Phase::streaming) return;
  if (!send_output(*connection)) return;
  if (!connection->body_output.empty()) {
    connection->output = std::exchange(connection->body_output, {});
    if (!send_output(*connection)) return;
  }
  connection->answer_share.clear();
  bool last = false;
  if (connection->stream && connection->stream->take(connection->output, last)) {
    begin_sending(*connection);
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
  free_memory(connection->output);
  connection->entry.reset();
  if (connection->close_after_output) {
    linger(*connection);
    if (connection->unread) receive_later(connection);
  } else {
    next_request(connection);
  }
}

/// As `put`, but 0 if the socket takes nothing now (there will be an event), or the connection broke (it is cut).
std::size_t IoLoop::put_or_wait(Connection& connection, std::string_view bytes) {
  ssize_t count = -1;
  do {
    count = put(connection, bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  if (count >= 0) {
    connection.written += static_cast<std::uint64_t>(count);
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    watch_writes(connection, true);
  } else {
    cut(connection);
  }
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

/// False if the socket does not take all of it now, or the connection broke. TLS may have encrypted what the socket
/// does not take, so these bytes go out before any others.
bool IoLoop::send_interim(Connection& connection) {
  auto& interim = connection.interim;
  while (!interim.empty()) {
    const std::size_t count = put_or_wait(connection, interim);
    if (count == 0) return false;
    interim.erase(0, count);
  }
  return true;
}

/// False if the socket does not take all of it now, or the connection broke.
bool IoLoop::send_output(Connection& connection) {
  auto& output = connection.output;
  while (connection.sent < output.size()) {
    const std::size_t count = put_or_wait(connection, std::string_view(output).substr(connection.sent));
    if (count == 0) return false;
    connection.sent += count;
    connection.last_progress = Connection::Clock::now();
    if (connection.stream) connection.stream->sent(count);
  }
  output.clear();
  connection.sent = 0;
  return true;
}

void IoLoop::next_request(const std::shared_ptr<Connection>& connection) {
  connection->phase = Phase::receiving;
  if (!connection->ahead.empty()) {
    const std::string ahead = std::exchange(connection->ahead, {});
    std::string_view bytes = ahead;
    read_request(connection, bytes);
    keep_ahead(*connection, bytes);
  }
  if (connection->unread) receive_later(connection);
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
  free_memory(connection.ahead);
  if (connection.tls) connection.tls->end();
  ::shutdown(connection.descriptor, SHUT_WR);
}

void IoLoop::cut(Connection& connection) {
  connections_.retire(connection);
  if (connection.tls && connection.phase == Phase::receiving) connection.tls->end();
  connection.phase = Phase::closed;
  connection.share.clear();
  free_memory(connection.ahead);
  free_memory(connection.interim);
  free_memory(connection.output);
  free_memory(connection.body_output);
  connection.answer_share.clear();
  connection.entry.reset();
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
  for (const auto& [descriptor, connection] : connections_.all()) {
    if (connection->phase == Phase::receiving) {
      cut(*connection);
    } else {
      connection->must_close = true;
      connection->close_after_output = true;
    }
  }
}

void IoLoop::cancel_work() {
  for (const auto& [descriptor, connection] : connections_.all()) {
    connection->cancel_work(CancelReason::stopping);
  }
}

void IoLoop::close_all(bool at_once) {
  for (const auto& [descriptor, connection] : connections_.all()) {
    if (at_once) {
      reset(*connection);
    } else if (connection->phase != Phase::sending) {
      cut(*connection);
    }
  }
}

}  // namespace sightline::http
