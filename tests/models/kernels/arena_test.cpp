#include "models/kernels/arena.h"

#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>

using sightline::models::kernels::Arena;

TEST_CASE("memory is aligned, apart, and the same again in the next frame") {
  Arena arena;
  void* first = nullptr;
  for (int pass = 0; pass < 3; ++pass) {
    const Arena::Frame frame(arena);
    auto* const a = static_cast<char*>(arena.take(100));
    auto* const b = static_cast<char*>(arena.take(1));
    CHECK(reinterpret_cast<std::uintptr_t>(a) % 64 == 0);
    CHECK(b - a >= 100);
    if (pass > 0) CHECK(a == first);
    first = a;
  }
}

TEST_CASE("what outgrows a block is one block from the next frame on") {
  Arena arena;
  constexpr std::size_t k_size = 3u << 20;
  {
    const Arena::Frame frame(arena);
    for (int i = 0; i < 4; ++i) std::memset(arena.take(k_size), i, k_size);
  }
  const std::size_t held = arena.bytes();
  CHECK(held >= 4 * k_size);
  {
    const Arena::Frame frame(arena);
    auto* const a = static_cast<char*>(arena.take(k_size));
    auto* const b = static_cast<char*>(arena.take(k_size));
    CHECK(b - a == k_size);
  }
  CHECK(arena.bytes() == held);
}

TEST_CASE("a frame within another leaves the outer one's memory alone") {
  Arena arena;
  const Arena::Frame outer(arena);
  auto* const kept = static_cast<char*>(arena.take(1000));
  std::memset(kept, 7, 1000);
  for (int i = 0; i < 3; ++i) {
    const Arena::Frame inner(arena);
    constexpr std::size_t k_more = 5u << 20;  // than the first block has
    std::memset(arena.take(k_more), 9, k_more);
  }
  for (int i = 0; i < 1000; ++i) REQUIRE(kept[i] == 7);
  auto* const next = static_cast<char*>(arena.take(10));
  CHECK(next - kept == 1024);
}
