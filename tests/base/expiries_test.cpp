#include "base/expiries.h"

#include <doctest/doctest.h>
#include <optional>
#include <string>
#include <vector>

#include "tests/base/manual_timer.h"

namespace sightline {
namespace {

using namespace std::chrono_literals;

struct Bench {
  Expiries::Registration add(std::chrono::seconds in, const std::string& name) {
    return expiries.add(timer.now() + in, [this, name] { expired.push_back(name); });
  }
  ManualTimer timer;
  Expiries expiries{timer};
  std::vector<std::string> expired;
};

TEST_CASE("what is not taken back is called at its time, in any order of adding") {
  Bench bench;
  const auto third = bench.add(30s, "third"), first = bench.add(10s, "first"), second = bench.add(20s, "second"),
             also_first = bench.add(10s, "also first");
  bench.timer.advance(9s);
  CHECK(bench.expired.empty());
  bench.timer.advance(1s);
  CHECK(bench.expired == std::vector<std::string>{"first", "also first"});
  const auto sooner = bench.add(1s, "sooner");
  bench.timer.advance(30s);
  CHECK(bench.expired == std::vector<std::string>{"first", "also first", "sooner", "second", "third"});
}

TEST_CASE("what is taken back is forgotten at once, however late its time is") {
  Bench bench;
  for (int i = 0; i < 1000; ++i) const auto done = bench.add(24h, "late");
  CHECK(bench.timer.waiting() == 1);
  const auto kept = std::make_shared<int>(1);
  {
    const auto registration = bench.expiries.add(bench.timer.now() + 1h, [kept] {});
    CHECK(kept.use_count() == 2);
  }
  CHECK(kept.use_count() == 1);
  bench.timer.advance(25h);
  CHECK(bench.expired.empty());
}

TEST_CASE("calls of the timer that are too early or too many change nothing") {
  Bench bench;
  std::vector<Expiries::Registration> late;
  for (int i = 100; i > 0; --i) late.push_back(bench.add(std::chrono::seconds(100 + i), std::to_string(i)));
  { const auto first = bench.add(1s, "taken back"); }
  bench.timer.advance(100s);
  CHECK(bench.expired.empty());
  bench.timer.advance(100s);
  CHECK(bench.expired.size() == 100);
  CHECK(bench.timer.waiting() == 0);
}

TEST_CASE("a function may take itself and others back") {
  ManualTimer timer;
  Expiries expiries(timer);
  std::optional<Expiries::Registration> own, other;
  int calls = 0;
  own.emplace(expiries.add(timer.now() + 1s, [&] {
    ++calls;
    own.reset();
    other.reset();
  }));
  other.emplace(expiries.add(timer.now() + 2s, [&] { ++calls; }));
  timer.advance(5s);
  CHECK(calls == 1);
}

}  // namespace
}  // namespace sightline
