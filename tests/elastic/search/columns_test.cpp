#include "server/elastic/embedded/search/columns.h"

#include <doctest/doctest.h>
#include <map>
#include <random>
#include <vector>

namespace sightline::elastic {
namespace {

FieldValues integers(std::vector<std::int64_t> values) {
  FieldValues field{"n", FieldType::long_};
  field.integers = std::move(values);
  return field;
}

/// One document in `every` of 20,000 has the field, in the second half one in `later`.
std::map<Doc, std::vector<std::int64_t>> filled(unsigned every, unsigned later) {
  std::mt19937 random(every * 7 + later);
  std::map<Doc, std::vector<std::int64_t>> values;
  for (Doc doc = 0; doc < 20'000; ++doc) {
    if (random() % (doc < 10'000 ? every : later) == 0)
      values[doc] = std::vector<std::int64_t>(1 + random() % 3, static_cast<std::int64_t>(doc));
  }
  return values;
}

void check_same(const IntegerColumn& column, const std::map<Doc, std::vector<std::int64_t>>& values) {
  std::vector<Doc> docs;
  column.documents().each([&](Doc doc) { docs.push_back(doc); });
  REQUIRE(docs.size() == values.size());
  std::size_t i = 0;
  for (const auto& [doc, list] : values) CHECK(docs[i++] == doc);
  std::size_t wrong = 0;
  for (Doc doc = 0; doc < 20'100; ++doc) {
    const auto found = column.of(doc);
    const auto expected = values.find(doc);
    const bool has = expected != values.end();
    wrong += column.documents().contains(doc) == has && std::vector<std::int64_t>(found.begin(), found.end()) ==
                                                            (has ? expected->second : std::vector<std::int64_t>())
                 ? 0
                 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a column finds each document's values, however many documents have the field") {
  for (const unsigned every : {1u, 2u, 5u, 300u, 20'001u}) {
    for (const unsigned later : {1u, 3u, 1'000u, 20'001u}) {
      CAPTURE(every);
      CAPTURE(later);
      const auto values = filled(every, later);
      IntegerColumn column;
      for (const auto& [doc, list] : values) column.append(doc, integers(list));
      check_same(column, values);
      // Every third document goes.
      Renumbered renumbered(20'000, k_gone);
      std::map<Doc, std::vector<std::int64_t>> kept;
      Doc next = 0;
      for (Doc doc = 0; doc < 20'000; ++doc) {
        if (doc % 3 == 0) continue;
        if (const auto list = values.find(doc); list != values.end()) kept[next] = list->second;
        renumbered[doc] = next++;
      }
      column.compact(renumbered);
      check_same(column, kept);
    }
  }
}

TEST_CASE("a field of few documents takes memory for these, not for all") {
  SparseNumbers numbers;
  for (Doc doc = 0; doc < 1'000; doc += 100) numbers.append(doc, doc);
  for (Doc doc = 1'000'000; doc < 1'000'010; ++doc) numbers.append(doc, doc);
  CHECK(numbers.slots() == 20);
  CHECK(numbers[numbers.slot(900)] == 900);
  CHECK(numbers[numbers.slot(1'000'009)] == 1'000'009);
  CHECK_FALSE(numbers.contains(901));
  CHECK_FALSE(numbers.contains(999'999));
  CHECK_FALSE(numbers.contains(1'000'010));
}

TEST_CASE("a text column has lengths and statistics only of documents with the field") {
  TextColumn column;
  for (const Doc doc : {3u, 50'000u, 50'001u}) {
    FieldValues field{"t", FieldType::text};
    field.length = doc == 50'000 ? 0 : 2;
    if (field.length != 0) field.terms = {{"a", 1}, {"b", 1}};
    column.append(doc, field);
  }
  column.forget(4);
  column.forget(40'000);
  CHECK(column.statistics().documents == 2);
  column.forget(50'001);
  CHECK(column.statistics().documents == 1);
  CHECK(column.statistics().tokens == 2);
  CHECK(column.documents().slots() == 3);
  CHECK(column.length(50'000) == 0);
  CHECK(column.length(50'001) == 2);
  Renumbered renumbered(50'002, k_gone);
  renumbered[3] = 0;
  renumbered[50'000] = 1;
  column.compact(renumbered);
  CHECK(column.length(0) == 2);
  CHECK(column.find("a")->size() == 1);
  CHECK_FALSE(column.documents().contains(2));
}

}  // namespace
}  // namespace sightline::elastic
