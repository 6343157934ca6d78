#include <cstdint>
#include <doctest/doctest.h>
#include <new>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>

namespace sightline::json {

constexpr std::size_t k_more_than_there_is = SIZE_MAX / 4;

TEST_CASE("RapidJSON without memory throws, and writes to no null pointer") {
  rapidjson::CrtAllocator plain;
  CHECK_THROWS_AS(plain.Malloc(k_more_than_there_is), std::bad_alloc);
  void* const kept = plain.Malloc(16);
  CHECK_THROWS_AS(plain.Realloc(kept, 16, k_more_than_there_is), std::bad_alloc);
  rapidjson::CrtAllocator::Free(kept);
  rapidjson::MemoryPoolAllocator<> pool;
  CHECK_THROWS_AS(pool.Malloc(k_more_than_there_is), std::bad_alloc);
  rapidjson::StringBuffer buffer;
  CHECK_THROWS_AS(buffer.Push(k_more_than_there_is), std::bad_alloc);
  rapidjson::Document document;
  CHECK_THROWS_AS(document.SetArray().Reserve(1u << 31, pool), std::bad_alloc);
}

}  // namespace sightline::json
