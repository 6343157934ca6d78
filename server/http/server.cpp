#include "server/http/server.h"

#include <algorithm>
#include <exception>
#include <netdb.h>
#include <pistache/reactor.h>
#include <sys/resource.h>

#include "server/http/client_network.h"
#include "server/http/content_encoding.h"
#include "server/http/io_loop.h"
#include "server/http/tls.h"

namespace sightline::http {
namespace {

using Clock = std::chrono::steady_clock;

/// After the drain: for work that was cancelled to end and to be answered, for what stands in the sockets'
/// buffers to be taken, and for the last connections to be closed. Two servers that stop one after the other
/// must end within a second of one deadline.
constexpr std::chrono::milliseconds k_cancel_time{150}, k_taking_time{150}, k_close_time{100};

std::string place(const Server::Options& options) {
  return place_of(options.host, options.port);
}

Status check(const Server::Options& options) {
  if (options.io_threads < 1 || options.workers < 1 || options.apart.workers < 1 || options.max_header_bytes < 1024 ||
      options.max_connections < 1 || options.max_connections_per_address < 1 || options.descriptor_parts < 1) {
    return Error{ErrorCode::invalid_argument,
                 "HTTP server on " + place(options) +
                     ": io_threads, workers, max_connections, max_connections_per_address and "
                     "descriptor_parts must be 1 or more, max_header_bytes 1024 or more"};
  }
  if (std::min({options.idle_timeout, options.header_timeout, options.receive_timeout, options.send_timeout}).count() <=
      0) {
    return Error{ErrorCode::invalid_argument,
                 "HTTP server on " + place(options) +
                     ": --idle-timeout, --header-timeout, --receive-timeout and --send-timeout must be above 0ms"};
  }
  const std::string host = bare_host(options.host);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int status = host.empty() ? EAI_NONAME : ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) {
    return Error{ErrorCode::invalid_argument, "cannot listen on " + place(options) + ": '" + host +
                                                  "' cannot be resolved (" + gai_strerror(status) +
                                                  "); use an address of this machine, 127.0.0.1 or 0.0.0.0"};
  }
  ::freeaddrinfo(found);
  return {};
}

/// Descriptors that are no connections: the log, the store, event loops, files that are being read.
constexpr std::size_t k_other_descriptors = 64;

/// As many connections as were asked for, but no more than this server's part of the open files.
std::size_t connections_within_limits(const Server::Options& options) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return options.max_connections;
  const std::size_t others = std::min<std::size_t>(k_other_descriptors, limit.rlim_cur / 2);
  const std::size_t part = (limit.rlim_cur - others) / static_cast<std::size_t>(options.descriptor_parts);
  return std::min(options.max_connections, std::max<std::size_t>(part, 1));
}

int status_of(const Error& error) {
  if (error.code == ErrorCode::too_large) return 413;
  if (error.code == ErrorCode::unsupported) return 415;
  return error.code == ErrorCode::overloaded ? 429 : 400;
}

/// Undoes the encoding of the body; false if the request is answered by now, as that was not possible.
bool unpack(const ServerCore& core, HandlerCall& call) {
  const auto decoded = decode_body(call.request, core.workshop_of(call.request).max_body_bytes,
                                   [&](std::size_t bytes) { return call.share.grow_to(bytes); });
  if (decoded) {
    call.share.shrink_to(call.request.body.size());
    return true;
  }
  call.reply.send(core.error(core.workshop_of(call.request), status_of(decoded.error()), decoded.error().message));
  return false;
}

/// What a worker does with one request.
void handle(const ServerCore& core, const Server::Handler& handler, HandlerCall&& call) {
  const CancellationScope scope(call.request.cancellation);
  const TraceScope trace(call.request.trace);
  call.stage.end();
  try {
    check_cancelled();  // it may have waited long for this worker
    if (!unpack(core, call)) return;
    // What may have changed something is told so, whether there is room or not: it must not end while its answer
    // is made. It is counted when it is sent.
    const Workshop& workshop = core.workshop_of(call.request);
    const bool may_refuse = !workshop.only_reads || workshop.only_reads(call.request);
    const AnswerScope answer(may_refuse ? AnswerShare(core.answers, network_of(call.request.peer)) : AnswerShare());
    call.reply.hold(std::move(call.share));
    handler(std::move(call.request), std::move(call.reply));
  } catch (...) {
    // The Reply was dropped on the way out, and has answered.
  }
}

