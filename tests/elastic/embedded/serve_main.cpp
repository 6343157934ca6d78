// A cluster without inference, for tests: the embedded store behind the rest layer on a port, with ingest
// pipelines kept beside it, and without the front.
//   embedded-store-serve FOLDER PORT
// Prints `listening on PORT` and serves until SIGINT or SIGTERM.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "server/elastic/embedded/embedded_store.h"
#include "server/elastic/inference/native_inference.h"
#include "server/elastic/pipelines/pipeline_api.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/elastic/writes/index_pipelines.h"
#include "server/http/server.h"

namespace {

using namespace sightline;

/// `_ingest/pipeline`, with its pipelines in a store of its own. Writes do not run them.
class Pipelines {
 public:
  Pipelines(elastic::Store& store, elastic::Store& documents, Timer& timer, http::Client& client)
      : executor_(client, timer, options()),
        endpoints_(store, timer, native_),
        pipelines_(store, timer),
        stubs_(store, timer),
        ingest_(pipelines_, endpoints_, executor_, store, native_),
        index_pipelines_(documents, timer),
        api_(pipelines_, ingest_, store, stubs_, [this](const elastic::Caller& caller) {
          return index_pipelines_.all(caller, "_all", "expand_wildcards=all");
        }) {
    api_.add_routes(router_);
  }

  std::optional<http::Response> try_handle(const http::Request& request) const { return router_.try_handle(request); }

 private:
  static elastic::InferenceExecutor::Options options() {
    elastic::InferenceExecutor::Options made;
    made.retry.random = [] { return 0.0; };
    return made;
  }

  elastic::NoNativeInference native_;
  elastic::InferenceExecutor executor_;
  elastic::Endpoints endpoints_;
  elastic::StoredPipelines pipelines_;
  elastic::PipelineStubs stubs_;
  elastic::IngestService ingest_;
  elastic::IndexPipelines index_pipelines_;
  elastic::PipelineApi api_;
  elastic::rest::Router router_;
};

int serve(const std::filesystem::path& folder, std::uint16_t port) {
  auto store = elastic::open_embedded_store(folder / "documents");
  auto own = elastic::open_embedded_store(folder / "pipelines");
  auto client = http::Client::create({});
  if (!store || !own || !client) {
    std::fprintf(stderr, "%s\n", (!store ? store.error() : !own ? own.error() : client.error()).message.c_str());
    return 1;
  }
  const auto timer = start_timer();
  const Pipelines pipelines(**own, **store, *timer, **client);
  const elastic::rest::RestLayer rest([&](http::Request&& request) {
    if (auto answer = pipelines.try_handle(request)) return std::move(*answer);
    return (*store)->handle(request);
  });
  http::Server::Options options;
  options.port = port;
  options.max_body_bytes = elastic::Limits().max_body_bytes;
  options.error_response = elastic::rest::error_response;
  auto server = http::Server::start(
      options, [&rest](http::Request&& request, http::Reply reply) { reply.send(rest(std::move(request))); });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("listening on %d\n", static_cast<int>((*server)->port()));
  std::fflush(stdout);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  int received = 0;
  sigwait(&signals, &received);
  (*server)->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: embedded-store-serve FOLDER PORT\n", stderr);
    return 2;
  }
  sigset_t signals;  // blocked before any thread is made, so that only sigwait takes them
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return serve(argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])));
}
