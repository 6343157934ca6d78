#include "server/serving/preparation_pool.h"

#include <atomic>
#include <doctest/doctest.h>
#include <latch>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>

#include "tests/serving/hash_embedder.h"

namespace sightline::serving {
namespace {

using Task = PreparationPool::Task;

std::vector<Task> pictures(std::size_t count, models::PictureCost cost = {}) {
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < count; ++i) tasks.push_back({i, Modality::image, cost});
  return tasks;
}

/// A request of pictures that hold their threads until the gate opens.
PreparationPool::Work held(Lane lane, std::size_t count, Gate& gate) {
  return {lane, pictures(count), [&gate](std::size_t) { gate.pass(); }};
}

TEST_CASE("texts are tokenized while pictures hold every other thread") {
  Gate gate;
  PreparationPool pool({2, 100});
  pool.post(held(Lane::query, 3, gate));
  pool.post(held(Lane::document, 8, gate));
  std::binary_semaphore query(0), document(0);
  pool.post({Lane::document, {{0, Modality::text, {}}}, [&](std::size_t) { document.release(); }});
  pool.post({Lane::query, {{0, Modality::text, {}}}, [&](std::size_t) { query.release(); }});
  query.acquire();
  document.acquire();
  gate.open();
}

TEST_CASE("a query's picture does not wait for those of documents") {
  Gate gate;
  PreparationPool pool({2, 100});
  pool.post(held(Lane::document, 8, gate));
  gate.await_arrival();
  std::binary_semaphore ran(0);
  pool.post({Lane::query, pictures(1), [&](std::size_t) { ran.release(); }});
  ran.acquire();
  gate.open();
}

TEST_CASE("as many pictures of queries are decoded at once as there are threads for queries") {
  Gate gate;
  PreparationPool::Options options;
  options.threads = 1;
  options.query_threads = 3;
  PreparationPool pool(options);
  pool.post(held(Lane::document, 8, gate));
  gate.await_arrival();  // the thread that does everything
  std::latch at_once(3);
  pool.post({Lane::query, pictures(3), [&](std::size_t) { at_once.arrive_and_wait(); }});
  at_once.wait();
  gate.open();
}

TEST_CASE("documents are prepared at a lower priority than queries") {
  PreparationPool::Options options;
  options.threads = options.query_threads = 2;
  options.niceness = 1;
  options.document_niceness = 3;
  const auto priority = [] { return ::getpriority(PRIO_PROCESS, 0); };
  const int own = priority();
  std::atomic<int> of_document{0}, of_query{0}, of_other_query{0};
  std::latch done(3);  // a pool that stops lets any thread run what is left
  PreparationPool pool(options);
  pool.post({Lane::document, pictures(1), [&](std::size_t) {
               of_document = priority();
               done.count_down();
             }});
  pool.post({Lane::query, pictures(2), [&](std::size_t i) {
               (i == 0 ? of_query : of_other_query) = priority();
               done.count_down();
             }});
  done.wait();
  pool.stop();
  CHECK(of_query == std::min(own + 1, 19));
  CHECK(of_other_query == std::min(own + 1, 19));
  CHECK(of_document == std::min(own + 4, 19));
  CHECK(priority() == own);
}

TEST_CASE("threads that do everything help where there are more queries than threads for them") {
  PreparationPool pool({2, 100});  // and one for queries
  std::latch at_once(3);
  pool.post({Lane::query, pictures(3), [&](std::size_t) { at_once.arrive_and_wait(); }});
  at_once.wait();
}

TEST_CASE("requests take turns by what their pictures cost") {
  Gate gate;
  PreparationPool pool({1, 100});
  pool.post(held(Lane::document, 1, gate));
  gate.await_arrival();
  std::string order;  // of one thread
  const auto note = [&order](char request) { return [&order, request](std::size_t) { order += request; }; };
  pool.post({Lane::document, pictures(4, {0, 50'000'000}), note('L')});  // large ones
  pool.post({Lane::document, pictures(4, {0, 1'000'000}), note('s')});
  pool.post({Lane::document, pictures(4, {0, 1'000'000}), note('t')});
  gate.open();
  pool.stop();
  CHECK(order == "LststststLLL");
}

TEST_CASE("a request that comes later waits its turn, and what costs nothing takes turns, too") {
  Gate gate;
  PreparationPool pool({1, 100});
  pool.post(held(Lane::document, 1, gate));
  gate.await_arrival();
  std::string order;  // of one thread
  std::latch done(9);
  const auto note = [&order](char request) { return [&order, request](std::size_t) { order += request; }; };
  pool.post({Lane::document, pictures(6, {0, 1'000'000}), [&](std::size_t i) {
               order += 'A';
               if (i == 2) {
                 pool.post({Lane::document, pictures(3, {0, 1'000'000}), [&](std::size_t) {
                              order += 'b';
                              done.count_down();
                            }});
               }
               done.count_down();
             }});
  gate.open();
  done.wait();  // what is posted to a pool that stops would run at once
  pool.stop();
  CHECK(order == "AAAbAbAbA");

  Gate other_gate;
  PreparationPool other({1, 100});
  other.post(held(Lane::document, 1, other_gate));
  other_gate.await_arrival();
  order.clear();
  for (const char request : {'c', 'd'}) other.post({Lane::document, pictures(3), note(request)});
  other_gate.open();
  other.stop();
  CHECK(order == "cdcdcd");
}

TEST_CASE("pictures are decoded at the same time only as far as the memory goes") {
  std::atomic<std::size_t> at_once{0}, most{0};
  const auto run = [&](std::size_t) {
    const std::size_t now = ++at_once;
    for (std::size_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::yield();
    --at_once;
  };
  const auto most_at_once = [&](std::size_t bytes) {
    most = 0;
    PreparationPool pool({4, 100});
    pool.post({Lane::document, pictures(200, {bytes, 1}), run});
    pool.post({Lane::query, pictures(200, {bytes, 1}), run});
    pool.stop();
    return most.load();
  };
  CHECK(most_at_once(50) <= 2);
  CHECK(most_at_once(51) == 1);
  CHECK(most_at_once(101) == 1);  // alone
}

TEST_CASE("a task that throws does not end its thread") {
  PreparationPool pool({1, 100});
  pool.post({Lane::document, pictures(3), [](std::size_t) { throw std::runtime_error("no"); }});
  std::size_t ran = 0;
  pool.post({Lane::document, pictures(3), [&](std::size_t) { ++ran; }});
  pool.stop();
  CHECK(ran == 3);
}

TEST_CASE("after it has stopped, tasks run on the caller's thread") {
  PreparationPool pool({1, 100});
  pool.stop();
  std::vector<std::size_t> ran;
  pool.post({Lane::query, pictures(3), [&](std::size_t i) { ran.push_back(i); }});
  CHECK(ran == std::vector<std::size_t>{0, 1, 2});
}

}  // namespace
}  // namespace sightline::serving
