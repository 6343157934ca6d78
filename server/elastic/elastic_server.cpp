#include "server/elastic/elastic_server.h"

#include <atomic>
#include <chrono>
#include <random>
#include <utility>

#include "server/elastic/front.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/local/local_store.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/http/client.h"
#include "server/http/server.h"

namespace sightline::elastic {
namespace {

constexpr std::chrono::milliseconds k_drain_timeout{10'000};

/// A number in [0, 1), from any thread.
double random_fraction() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

class Running : public ElasticServer {
 public:
  Running(std::unique_ptr<Store> store, std::unique_ptr<Timer> timer, std::unique_ptr<http::Client> client)
      : store_(std::move(store)),
        timer_(std::move(timer)),
        client_(std::move(client)),
        executor_(*client_, *timer_, executor_options()),
        front_(*store_, native_, executor_, *timer_),
        rest_([this](http::Request&& request) { return answer(std::move(request)); }) {}

  ~Running() override { stop(); }

  Status listen(const Options& options) {
    http::Server::Options http;
    http.host = options.host;
    http.port = options.port;
    http.workers = options.workers;
    http.max_body_bytes = options.max_body_bytes;
    http.drain_timeout = k_drain_timeout;
    http.error_response = rest::error_response;
    auto server = http::Server::start(
        http, [this](http::Request&& request, http::Reply reply) { reply.send(rest_(std::move(request))); });
    if (!server) return server.error();
    server_ = std::move(*server);
    return {};
  }

  std::uint16_t port() const override { return server_->port(); }

  void stop() override {
    if (stopped_.exchange(true) || !server_) return;
    // A request may wait on an inference server that never answers; the drain must end all the same.
    timer_->run_at(timer_->now() + k_drain_timeout, [this] { executor_.shut_down(); });
    server_->stop();
    executor_.shut_down();
  }

 private:
  http::Response answer(http::Request request) {
    Outcome outcome = front_.decide(std::move(request));
    if (auto* response = std::get_if<http::Response>(&outcome)) return std::move(*response);
    return store_->handle(std::get<http::Request>(outcome));
  }

  static InferenceExecutor::Options executor_options() {
    InferenceExecutor::Options options;
    options.random = random_fraction;
    return options;
  }

  // Requests use all below; so the server goes first, and the executor before the client and the timer that
  // it uses.
  std::unique_ptr<Store> store_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<http::Client> client_;
  NoNativeInference native_;
  InferenceExecutor executor_;
  Front front_;
  rest::RestLayer rest_;
  std::unique_ptr<http::Server> server_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<ElasticServer>> ElasticServer::start(const Options& options) {
  auto store = open_local_store(options.data_dir);
  if (!store) return store.error();
  auto client = http::Client::create({});
  if (!client) return client.error();
  auto running = std::make_unique<Running>(std::move(*store), start_timer(), std::move(*client));
  if (Status status = running->listen(options); !status) return status.error();
  return std::unique_ptr<ElasticServer>(std::move(running));
}

}  // namespace sightline::elastic