/// What becomes of a request whose body takes long to unpack, before a worker gets it.
void unpack_first(const ServerCore& core, HandlerCall&& call) {
  const CancellationScope scope(call.request.cancellation);
  try {
    call.stage.end();
    check_cancelled();
    if (!unpack(core, call)) return;
    call.stage = StageSpan(call.request.trace, Stage::worker_wait);
    core.submit(call);
  } catch (...) {
    // As above.
  }
}

WorkerPool::Options pool_options(const Workshop& workshop) {
  return {workshop.workers, workshop.max_queued_requests, workshop.max_waiting};
}

class PistacheServer final : public Server {
 public:
  PistacheServer(const Options& options, WebGuard guard, Handler handler)
      : core_(std::make_shared<ServerCore>(options, std::move(guard))),
        run_([core = core_, handler = std::move(handler)](HandlerCall&& call) {
          handle(*core, handler, std::move(call));
        }),
        pool_(pool_options(options), run_),
        apart_pool_(options.is_apart ? pool_options(options.apart) : WorkerPool::Options{0, 0, 0}, run_),
        urgent_pool_({1, options.max_queued_requests, 0}, run_),
        unpackers_({1, options.max_queued_requests, 0},
                   [core = core_](HandlerCall&& call) { unpack_first(*core, std::move(call)); }) {
    core_->pool = &pool_;
    core_->apart_pool = &apart_pool_;
    core_->urgent_pool = &urgent_pool_;
    core_->unpackers = &unpackers_;
  }
  ~PistacheServer() override { PistacheServer::stop(); }

  /// Throws what Pistache throws.
  Status listen() {
    const auto& options = core_->options;
    auto socket = ListeningSocket::open(bare_host(options.host), options.port);
    if (!socket) return socket.error();
    core_->listening = *std::move(socket);
    port_ = core_->listening->port();
    reactor_ = Pistache::Aio::Reactor::create();
    reactor_->init(Pistache::Aio::AsyncContext(static_cast<std::size_t>(options.io_threads), "sightline-io"));
    reactor_->addHandler(std::make_shared<IoLoop>(core_, std::make_shared<LoopInput>()));
    reactor_->run();
    // Pistache loses a shutdown that comes before its threads run.
    core_->run_on_loops([](IoLoop&) {});
    running_ = true;
    return {};
  }

  std::uint16_t port() const override { return port_; }
  std::size_t in_flight() const override { return core_->in_flight.value(); }

  void stop() override { stop(Clock::now() + core_->options.drain_timeout); }

  void stop(Clock::time_point deadline) override {
    const std::lock_guard lock(stop_mutex_);
    if (!running_) return;
    running_ = false;
    core_->draining = true;
    // Once every loop has seen this, no further request gets in flight.
    core_->run_on_loops([](IoLoop& loop) { loop.begin_drain(); });
    if (!core_->in_flight.wait_for_zero(deadline)) {
      core_->run_on_loops([](IoLoop& loop) { loop.cancel_work(); });
      core_->in_flight.wait_for_zero(Clock::now() + k_cancel_time);
    }
    core_->run_on_loops([](IoLoop& loop) { loop.close_all(false); });
    core_->connections.wait_for_zero(std::max(deadline, Clock::now() + k_taking_time));
    core_->run_on_loops([](IoLoop& loop) { loop.close_all(true); });
    core_->connections.wait_for_zero(Clock::now() + k_close_time);
    unpackers_.stop();
    pool_.stop();
    apart_pool_.stop();
    urgent_pool_.stop();
    reactor_->shutdown();
    reactor_.reset();
    core_->listening.reset();
  }

 private:
  const std::shared_ptr<ServerCore> core_;
  const WorkerPool::Run run_;
  WorkerPool pool_;
  WorkerPool apart_pool_;
  WorkerPool urgent_pool_;
  WorkerPool unpackers_;  ///< one, so that large bodies leave the other cores to requests
  std::shared_ptr<Pistache::Aio::Reactor> reactor_;
  std::uint16_t port_ = 0;
  std::mutex stop_mutex_;
  bool running_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const Options& options, Handler handler) {
  if (const auto status = check(options); !status) return status.error();
  auto guard = WebGuard::create(bare_host(options.host), options.allowed_hosts, options.allowed_origins);
  if (!guard) return guard.error();
  Options bounded = options;
  bounded.max_connections = connections_within_limits(options);
  std::string why;
  try {
    auto server = std::make_unique<PistacheServer>(bounded, *std::move(guard), std::move(handler));
    const Status listening = server->listen();
    if (listening) return std::unique_ptr<Server>(std::move(server));
    why = listening.error().message;
  } catch (const std::exception& exception) {
    why = exception.what();
  }
  return cannot_listen(options.host, options.port, why);
}

}  // namespace sightline::http
