// cohere-stand-in: Cohere's embedding API on this machine, without Cohere. Its
// vectors are those of a model of the CLIP family, spread over as many numbers
// as Cohere's have. For tests and demos.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>

#include "models/embedder.h"
#include "server/http/server.h"
#include "tests/cohere/stand_in.h"

namespace sightline::cohere {
namespace {

/// One thread at a time has the model.
class ModelEmbedding {
 public:
  explicit ModelEmbedding(std::unique_ptr<models::Embedder> model) : model_(std::move(model)) {}

  Result<std::vector<StandIn::Embedded>> operator()(const std::vector<StandIn::Input>& inputs) {
    std::vector<models::Prepared> prepared;
    std::vector<StandIn::Embedded> embedded(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].picture) {
        auto image = model_->prepare_image(inputs[i].bytes);
        if (!image) return image.error();
        embedded[i].width = image->source_width;
        embedded[i].height = image->source_height;
        prepared.emplace_back(*std::move(image));
      } else {
        auto text = model_->prepare_text(inputs[i].bytes, models::Truncate::end);
        if (!text) return text.error();
        prepared.emplace_back(*std::move(text));
      }
    }
    const std::lock_guard lock(mutex_);
    auto vectors = model_->embed(prepared);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!vectors[i]) return vectors[i].error();
      embedded[i].values = *std::move(vectors[i]);
    }
    return embedded;
  }

 private:
  std::mutex mutex_;
  const std::unique_ptr<models::Embedder> model_;
};

/// Requests that get no answer, until their clients have left.
class Unanswered {
 public:
  void keep(http::Reply reply) {
    const std::lock_guard lock(mutex_);
    std::erase_if(replies_, [](const http::Reply& kept) { return kept.client_left(); });
    replies_.push_back(std::move(reply));
  }

 private:
  std::mutex mutex_;
  std::vector<http::Reply> replies_;
};

struct Arguments {
  models::Embedder::Options model;
  http::Server::Options http;
  StandIn::Options stand_in;
};

int serve(const Arguments& arguments, const sigset_t& ending) {
  auto model = models::Embedder::load(arguments.model);
  if (!model) {
    std::fprintf(stderr, "cohere-stand-in: %s\n", model.error().message.c_str());
    return 1;
  }
  ModelEmbedding embedding(*std::move(model));
  StandIn stand_in(arguments.stand_in, [&embedding](const auto& inputs) { return embedding(inputs); });
  Unanswered unanswered;
  auto server = http::Server::start(arguments.http, [&](http::Request&& request, http::Reply reply) {
    if (auto answer = stand_in.answer(request)) return reply.send(*std::move(answer));
    unanswered.keep(std::move(reply));
  });
  if (!server) {
    std::fprintf(stderr, "cohere-stand-in: %s\n", server.error().message.c_str());
    return 1;
  }
  std::fprintf(stderr, "cohere-stand-in: this is not Cohere; the vectors are those of %s\n",
               arguments.model.folder.c_str());
  std::printf("ready http://%s:%d\n", arguments.http.host.c_str(), (*server)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ending, &signal);
  (*server)->stop();
  return 0;
}

int run(int argc, char** argv) {
  Arguments arguments;
  arguments.model.threads = 1;
  arguments.http.drain_timeout = std::chrono::milliseconds(500);
  StandIn::Options& rules = arguments.stand_in;
  CLI::App app(
      "Stands in for Cohere's POST /v2/embed in tests and demos. It "
      "is not Cohere.",
      "cohere-stand-in");
  const auto rate = CLI::Range(0.0, 1.0);
  app.add_option("--model", arguments.model.folder, "Hugging Face folder of the model whose vectors are given")
      ->required();
  app.add_option("--host", arguments.http.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", arguments.http.port, "Port; 0: any free one, printed at the start");
  app.add_option("--key", rules.key, "The one API key that is let in; without: any");
  app.add_option("--rate-limited", rules.rate_limited, "Share of calls answered 429")->check(rate);
  app.add_option("--retry-after", rules.retry_after, "Seconds told with a 429")->check(CLI::Range(0, 3600));
  app.add_option("--unavailable", rules.unavailable, "Share of calls answered 503")->check(rate);
  app.add_option("--silent", rules.silent, "Share of calls never answered")->check(rate);
  app.add_option("--garbage", rules.garbage, "Share of calls answered with half a JSON")->check(rate);
  app.add_option("--fewer-vectors", rules.fewer_vectors, "Share of calls with a vector missing")->check(rate);
  app.add_option("--seed", rules.seed, "Of what fails")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);  // before any thread starts
  return serve(arguments, ending);
}

}  // namespace
}  // namespace sightline::cohere

int main(int argc, char** argv) {
  try {
    return sightline::cohere::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cohere-stand-in: stopped: %s\n", error.what());
    return 1;
  }
}
