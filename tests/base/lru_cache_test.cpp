#include "base/lru_cache.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

namespace sightline {
namespace {

using Texts = LruCache<std::string>;

void put(Texts& cache, const std::string& key, std::size_t bytes) {
  cache.put(key, std::make_shared<const std::string>(bytes, 'x'), bytes);
}

}  // namespace

TEST_CASE("what was used last stays, within the bytes") {
  Texts cache(20'000);
  put(cache, "a", 6000);
  put(cache, "b", 6000);
  put(cache, "c", 6000);
  CHECK(cache.get("a"));
  CHECK(cache.stats().evictions == 0);
  put(cache, "d", 6000);
  CHECK(cache.get("a"));
  CHECK_FALSE(cache.get("b"));
  CHECK(cache.get("d")->size() == 6000);
  CHECK(cache.stats().bytes <= 20'000);
  CHECK(cache.stats().entries == 3);
  CHECK(cache.stats().evictions == 1);
  put(cache, "d", 10);
  CHECK(cache.get("d")->size() == 10);
  CHECK(cache.stats().entries == 3);
  CHECK(cache.stats().evictions == 1);  // what is replaced makes no room for another
}

TEST_CASE("what is larger than the whole cache is not kept, and removes nothing") {
  Texts cache(20'000);
  put(cache, "a", 10);
  put(cache, "large", 20'000);
  put(cache, std::string(20'000, 'k'), 0);
  CHECK_FALSE(cache.get("large"));
  CHECK(cache.get("a"));
  Texts none(0);
  put(none, "a", 1);
  CHECK_FALSE(none.get("a"));
  CHECK(none.stats().bytes == 0);
}

TEST_CASE("keys, and what holding an entry takes, count") {
  Texts cache(1 << 20);
  put(cache, std::string(1000, 'k'), 0);
  CHECK(cache.stats().bytes > 1000 + sizeof(std::string));
  for (int i = 0; i < 100'000; ++i) put(cache, std::to_string(i), 0);
  CHECK(cache.stats().entries < (1 << 20) / 150);  // about what list, table and shared pointer take
}

TEST_CASE("several threads may use it; what was found stays readable when it is removed") {
  Texts cache(3000);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const std::string key = std::to_string(i % 10);
        if (const auto found = cache.get(key)) CHECK(*found == std::string(500, 'x'));
        put(cache, key, 500);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(cache.stats().bytes <= 3000);
  CHECK(cache.stats().evictions > 0);
}

}  // namespace sightline
