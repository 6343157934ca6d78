#include "server/elastic/elastic_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "base/cancellation.h"
#include "server/elastic/backend.h"
#include "server/elastic/embedded/embedded_store.h"
#include "server/elastic/front.h"
#include "server/elastic/gateway/gateway.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/http/client.h"
#include "server/http/gauge.h"
#include "server/http/listening_socket.h"
#include "server/http/server.h"

namespace sightline::elastic {
namespace {

class EmbeddedBackend final : public Backend {
 public:
  explicit EmbeddedBackend(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  Store& store() override { return *store_; }
  NativeInference& native() override { return native_; }
  void handle(Front& front, http::Request request, http::Reply reply) override {
    reply.send(ask(front, std::move(request)));
  }
  http::Response ask(Front& front, http::Request request) override {
    const rest::RestLayer rest(
        [&](http::Request&& checked) {
          Outcome outcome = front.decide(std::move(checked));
          if (auto* const answer = std::get_if<http::Response>(&outcome)) return std::move(*answer);
          return store_->handle(std::get<http::Request>(outcome));
        },
        front.limits());
    return rest(std::move(request));
  }

 private:
  const std::unique_ptr<Store> store_;
  NoNativeInference native_;
};

Result<std::unique_ptr<Backend>> open(const ElasticServer::EmbeddedStore& local, const ElasticServer::Options& options,
                                      Timer&) {
  auto store = open_embedded_store(local.data_dir, std::chrono::steady_clock::now, options.limits, options.warn);
  if (!store) return store.error();
  return std::unique_ptr<Backend>(std::make_unique<EmbeddedBackend>(*std::move(store)));
}

Result<std::unique_ptr<Backend>> open(const ElasticServer::Cluster& cluster, const ElasticServer::Options& options,
                                      Timer& timer) {
  Cluster::Options access = cluster.access;
  access.warn = options.warn;
  auto gateway = Gateway::create(std::move(access), cluster.mode, timer, options.limits);
  if (!gateway) return gateway.error();
  return std::unique_ptr<Backend>(*std::move(gateway));
}

constexpr const char* k_stopping = "the server is stopping; retry the request later";

class Running : public ElasticServer {
 public:
  Running(std::unique_ptr<Timer> timer, std::unique_ptr<http::Client> client, std::unique_ptr<Backend> backend,
          std::optional<security::SecretBox> secret_box, InferenceExecutor::Options executor_options,
          const Limits& limits)
      : secret_box_(std::move(secret_box)),
        timer_(std::move(timer)),
        client_(std::move(client)),
        backend_(std::move(backend)),
        executor_(*client_, *timer_, std::move(executor_options)),
        front_(backend_->store(), backend_->native(), executor_, *timer_, secret_box_ ? &*secret_box_ : nullptr,
               limits) {}

  ~Running() override { Running::stop(timer_->now() + drain_timeout_); }

  Status listen(const Options& options) {
    records_models_ = std::holds_alternative<EmbeddedStore>(options.documents);
    http::Server::Options http;
    static_cast<http::ClientLimits&>(http) = options.clients;
    http.descriptor_parts = options.descriptor_parts;
    http.tls = options.tls;
    http.access_log = options.access_log;
    http.requests = options.requests;
    http.describe = options.describe;
    http.check_head = options.check_head;
    http.only_reads = only_reads;
    http.host = options.host;
    http.port = options.port;
    http.workers = options.workers;
    http.max_body_bytes = options.limits.max_body_bytes;
    http.max_buffered_bytes = std::max(http.max_buffered_bytes, http.max_body_bytes);  // one always has room
    http.max_buffered_bytes_per_client = std::max(http.max_buffered_bytes_per_client, http.max_body_bytes);
    http.max_waiting = options.limits.max_waiting_requests;
    http.urgent = is_urgent;
    http.drain_timeout = drain_timeout_ = options.drain_timeout;
    http.error_response = rest::error_response;
    auto server = http::Server::start(http, [this](http::Request&& request, http::Reply reply) {
      backend_->handle(front_, std::move(request), std::move(reply));
    });
    if (!server) return server.error();
    server_ = std::move(*server);
    first_look_ = std::thread([this] { look_behind(); });
    return {};
  }

  std::uint16_t port() const override { return server_->port(); }
  void handle(http::Request request, http::Reply reply) override {
    const Call call(calls_);
    if (stopping_) return reply.send(rest::error_response(503, k_stopping));
    backend_->handle(front_, std::move(request), std::move(reply));
  }
  http::Response ask(http::Request request) override {
    const Call call(calls_);
    if (stopping_) return rest::error_response(503, k_stopping);
    return backend_->ask(front_, std::move(request));
  }

