#include "base/request_trace.h"

#include <doctest/doctest.h>
#include <numeric>
#include <thread>

#include "tests/base/manual_timer.h"

using namespace sightline;
using std::chrono::milliseconds;

namespace {

struct Bench {
  std::shared_ptr<RequestTrace> trace(milliseconds since_began = milliseconds(0)) {
    return std::make_shared<RequestTrace>(RequestFacts{}, timer.now() - since_began, now());
  }
  RequestTrace::Now now() {
    return [this] { return timer.now(); };
  }

  ManualTimer timer;
};

RequestFacts with_id(std::string id) {
  RequestFacts facts;
  facts.id = std::move(id);
  return facts;
}

double of(const RequestSummary& summary, Stage stage) {
  return summary.milliseconds[static_cast<std::size_t>(stage)];
}

double sum(const RequestSummary& summary) {
  return std::accumulate(summary.milliseconds.begin(), summary.milliseconds.end(), 0.0);
}

}  // namespace

TEST_CASE("the stages of a request add up to its time") {
  Bench bench;
  const auto trace = bench.trace(milliseconds(30));
  {
    const StageSpan waiting(trace, Stage::worker_wait);
    bench.timer.advance(milliseconds(5));
  }
  bench.timer.advance(milliseconds(1));
  StageSpan input(trace, Stage::prepare);
  bench.timer.advance(milliseconds(20));
  input.move_to(Stage::queue_wait);
  bench.timer.advance(milliseconds(3));
  input.move_to(Stage::forward);
  bench.timer.advance(milliseconds(200));
  CHECK(trace->summary().stage == Stage::forward);
  CHECK(trace->summary().status == 0);
  input.end();
  bench.timer.advance(milliseconds(2));
  trace->answered(200);
  bench.timer.advance(milliseconds(40));
  const auto summary = trace->summary();
  CHECK(summary.stage == Stage::write);
  CHECK(summary.status == 200);
  CHECK(of(summary, Stage::receive) == 30);
  CHECK(of(summary, Stage::worker_wait) == 5);
  CHECK(of(summary, Stage::handle) == 3);
  CHECK(of(summary, Stage::prepare) == 20);
  CHECK(of(summary, Stage::queue_wait) == 3);
  CHECK(of(summary, Stage::forward) == 200);
  CHECK(of(summary, Stage::write) == 40);
  CHECK(summary.age_ms == 301);
  CHECK(sum(summary) == 301);
}

TEST_CASE("a moment in which a request is in several stages counts once") {
  Bench bench;
  const auto trace = bench.trace();
  StageSpan slow(trace, Stage::preparation_wait), quick(trace, Stage::prepare);
  bench.timer.advance(milliseconds(1));
  quick.move_to(Stage::queue_wait);
  bench.timer.advance(milliseconds(10));  // one waits for a thread, the other for the model
  slow.move_to(Stage::prepare);
  quick.move_to(Stage::forward);
  bench.timer.advance(milliseconds(100));
  slow.move_to(Stage::queue_wait);
  quick.end();
  bench.timer.advance(milliseconds(1000));
  const auto summary = trace->summary();
  CHECK(of(summary, Stage::prepare) == 101);
  CHECK(of(summary, Stage::preparation_wait) == 10);
  CHECK(of(summary, Stage::queue_wait) == 1000);
  CHECK(of(summary, Stage::forward) == 0);
  CHECK(sum(summary) == summary.age_ms);
}

TEST_CASE("what still goes on after the answer counts as writing it, and a second answer changes nothing") {
  Bench bench;
  const auto trace = bench.trace();
  const StageSpan store(trace, Stage::store);
  bench.timer.advance(milliseconds(7));
  trace->answered(200);
  trace->answered(500);
  bench.timer.advance(milliseconds(9));
  CHECK(of(trace->summary(), Stage::store) == 7);
  CHECK(of(trace->summary(), Stage::write) == 9);
  CHECK(trace->summary().status == 200);
}

TEST_CASE("many threads may note stages of one request") {
  const auto trace = std::make_shared<RequestTrace>(RequestFacts{}, RequestTrace::Clock::now());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        StageSpan span(trace, Stage::endpoint);
        span.move_to(Stage::store);
        CHECK(trace->summary().age_ms >= 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto summary = trace->summary();
  CHECK(summary.stage == Stage::handle);
  CHECK(sum(summary) == doctest::Approx(summary.age_ms));
}

TEST_CASE("a span without a trace does nothing, and one that is moved leaves its stage once") {
  StageSpan none(nullptr, Stage::store);
  none.move_to(Stage::forward);
  none.end();
  Bench bench;
  const auto trace = bench.trace();
  {
    StageSpan first(trace, Stage::store);
    StageSpan second(std::move(first));
    StageSpan third;
    third = std::move(second);
    bench.timer.advance(milliseconds(2));
    CHECK(trace->summary().stage == Stage::store);
  }
  CHECK(trace->summary().stage == Stage::handle);
  CHECK(of(trace->summary(), Stage::store) == 2);
}

TEST_CASE("the scope of a thread names the request that it works for") {
  Bench bench;
  CHECK(current_trace() == nullptr);
  const auto outer = bench.trace(), inner = bench.trace();
  const TraceScope scope(outer);
  {
    const TraceScope nested(inner);
    CHECK(current_trace() == inner);
  }
  CHECK(current_trace() == outer);
}

TEST_CASE("the book lists open requests, the oldest first, and no more than are asked for") {
  Bench bench;
  const auto book = RequestBook::create({milliseconds(0), {}, bench.now()});
  bench.timer.advance(milliseconds(100));
  const auto late = book->open(with_id("late"), bench.timer.now());
  auto early = book->open(with_id("early"), bench.timer.now() - milliseconds(50));
  const auto listing = book->list(10);
  REQUIRE(listing.requests.size() == 2);
  CHECK(listing.requests[0].facts.id == "early");
  CHECK(listing.requests[0].age_ms == 50);
  CHECK(listing.requests[1].facts.id == "late");
  CHECK(book->list(1).requests.size() == 1);
  CHECK(book->list(1).total == 2);
  CHECK(book->list(10, late->trace().get()).requests.size() == 1);
  early.reset();
  CHECK(book->list(10).total == 1);
}

TEST_CASE("only requests that took as long as the limit are reported, once, when they end") {
  Bench bench;
  std::vector<std::string> reported;
  const auto report = [&](const RequestSummary& summary) {
    reported.push_back(summary.facts.id);
    CHECK(sum(summary) == summary.age_ms);
  };
  const auto book = RequestBook::create({milliseconds(500), report, bench.now()});
  auto slow = book->open(with_id("slow"), bench.timer.now());
  bench.timer.advance(milliseconds(1));
  auto quick = book->open(with_id("quick"), bench.timer.now());
  bench.timer.advance(milliseconds(499));
  slow->trace()->answered(200);
  CHECK(reported.empty());
  slow.reset();
  quick.reset();
  CHECK(reported == std::vector<std::string>{"slow"});
  const auto off = RequestBook::create({milliseconds(0), report, bench.now()});
  auto unseen = off->open(with_id("unseen"), bench.timer.now() - milliseconds(9999));
  unseen.reset();
  CHECK(reported.size() == 1);
}
