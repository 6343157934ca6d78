#include "server/serving/watchdog.h"

#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "tests/serving/embedding_bench.h"
#include "tests/serving/thread_memory.h"

namespace sightline::serving {
namespace {

using namespace std::chrono_literals;

/// Lets time pass, and waits until the watchdog has looked and waits again.
void let_watchdog_look(ManualTimer& timer, Timer::Clock::duration after = 10s) {
  timer.await_waiters(1);
  const std::size_t waits = timer.waits();
  timer.advance(after);
  while (timer.waits() == waits) std::this_thread::yield();
}

/// What a watchdog with a limit of a minute reports.
struct Reports {
  EmbeddingService::Options options(std::chrono::milliseconds limit = 60s) {
    EmbeddingService::Options made;
    made.watchdog.interval = 10s;
    made.watchdog.limit = limit;
    made.watchdog.stuck = [this](const std::string& reason) {
      last = reason;
      ++count;
    };
    return made;
  }
  std::atomic<int> count{0};
  std::string last;
};

TEST_CASE("a model thread that finishes nothing while a probe waits is reported once") {
  const WithWatchdog on;
  Reports reports;
  Bench bench(reports.options());
  bench.hold_model();
  auto stuck = bench.send_texts({"stuck"});
  bench.gate.await_arrival();
  for (int i = 0; i < 6; ++i) let_watchdog_look(bench.timer);  // the first sends the probe
  CHECK(reports.count == 0);
  let_watchdog_look(bench.timer);
  REQUIRE(reports.count == 1);
  CHECK(reports.last == "the model thread hangs: a probe of model [hash] waits, and no step of a pass ended for 60 s");
  for (int i = 0; i < 10; ++i) let_watchdog_look(bench.timer);
  CHECK(reports.count == 1);
}

TEST_CASE("without memory a hanging model thread is reported at the same time") {
  const WithWatchdog on;
  Reports reports;
  auto options = reports.options();
  options.models = {{"a-model-whose-name-is-not-inside-its-string", {}}};
  Bench bench(options);
  bench.hold_model();
  auto stuck = bench.send({{Modality::text, "stuck"}}, {}, options.models.front().name);
  bench.gate.await_arrival();
  for (int i = 0; i < 3; ++i) let_watchdog_look(bench.timer);  // the first sends the probe
  const NoMemoryElsewhere none;
  for (int i = 0; i < 3; ++i) let_watchdog_look(bench.timer);
  CHECK(reports.count == 0);
  let_watchdog_look(bench.timer);
  REQUIRE(reports.count == 1);
  CHECK(reports.last == "a model hangs");
}

TEST_CASE("without a limit a hanging model thread is not reported") {
  const WithWatchdog on;
  Reports reports;
  Bench bench(reports.options(0ms));
  bench.hold_model();
  auto stuck = bench.send_texts({"stuck"});
  bench.gate.await_arrival();
  for (int i = 0; i < 20; ++i) let_watchdog_look(bench.timer);
  CHECK(reports.count == 0);
  CHECK(bench.service->problems().size() == 1);
}

TEST_CASE("a slow model is alive as long as its steps end, however long its probe waits") {
  const WithWatchdog on;
  Reports reports;
  Bench bench(reports.options());
  std::counting_semaphore<> may_step{0};
  std::atomic<std::size_t> at_step{0};
  std::atomic<bool> held{true};
  bench.embedder->steps = 1000;
  bench.embedder->on_step = [&](auto, std::size_t step) {
    at_step = step + 1;
    if (held) may_step.acquire();
  };
  EmbedOptions query;  // no other query runs between its steps
  query.lane = Lane::query;
  auto slow = bench.send_texts({"slow"}, query);
  const auto await_step = [&](std::size_t step) {
    while (at_step < step) std::this_thread::yield();
  };
  await_step(1);
  for (std::size_t step = 1; step <= 5; ++step) {
    for (int i = 0; i < 5; ++i) let_watchdog_look(bench.timer);  // 50 s per step
    may_step.release();
    await_step(step + 1);
  }
  CHECK(reports.count == 0);
  CHECK(bench.service->problems().size() == 1);  // it cannot keep up
  for (int i = 0; i < 7; ++i) let_watchdog_look(bench.timer);
  CHECK(reports.count == 1);  // now it hangs
  held = false;
  may_step.release();
  CHECK(slow.get().ok());
}

TEST_CASE("time in which the watchdog did not run either does not count") {
  const WithWatchdog on;
  Reports reports;
  Bench bench(reports.options());
  bench.hold_model();
  auto stuck = bench.send_texts({"stuck"});
  bench.gate.await_arrival();
  let_watchdog_look(bench.timer);
  let_watchdog_look(bench.timer, 10h);  // counts as 20 s
  for (int i = 0; i < 3; ++i) let_watchdog_look(bench.timer);
  CHECK(reports.count == 0);
  let_watchdog_look(bench.timer);
  CHECK(reports.count == 1);
}

TEST_CASE("a model that is loading holds the model thread without hanging") {
  Reports reports;
  auto options = reports.options();
  options.models = {{"first", {}}, {"second", {}}};
  options.cache = {0, 0};
  ManualTimer timer;
  CountingObserver observer;
  Gate loading;
  std::atomic<int> loads{0};
  auto service = EmbeddingService::create(
      options,
      [&](const models::Embedder::Options&) -> Result<std::unique_ptr<models::Embedder>> {
        if (++loads == 2) loading.pass();
        return std::unique_ptr<models::Embedder>(std::make_unique<HashEmbedder>());
      },
      timer, observer);
  REQUIRE(service.ok());
  auto loaded = std::async(std::launch::async, [&] { return (*service)->load_models().ok(); });
  loading.await_arrival();
  for (int i = 0; i < 20; ++i) let_watchdog_look(timer);
  CHECK(reports.count == 0);
  loading.open();
  CHECK(loaded.get());
  (*service)->stop(Timer::TimePoint::max());
}

}  // namespace
}  // namespace sightline::serving
