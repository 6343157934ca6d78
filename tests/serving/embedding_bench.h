// A service over a small model, driven without a network.
#pragma once

#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/serving/embedding_service.h"
#include "tests/base/manual_timer.h"
#include "tests/serving/hash_embedder.h"

namespace sightline::serving {

using Answer = Result<Embeddings>;

/// Counts what the cache of vectors has to say.
class CountingObserver final : public Observer {
 public:
  void inputs_looked_up(const std::string&, Modality, std::size_t found, std::size_t missed) override {
    hits += found;
    misses += missed;
  }
  void truncated_texts_reused(const std::string&, std::size_t count) override { truncated += count; }

  std::atomic<std::size_t> hits{0}, misses{0}, truncated{0};
};

/// A service with one model, "hash". It keeps no vectors unless `cache` says so: inputs reach the model.
class Bench {
 public:
  explicit Bench(EmbeddingService::Options options = {}, bool load = true, EmbeddingCache::Options cache = {0, 0}) {
    options.cache = cache;
    if (options.models.empty()) options.models = {{"hash", {}}};
    options.watchdog.interval = watchdog_interval;
    auto made = EmbeddingService::create(
        options,
        [this](const models::Embedder::Options&) -> Result<std::unique_ptr<models::Embedder>> {
          if (!load_error.message.empty()) return load_error;
          auto loaded = std::make_unique<HashEmbedder>();
          embedder = loaded.get();
          return std::unique_ptr<models::Embedder>(std::move(loaded));
        },
        timer, observer);
    REQUIRE(made.ok());
    service = *std::move(made);
    if (load) REQUIRE(service->load_models().ok());
  }
  ~Bench() {
    gate.open();
    service->stop(Timer::TimePoint::max());
  }

  std::future<Answer> send(std::vector<Input> inputs, EmbedOptions options = {}, std::string_view model = "hash") {
    const auto answer = std::make_shared<std::promise<Answer>>();
    service->embed(model, std::move(inputs), std::move(options),
                   [answer](Answer embeddings) { answer->set_value(std::move(embeddings)); });
    return answer->get_future();
  }
  std::future<Answer> send_texts(const std::vector<std::string>& texts, EmbedOptions options = {}) {
    std::vector<Input> inputs;
    for (const std::string& text : texts) inputs.push_back({Modality::text, text});
    return send(std::move(inputs), std::move(options));
  }
  void hold_model() {
    embedder->on_embed = [this](auto batch) {
      gate.pass();
      ran += batch.size();
    };
  }
  void count_runs() {
    embedder->on_embed = [this](auto batch) { ran += batch.size(); };
  }

  static inline std::chrono::milliseconds watchdog_interval{0};
  ManualTimer timer;
  CountingObserver observer;
  Error load_error;
  HashEmbedder* embedder = nullptr;
  Gate gate;
  std::atomic<std::size_t> ran{0};  // inputs that reached the model since hold_model or count_runs
  std::unique_ptr<EmbeddingService> service;
};

/// Turns the watchdog on for one test.
struct WithWatchdog {
  WithWatchdog() { Bench::watchdog_interval = std::chrono::seconds(10); }
  ~WithWatchdog() { Bench::watchdog_interval = std::chrono::seconds(0); }
};

/// Makes the model of a bench, whose watchdog is on, give another vector than before while `wrong`.
struct ChangingModel {
  ChangingModel(Bench& driven, bool wrong_at_first) : bench(driven), wrong(wrong_at_first) {
    bench.embedder->on_answer = [this](std::vector<Result<std::vector<float>>>& vectors) {
      if (wrong) vectors[0] = bench.embedder->expected("something else");
      ran.release();
    };
  }
  /// Lets the watchdog look, and waits until the model has run for it.
  void probe() {
    bench.timer.await_waiters(1);
    bench.timer.advance(std::chrono::seconds(10));
    ran.acquire();
  }

  Bench& bench;
  std::atomic<bool> wrong;
  std::counting_semaphore<> ran{0};  // released for each batch
};

}  // namespace sightline::serving
