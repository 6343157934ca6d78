#include "server/serving/embedding_cache.h"

#include <atomic>
#include <cmath>
#include <doctest/doctest.h>
#include <semaphore>
#include <thread>

#include "tests/serving/embedding_bench.h"

namespace sightline::serving {
namespace {

using namespace std::chrono_literals;

const Input k_picture{Modality::image, "picture:1"};
const std::string k_long_text = "longer than the model takes";

bool same(const Embedding& a, const Embedding& b) {
  return a.values == b.values && a.tokens == b.tokens && a.truncated == b.truncated && a.width == b.width &&
         a.height == b.height;
}

/// A service that keeps vectors.
struct CachingBench : Bench {
  explicit CachingBench(EmbeddingService::Options options = {}) : Bench(options, true, options.cache) {}
};

EmbeddingService::Options with_cache(std::size_t text_bytes, std::size_t picture_bytes) {
  EmbeddingService::Options options;
  options.cache = {text_bytes, picture_bytes};
  return options;
}

TEST_CASE("an input that comes again gets the same answer, from no preparation and no model") {
  CachingBench bench;
  bench.count_runs();
  std::atomic<int> prepared{0};
  bench.embedder->on_prepare = [&](auto) { ++prepared; };
  const std::vector<Input> inputs{{Modality::text, "a"}, {Modality::text, k_long_text}, k_picture};
  const Answer first = bench.send(inputs).get();
  REQUIRE(first.ok());
  EmbedOptions query;
  query.lane = Lane::query;
  const Answer second = bench.send(inputs, query).get();
  REQUIRE(second.ok());
  REQUIRE(second->size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(same((*first)[i], (*second)[i]));
  CHECK((*second)[1].truncated);
  CHECK((*second)[1].tokens == 16);
  CHECK((*second)[2].width == 4);
  CHECK(bench.ran == 3);
  CHECK(prepared == 1);
  CHECK(bench.observer.hits == 3);
  CHECK(bench.observer.misses == 3);
  CHECK(bench.observer.truncated == 1);
  CHECK(bench.service->kept(Modality::text).entries == 2);
  CHECK(bench.service->kept(Modality::image).entries == 1);
}

TEST_CASE("what is kept needs no place: it is answered at once while the queue is full") {
  EmbeddingService::Options options;
  options.queue.places.max_items = 2;
  options.queue.places.query_share = 0;
  CachingBench bench(options);
  REQUIRE(bench.send_texts({"a", "b"}).get().ok());
  bench.hold_model();
  auto running = bench.send_texts({"c", "d"});
  bench.gate.await_arrival();
  const Answer kept = bench.send_texts({"b", "a", "b"}).get();  // the gate is still closed
  REQUIRE(kept.ok());
  CHECK(kept->at(0).values == bench.embedder->expected("b"));
  CHECK(kept->at(1).values == bench.embedder->expected("a"));
  CHECK(bench.send_texts({"a", "e"}).get().error().code == ErrorCode::overloaded);
  bench.gate.open();
  CHECK(running.get().ok());
}

TEST_CASE("only what is not kept is computed, and answers stay in input order") {
  CachingBench bench;
  REQUIRE(bench.send({{Modality::text, "b"}, k_picture}).get().ok());
  bench.count_runs();
  const std::vector<Input> inputs{
      {Modality::text, "a"}, {Modality::text, "b"}, {Modality::image, "picture:2"}, k_picture, {Modality::text, "c"}};
  const Answer answer = bench.send(inputs).get();
  REQUIRE(answer.ok());
  REQUIRE(answer->size() == inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CHECK((*answer)[i].values == (inputs[i].modality == Modality::text
                                      ? bench.embedder->expected(inputs[i].bytes)
                                      : bench.embedder->expected_image(inputs[i].bytes)));
  }
  CHECK(bench.ran == 3);
}

TEST_CASE("beside kept neighbours a bad input is still called by its own position or name") {
  CachingBench bench;
  REQUIRE(bench.send_texts({"a", "b"}).get().ok());
  CHECK(bench.send_texts({"a", "b", "poison", "poison"}).get().error().message == "input 2: not UTF-8 at byte 0");
  const Answer named =
      bench.send({{Modality::text, "a", "query"}, {Modality::image, "no picture", "document 0"}}).get();
  REQUIRE_FALSE(named.ok());
  CHECK(named.error().message == "document 0: not a picture");
}

TEST_CASE("an input that a request has several times is computed once") {
  CachingBench bench;
  bench.count_runs();
  const Input cut{Modality::text, k_long_text};
  const Answer answer = bench.send({cut, k_picture, cut, k_picture}).get();
  REQUIRE(answer.ok());
  CHECK(same(answer->at(0), answer->at(2)));
  CHECK(same(answer->at(1), answer->at(3)));
  CHECK(answer->at(2).values == bench.embedder->expected(k_long_text));
  CHECK(bench.ran == 2);
  CHECK(bench.observer.hits == 2);
  CHECK(bench.observer.truncated == 1);  // the other one was counted where it was cut
}

TEST_CASE("errors are not kept, nor what is no unit vector") {
  CachingBench bench;
  bench.embedder->on_answer = [](auto& vectors) { vectors[0]->at(0) = NAN; };
  REQUIRE_FALSE(bench.send_texts({"a"}).get().ok());
  REQUIRE_FALSE(bench.send({k_picture}).get().ok());
  bench.embedder->on_answer = [](auto&) {};
  CHECK(bench.service->kept(Modality::text).entries == 0);
  CHECK(bench.service->kept(Modality::image).entries == 0);
  CHECK(bench.send_texts({"a"}).get()->front().values == bench.embedder->expected("a"));
  EmbedOptions uncut;
  uncut.truncate = models::Truncate::none;
  for (int i = 0; i < 2; ++i)
    CHECK(bench.send_texts({k_long_text}, uncut).get().error().code == ErrorCode::invalid_argument);
}

TEST_CASE("where a text is cut, and whether bytes are a text or a picture, tells vectors apart") {
  CachingBench bench;
  const std::string text = "0123456789ABCDEFGHIJ";
  EmbedOptions start, none;
  start.truncate = models::Truncate::start;
  none.truncate = models::Truncate::none;
  const Answer end = bench.send_texts({text}).get();
  const Answer beginning = bench.send_texts({text}, start).get();
  REQUIRE(beginning.ok());
  CHECK(end->front().values != beginning->front().values);
  CHECK_FALSE(bench.send_texts({text}, none).get().ok());
  const Answer both = bench.send({k_picture, {Modality::text, k_picture.bytes}}).get();
  REQUIRE(both.ok());
  CHECK(both->at(0).values == bench.embedder->expected_image(k_picture.bytes));
  CHECK(both->at(1).values == bench.embedder->expected(k_picture.bytes));
}

TEST_CASE("what one model made is nothing to another") {
  EmbeddingService::Options options;
  options.models = {{"one", {}}, {"two", {}}};
  CachingBench bench(options);
  REQUIRE(bench.send({{Modality::text, "a"}, k_picture}, {}, "one").get().ok());
  bench.count_runs();  // of the model that was loaded last
  REQUIRE(bench.send({{Modality::text, "a"}, k_picture}, {}, "two").get().ok());
  CHECK(bench.ran == 2);
}

TEST_CASE("a model that is loaded anew under its name is asked again") {
  EmbeddingService::Options options;
  options.fingerprint = [](const auto&) { return Result<std::string>("0123456789abcdef"); };
  CachingBench bench(options);
  REQUIRE(bench.send({{Modality::text, "a"}, k_picture}).get().ok());
  REQUIRE(bench.service->load_models().ok());
  bench.count_runs();
  REQUIRE(bench.send({{Modality::text, "a"}, k_picture}).get().ok());
  CHECK(bench.ran == 2);
}

TEST_CASE("vectors from before the watchdog found a model wrong are not used after") {
  const WithWatchdog on;
  CachingBench bench;
  ChangingModel model(bench, false);
  model.wrong = true;
  REQUIRE(bench.send_texts({"y"}).get()->front().values == bench.embedder->expected("something else"));
  model.ran.acquire();
  model.probe();
  if (bench.send_texts({"new"}).get().ok()) model.ran.acquire();  // it ran after the probe, so the verdict is in
  CHECK(bench.send_texts({"y"}).get().error().code == ErrorCode::internal);  // kept or not
  model.wrong = false;
  model.probe();
  while (bench.service->models().front().state != ModelState::ready) std::this_thread::yield();
  CHECK(bench.send_texts({"y"}).get()->front().values == bench.embedder->expected("y"));
}

TEST_CASE("the watchdog's probe runs, though a client has sent the same text") {
  const WithWatchdog on;
  CachingBench bench;
  const std::string probe_text = "a photo of a house";
  REQUIRE(bench.send_texts({probe_text}).get().ok());
  REQUIRE(bench.send_texts({probe_text}).get().ok());
  std::counting_semaphore<> ran{0};
  bench.embedder->on_embed = [&](auto) { ran.release(); };
  for (int i = 0; i < 3; ++i) {
    bench.timer.await_waiters(1);
    bench.timer.advance(10s);
    ran.acquire();
  }
}

TEST_CASE("requests are refused for the same reasons whether their vectors are kept or not") {
  EmbeddingService::Options options;
  options.max_request_pixels = 100;
  options.preparation.max_bytes = 1000;
  CachingBench bench(options);
  bench.embedder->cost = [](auto) { return models::PictureCost{500, 40}; };
  REQUIRE(bench.send({k_picture, {Modality::text, "a"}}).get().ok());
  CHECK(bench.send({k_picture, k_picture}).get().ok());
  CHECK(bench.send({k_picture, k_picture, k_picture}).get().error().message ==
        "input 2: the request's pictures up to this one have 120 pixels to decode; the limit is 100 "
        "(--max-request-pixels): send fewer in one request");
  bench.embedder->cost = [](auto) { return models::PictureCost{1001, 1}; };
  CHECK(bench.send({k_picture}).get().error().code == ErrorCode::too_large);
  bench.embedder->cost = [](auto) { return models::PictureCost(); };

  CHECK(bench.send({{Modality::text, "a"}}, {}, "clip").get().error().code == ErrorCode::not_found);
  EmbedOptions late;
  late.deadline = bench.timer.now();
  CHECK(bench.send_texts({"a"}, late).get().error().code == ErrorCode::deadline_exceeded);
  EmbedOptions left;
  left.cancellation = std::make_shared<Cancellation>();
  left.cancellation->cancel(CancelReason::client_left);
  CHECK(bench.send_texts({"a"}, left).get().error().code == ErrorCode::cancelled);
  bench.service->stop(Timer::TimePoint::max());
  CHECK(bench.send_texts({"a"}).get().error().code == ErrorCode::overloaded);
  CHECK(bench.send_texts({"a"}).get().error().message == bench.send_texts({"new"}).get().error().message);
}

TEST_CASE("memory stays within its bound, however many texts come and however long they are") {
  CachingBench bench(with_cache(4000, 4000));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(bench
                .send({{Modality::text, std::to_string(i) + std::string(100'000, 'x')},
                       {Modality::image, "picture:" + std::to_string(i) + std::string(100'000, 'x')}})
                .get()
                .ok());
  }
  for (const Modality modality : {Modality::text, Modality::image}) {
    const auto kept = bench.service->kept(modality);
    CHECK(kept.bytes <= 4000);
    CHECK(kept.entries > 1);
    CHECK(kept.entries * (sizeof(Embedding) + 8 * sizeof(float) + 32) < kept.bytes);
    CHECK(kept.evictions == 100 - kept.entries);
  }
}

TEST_CASE("each cache is switched off by no memory, and the other stays on") {
  for (const bool texts : {true, false}) {
    CachingBench bench(texts ? with_cache(1 << 20, 0) : with_cache(0, 1 << 20));
    bench.count_runs();
    for (int i = 0; i < 2; ++i) {
      const Input text{Modality::text, "a"};
      const Answer answer = bench.send({text, k_picture, text, k_picture}).get();
      REQUIRE(answer.ok());
      CHECK(answer->at(2).values == bench.embedder->expected("a"));
      CHECK(answer->at(3).values == bench.embedder->expected_image(k_picture.bytes));
    }
    CHECK(bench.ran == 5);  // one of those that are kept, twice two of the others
    CHECK(bench.observer.hits + bench.observer.misses == 4);
    CHECK(bench.service->kept(texts ? Modality::image : Modality::text).bytes == 0);
  }
}

TEST_CASE("requests of many threads for inputs that push each other out get what is theirs") {
  CachingBench bench(with_cache(1500, 1500));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 150; ++i) {
        const std::string name = std::to_string((i * (thread + 1)) % 7);
        const Input picture{Modality::image, "picture:" + name};
        const Answer answer = bench.send({{Modality::text, name}, picture, {Modality::text, "all"}}).get();
        wrong += !answer.ok() || answer->at(0).values != bench.embedder->expected(name) ||
                 answer->at(1).values != bench.embedder->expected_image(picture.bytes) ||
                 answer->at(2).values != bench.embedder->expected("all");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(bench.observer.hits > 0);
  CHECK(bench.service->kept(Modality::text).evictions > 0);
}

}  // namespace
}  // namespace sightline::serving
