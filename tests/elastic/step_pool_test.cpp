#include "server/elastic/pipelines/step_pool.h"

#include <doctest/doctest.h>
#include <future>
#include <memory>
#include <new>

using namespace sightline::elastic;

TEST_CASE("a task that throws is let go of, and the tasks behind it run") {
  StepPool pool(1);
  auto held = std::make_shared<int>(7);
  const std::weak_ptr<int> seen = held;
  pool.post([held = std::move(held)](bool) { throw std::bad_alloc(); });
  std::promise<bool> next;
  pool.post([&](bool may_run) { next.set_value(may_run && seen.expired()); });
  CHECK(next.get_future().get());
}

TEST_CASE("tasks that wait when the pool is shut down are told that they may not run") {
  StepPool pool(1);
  std::promise<void> running, go_on;
  pool.post([&](bool) {
    running.set_value();
    go_on.get_future().wait();
  });
  running.get_future().wait();
  std::promise<bool> waiting;
  pool.post([&](bool may_run) { waiting.set_value(may_run); });
  pool.shut_down();
  bool later = true;
  pool.post([&](bool may_run) { later = may_run; });
  CHECK_FALSE(later);
  go_on.set_value();
  CHECK_FALSE(waiting.get_future().get());
}
