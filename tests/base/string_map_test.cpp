#include "base/string_map.h"

#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <string>
#include <unordered_set>

namespace sightline {
namespace {

/// A text of 16 bytes for each `number`, all with the same hash in libstdc++'s std::hash, MurmurHash2 with a fixed seed:
/// the second half is the one that takes the state behind the first to the same end.
std::string colliding(std::uint64_t number) {
  constexpr std::uint64_t k_factor = 0xC6A4A7935BD1E995, k_seed = 0xC70F6907, k_end = 0x1234567890ABCDEF;
  std::uint64_t inverse = k_factor;  // modulo 2^64; each step doubles the bits that are right
  for (int i = 0; i < 6; ++i) inverse *= 2 - k_factor * inverse;
  const auto mix = [](std::uint64_t value) { return value ^ (value >> 47); };
  const std::uint64_t state = ((k_seed ^ (16 * k_factor)) ^ (mix(number * k_factor) * k_factor)) * k_factor;
  const std::uint64_t second = mix((state ^ (k_end * inverse)) * inverse) * inverse;
  std::string text(16, '\0');
  std::memcpy(text.data(), &number, 8);
  std::memcpy(text.data() + 8, &second, 8);
  return text;
}

}  // namespace

TEST_CASE("keys are found by views of them, and without copies") {
  StringMap<int> map;
  map["one"] = 1;
  CHECK(map.find(std::string_view("one"))->second == 1);
  CHECK_FALSE(map.contains(std::string_view("two")));
  const std::string key = "kept elsewhere";
  StringViewMap<int> views;
  views[key] = 2;
  CHECK(views.at("kept elsewhere") == 2);
}

TEST_CASE("keys that were chosen to have one hash have different ones") {
  const std::hash<std::string> known;
  const StringHash hash;
  std::unordered_set<std::size_t> hashes;
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    const std::string key = colliding(number);
    CHECK(known(key) == known(colliding(0)));
    hashes.insert(hash(key));
  }
  CHECK(hashes.size() == 1000);
  CHECK(hash("text") == hash(std::string("text")));
}

}  // namespace sightline
