// Writes that take long: in parts, between which others get in, and ended when nobody waits for them.
#include <chrono>
#include <fstream>
#include <future>
#include <set>
#include <thread>
#include <unistd.h>

#include "base/cancellation.h"
#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/embedded/store_core.h"
#include "tests/base/processor_time.h"
#include "tests/elastic/embedded/store_fixture.h"

namespace sightline::elastic {
namespace {

/// Five documents that are too large to be written together.
std::string large_bulk() {
  const std::string text(8'000'000, 'x');
  std::string bulk;
  for (int i = 0; i < 5; ++i)
    bulk += "{\"index\":{\"_id\":\"" + std::to_string(i) + "\"}}\n{\"x\":{\"y\":\"" + text + "\"}}\n";
  return bulk;
}

void make_index(const StoreFixture& store) {
  store.put("/b", R"({"mappings":{"properties":{"x":{"type":"object","enabled":false}}}})");
}

/// Until a thread of this program has been asleep for some time: it can go on no more by itself.
void wait_until_it_waits(pid_t thread) {
  const auto sleeps = [thread] {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string state;
    std::getline(file, state);
    return state.substr(state.rfind(')') + 2, 1) == "S";
  };
  for (int times = 0; times < 20; times = sleeps() ? times + 1 : 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST_CASE("a bulk that is cancelled keeps the parts that are done, on disk and in memory") {
  StoreFixture store;
  make_index(store);
  const auto cancellation = std::make_shared<Cancellation>();
  {
    const CancellationScope scope(cancellation);
    store.at_clock = [&] { cancellation->cancel(CancelReason::stopping); };  // after the first part
    CHECK_THROWS_AS(store.post("/b/_bulk", large_bulk()), WorkCancelled);
  }
  store.at_clock = nullptr;
  store.post("/_refresh");
  const std::string kept = store.count("b");
  CHECK(kept >= "1");
  CHECK(kept < "5");
  CHECK(store.put("/b/_doc/new?refresh", "{}").at("/_seq_no") == kept);
  store.reopen();
  CHECK(store.count("b") == std::to_string(std::stoi(kept) + 1));
  CHECK(store.get("/b/_doc/0").at("/found") == "true");
  CHECK(store.get("/b/_doc/4").at("/found") == "false");
}

TEST_CASE("other writers get in between the parts of a bulk") {
  StoreFixture store;
  make_index(store);
  std::thread other;
  std::promise<pid_t> begun;
  Reply written;
  store.at_clock = [&] {
    if (other.joinable()) return;
    other = std::thread([&] {
      begun.set_value(::gettid());
      written = store.put("/b/_doc/other", "{}");
    });
    wait_until_it_waits(begun.get_future().get());  // for its turn
  };
  const Reply bulk = store.post("/b/_bulk", large_bulk());
  REQUIRE(other.joinable());
  other.join();
  CHECK(written.at("/_seq_no") < "5");
  CHECK(bulk.at("/items/4/index/_seq_no") == "5");
}

TEST_CASE("one transaction takes no more than its time, and leaves the rest") {
  TemporaryFolder folder;
  auto store = StoreCore::open(folder.path(), std::chrono::steady_clock::now);
  REQUIRE(store.ok());
  DocumentWriter writer(**store);
  std::string words;
  for (int i = 0; i < 200; ++i) words += "w" + std::to_string(i) + " ";
  const std::string small = R"({"x":")" + words + "\"}";
  const std::vector<DocumentWrite> writes(30'000, {DocumentWrite::Action::index, "i", "", small, {}, {}});
  const auto results = writer.write(writes);
  CHECK(results.size() > 0);
  CHECK(results.size() < writes.size());
}

TEST_CASE("a write that ends by an exception leaves nothing behind") {
  TemporaryFolder folder;
  auto store = StoreCore::open(folder.path(), std::chrono::steady_clock::now);
  REQUIRE(store.ok());
  DocumentWriter writer(**store);
  const auto document = [](const char* id, const char* source) {
    return DocumentWrite{DocumentWrite::Action::index, "i", id, source, {}, {}};
  };
  const std::vector<DocumentWrite> first = {document("1", R"({"t":"old words"})")};
  REQUIRE(writer.write(first)[0].ok());
  try {
    WriteTransaction transaction(**store);
    transaction.begin();
    transaction.apply(document("1", R"({"t":"new words","n":1})"));
    transaction.apply(document("2", R"({"t":"more words"})"));
    throw WorkCancelled(CancelReason::client_left);
  } catch (const WorkCancelled&) {
  }
  const std::vector<DocumentWrite> third = {document("3", R"({"t":"words"})")};
  const auto results = writer.write(third);
  writer.refresh();
  CHECK(results[0]->seq_no == 1);
  const auto index = (*store)->find_one("i");
  CHECK(index->search().memory().live_count() == 2);
  CHECK(index->size().documents == 2);
  CHECK(index->mapping()->find("n") == nullptr);
  CHECK(index->fetch_by_id("1", true)->source == R"({"t":"old words"})");
  CHECK_FALSE(index->fetch_by_id("2", true).has_value());
}

TEST_CASE("many deletions in one bulk are no slower than as many writes") {
  StoreFixture store;
  store.put("/b");
  std::string bulk;
  for (int i = 0; i < 10'000; ++i) bulk += "{\"delete\":{\"_id\":\"" + std::to_string(i) + "\"}}\n";
  CHECK(processor_seconds_of([&] { CHECK(store.post("/b/_bulk", bulk).status == 200); }) < 3);
}

TEST_CASE("made ids differ, and do not ask the system for each") {
  std::set<std::string> ids;
  std::thread other([] {
    for (int i = 0; i < 1000; ++i) (void)random_name(15);
  });
  const double seconds = processor_seconds_of([&] {
    for (int i = 0; i < 100'000; ++i) ids.insert(random_name(15));
    other.join();
  });
  CHECK(ids.size() == 100'000);
  CHECK(ids.begin()->size() == 20);
  CHECK(seconds < 2);
  std::string of_another_thread;
  std::thread([&] { of_another_thread = random_name(15); }).join();
  CHECK_FALSE(ids.contains(of_another_thread));
}

}  // namespace
}  // namespace sightline::elastic
