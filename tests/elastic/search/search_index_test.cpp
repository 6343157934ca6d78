#include "server/elastic/embedded/search/search_index.h"

#include <cmath>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <vector>

using namespace sightline;
using namespace sightline::elastic;

namespace {

FieldValues text(const std::string& path, FieldType type, std::vector<std::string> values) {
  FieldValues out{path, type};
  out.strings = std::move(values);
  return out;
}

ParsedDocument document(const std::string& id, const std::string& title, const std::string& city, std::int64_t price) {
  ParsedDocument out{id,
                     {text("title", FieldType::text, {title}), text("city", FieldType::keyword, {city}),
                      text("data", FieldType::binary, {})}};
  FieldValues prices{"price", FieldType::long_}, areas{"area", FieldType::float_}, vector{"v", FieldType::dense_vector};
  prices.integers = {price};
  areas.doubles = {static_cast<double>(price) / 2};
  vector.vector = {1, static_cast<float>(price), 0};
  for (FieldValues* values : {&prices, &areas, &vector}) out.fields.push_back(std::move(*values));
  return out;
}

/// A database with the table of one index.
struct Database {
  std::unique_ptr<sqlite::Connection> connection =
      sqlite::Connection::open(":memory:", sqlite::Connection::Mode::read_write);
  Database() { run(SearchIndex::schema(7)); }
  void run(const std::string& sql) { connection->execute(sql); }
};

std::unique_ptr<SearchIndex> open(Database& database) {
  return std::make_unique<SearchIndex>(*database.connection, 7);
}

/// One transaction of the store.
template <class Work>
void write(Database& database, SearchIndex& index, Work&& work) {
  database.run("BEGIN");
  work();
  database.run("COMMIT");
  index.commit();
  index.refresh();
}

std::vector<std::string> ids(const SearchIndex& index) {
  std::vector<std::string> out;
  index.memory().live().for_each([&](Doc doc) { out.push_back(index.memory().id(doc)); });
  return out;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("documents are seen when committed and refreshed, not before, and not at all after a rollback") {
  Database database;
  const auto index = open(database);
  database.run("BEGIN");
  index->add(1, document("a", "red house", "Lyon", 1));
  CHECK(ids(*index).empty());
  database.run("COMMIT");
  index->commit();
  CHECK(ids(*index).empty());
  CHECK(index->needs_refresh());
  index->refresh();
  CHECK(ids(*index) == Ids{"a"});
  CHECK_FALSE(index->needs_refresh());

  database.run("BEGIN");
  index->add(2, document("b", "blue house", "Nice", 2));
  index->remove(1);
  CHECK(ids(*index) == Ids{"a"});
  database.run("ROLLBACK");
  index->rollback();
  CHECK(ids(*index) == Ids{"a"});
  CHECK(ids(*open(database)) == Ids{"a"});
}

TEST_CASE("what was committed is there after opening again, every kind of value") {
  Database database;
  {
    const auto index = open(database);
    write(database, *index, [&] {
      index->add(3, document("a", "red house, red door", "Lyon", 10));
      index->add(5, document("b", "garden", "Nice", 20));
    });
    write(database, *index, [&] { index->remove(3); });
    write(database, *index, [&] { index->add(9, document("a", "red house, red door", "Lille", 30)); });
  }
  const auto index = open(database);
  const MemoryIndex& memory = index->memory();
  CHECK(ids(*index) == Ids{"b", "a"});
  CHECK_FALSE(memory.find(3));
  const Doc a = *memory.find(9);
  REQUIRE(memory.text("title")->find("red"));
  CHECK(memory.text("title")->find("red")->front().frequency == 2);
  CHECK(memory.text("title")->length(a) == 4);
  CHECK(memory.text("title")->statistics().tokens == 5);
  CHECK(memory.text("title")->statistics().documents == 2);
  CHECK(memory.keyword("city")->find("Lille")->front() == a);
  CHECK_FALSE(memory.keyword("city")->find("Lyon"));
  CHECK(memory.integers("price")->of(a)[0] == 30);
  CHECK(memory.doubles("area")->of(a)[0] == 15.0);
  REQUIRE(memory.vectors("v")->size() == 2);
  CHECK(memory.vectors("v")->row(1)[1] == doctest::Approx(30 / std::sqrt(901.0)));
}

TEST_CASE("a document added and removed in one transaction was never there") {
  Database database;
  const auto index = open(database);
  write(database, *index, [&] {
    index->add(1, document("a", "x", "Lyon", 1));
    index->remove(1);
    index->add(2, document("a", "y", "Lyon", 2));
  });
  CHECK(index->memory().live_count() == 1);
  CHECK(index->memory().find(2));
  CHECK_THROWS_AS(index->remove(1), StorageFailed);
}

TEST_CASE("a vector of another length than its field is refused") {
  Database database;
  const auto index = open(database);
  write(database, *index, [&] { index->add(0, document("a", "x", "Lyon", 1)); });
  ParsedDocument odd = document("a", "x", "Lyon", 1);
  odd.fields.back().vector = {1, 2};
  CHECK_THROWS_AS(index->add(1, odd), StorageFailed);
}

TEST_CASE("when most documents have been replaced, memory is tidied and says the same as before") {
  Database database;
  const auto index = open(database);
  std::int64_t number = 0;
  for (int round = 0; round < 8; ++round) {
    write(database, *index, [&] {
      for (int i = 0; i < 300; ++i) {
        if (round > 0) index->remove(number - 300);
        index->add(number, document(std::to_string(i), "house " + std::to_string(i), "Lyon", i));
        ++number;
      }
    });
  }
  const MemoryIndex& memory = index->memory();
  CHECK(memory.size() < 2'400);
  CHECK(memory.live_count() == 300);
  CHECK(memory.text("title")->statistics().documents == 300);
  CHECK(memory.text("title")->statistics().tokens == 600);
  CHECK(memory.keyword("city")->statistics().documents == 300);
  const Doc doc = *memory.find(number - 1);
  CHECK(memory.id(doc) == "299");
  CHECK(memory.integers("price")->of(doc)[0] == 299);
  CHECK(memory.text("title")->find("299")->back().doc == doc);
  CHECK(memory.vectors("v")->documents().back() == doc);
}

TEST_CASE("a damaged record is an error, never a crash") {
  ParsedDocument analyzed = document("a", "red house", "Lyon", 5);
  analyze(analyzed);
  const std::string record = encode(analyzed);
  CHECK(decode(record).fields.size() == analyzed.fields.size());
  for (std::size_t length = 0; length < record.size(); ++length)
    CHECK_THROWS_AS(decode(record.substr(0, length)), StorageFailed);
  CHECK_THROWS_AS(decode(record + "x"), StorageFailed);
  for (std::size_t i = 0; i < record.size(); ++i) {
    std::string damaged = record;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xFF);
    try {
      decode(damaged);  // may still be a record, but must not read beyond it
    } catch (const StorageFailed&) {
    }
  }
}
