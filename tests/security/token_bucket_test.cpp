#include "server/security/token_bucket.h"

#include <atomic>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

namespace sightline::security {
namespace {

using namespace std::chrono_literals;

const TokenBucket::Clock::time_point k_start{1h};

TEST_CASE("a burst of one second's worth passes, and then one per token that flows in") {
  TokenBucket bucket(2, k_start);
  CHECK_FALSE(bucket.take(k_start));
  CHECK_FALSE(bucket.take(k_start));
  CHECK(bucket.take(k_start) == 500ms);
  CHECK(bucket.take(k_start + 400ms) == 100ms);
  CHECK_FALSE(bucket.take(k_start + 500ms));
  CHECK(bucket.take(k_start + 500ms));
  // A long pause is worth no more than a second.
  int passed = 0;
  while (!bucket.take(k_start + 1h)) ++passed;
  CHECK(passed == 2);
}

TEST_CASE("a slow bucket holds one token, and the time it names is enough") {
  for (const double rate : {0.00001, 0.1, 0.3, 0.7, 1.0}) {
    CAPTURE(rate);
    TokenBucket bucket(rate, k_start);
    auto now = k_start;
    for (int i = 0; i < 5; ++i) {
      CHECK_FALSE(bucket.take(now));
      const auto wait = bucket.take(now);
      REQUIRE(wait);
      CHECK(std::chrono::duration<double>(*wait).count() == doctest::Approx(1 / rate).epsilon(0.001));
      now += *wait;
    }
  }
}

TEST_CASE("another rate keeps the tokens that fit, and times out of order add none") {
  TokenBucket bucket(100, k_start);
  bucket.set_rate(3, k_start);
  int passed = 0;
  while (!bucket.take(k_start)) ++passed;
  CHECK(passed == 3);
  bucket.set_rate(100, k_start);
  CHECK(bucket.take(k_start) == 10ms);
  CHECK(bucket.take(k_start - 1min) == 10ms);
}

TEST_CASE("threads share a bucket without a token too many") {
  TokenBucket bucket(1000, k_start);
  std::atomic<int> passed{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) passed += bucket.take(k_start) ? 0 : 1;
    });
  }
  threads.clear();
  CHECK(passed == 1000);
}

}  // namespace
}  // namespace sightline::security