  std::string problem() override { return backend_->store().problem(); }
  std::vector<RecordedModel> recorded_models() override {
    return records_models_ ? elastic::recorded_models(backend_->store()) : std::vector<RecordedModel>();
  }

  void stop() override { stop(timer_->now() + drain_timeout_); }

  void stop(std::chrono::steady_clock::time_point deadline) override {
    if (stopped_.exchange(true) || !server_) return;
    looking_->cancel(CancelReason::stopping);
    // Work that belongs to no request may wait, too, and what waits for the turn of such work.
    timer_->run_at(deadline, [this] { end_waiting(); });
    stopping_ = true;
    server_->stop(deadline);
    calls_.wait_for_zero(deadline);
    end_waiting();
    if (first_look_.joinable()) first_look_.join();
  }

 private:
  /// What it finds is for the log, and no request waits for it.
  void look_behind() noexcept {
    try {
      const CancellationScope scope(looking_);
      backend_->look_behind();
    } catch (...) {  // it was cancelled, or there was no memory for it
    }
  }

  /// One call of `handle` or `ask`; those that come once `stopping_` is set do nothing.
  class Call {
   public:
    explicit Call(http::Gauge& calls) : calls_(calls) { calls_.add(); }
    ~Call() { calls_.remove(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    http::Gauge& calls_;
  };

  void end_waiting() {
    front_.shut_down();
    executor_.shut_down();
    backend_->shut_down();
  }

  // Requests use all below; so the server goes first, and the executor before the client and the timer that
  // it uses.
  const std::optional<security::SecretBox> secret_box_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<Backend> backend_;
  InferenceExecutor executor_;
  Front front_;
  std::unique_ptr<http::Server> server_;
  const std::shared_ptr<Cancellation> looking_ = std::make_shared<Cancellation>();
  std::thread first_look_;
  std::chrono::milliseconds drain_timeout_{0};
  http::Gauge calls_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> stopped_ = false;
  bool records_models_ = false;
};

}  // namespace

bool ElasticServer::is_urgent(const http::Request& request) {
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  return reads && request.body.empty() && (request.path == "/" || request.path == "/_cluster/health");
}

std::string_view ElasticServer::command_of(const http::Request& request) {
  static constexpr std::array<std::string_view, 12> k_commands{"_search", "_msearch", "_bulk",      "_doc",
                                                               "_create", "_update",  "_inference", "_ingest",
                                                               "_count",  "_mget",    "_reindex",   "_update_by_query"};
  for (std::string_view rest = request.path; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const auto* const found = std::find(k_commands.begin(), k_commands.end(), part);
    if (found != k_commands.end()) return *found;
  }
  return "other";
}

bool ElasticServer::only_reads(const http::Request& request) {
  if (request.method == http::Method::get || request.method == http::Method::head) return true;
  const auto name = std::string_view(request.path).substr(request.path.rfind('/') + 1);
  for (const char* reading : {"_search", "_msearch", "_mget", "_count", "_analyze", "_field_caps", "_simulate"}) {
    if (name == reading) return true;
  }
  return false;
}

Status ElasticServer::check(const Options& options) {
  if (!options.secret_key_file.empty()) {
    if (const auto box = security::SecretBox::read(options.secret_key_file); !box) return box.error();
  }
  if (const auto* const local = std::get_if<EmbeddedStore>(&options.documents)) {
    if (Status free = check_store_folder(local->data_dir, options.warn); !free) return free;
  }
  return http::check_port(options.host, options.port);
}

Result<std::unique_ptr<ElasticServer>> ElasticServer::start(const Options& options) {
  std::optional<security::SecretBox> secret_box;
  if (!options.secret_key_file.empty()) {
    auto read = security::SecretBox::read(options.secret_key_file);
    if (!read) return read.error();
    secret_box = *std::move(read);
    if (options.warn && !secret_box->warning().empty()) options.warn(secret_box->warning());
  }
  auto timer = start_timer();
  auto backend = std::visit([&](const auto& documents) { return open(documents, options, *timer); }, options.documents);
  if (!backend) return backend.error();
  http::Client::Options access;
  access.also_trusted = options.trusted_certificates;
  access.check_address = options.check_endpoint_address;
  auto client = http::Client::create(access);
  if (!client) return client.error();
  InferenceExecutor::Options calls;
  calls.longest_call = options.limits.max_inference_timeout;
  calls.is_own_url = options.is_own_url;
  auto running = std::make_unique<Running>(std::move(timer), *std::move(client), *std::move(backend),
                                           std::move(secret_box), std::move(calls), options.limits);
  if (Status status = running->listen(options); !status) return status.error();
  return std::unique_ptr<ElasticServer>(std::move(running));
}

}  // namespace sightline::elastic
