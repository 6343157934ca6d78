#include "base/cancellation.h"

#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <optional>
#include <thread>

using namespace sightline;

TEST_CASE("work goes on until it is cancelled, and learns the first reason") {
  const auto cancellation = std::make_shared<Cancellation>();
  const CancellationScope scope(cancellation);
  CHECK_NOTHROW(check_cancelled());
  cancellation->cancel(CancelReason::stopping);
  cancellation->cancel(CancelReason::client_left);
  CHECK_THROWS_WITH_AS(check_cancelled(), "the server is stopping", WorkCancelled);
}

TEST_CASE("a thread that works for no request is never cancelled, and scopes nest") {
  CHECK_NOTHROW(check_cancelled());
  const auto outer = std::make_shared<Cancellation>();
  const CancellationScope outer_scope(outer);
  {
    const CancellationScope inner_scope(std::make_shared<Cancellation>());
    outer->cancel(CancelReason::client_left);
    CHECK_NOTHROW(check_cancelled());
  }
  CHECK(current_cancellation() == outer);
  CHECK_THROWS_AS(check_cancelled(), WorkCancelled);
}

TEST_CASE("registered callbacks are called once, at once where it has happened, and not after they are gone") {
  const auto cancellation = std::make_shared<Cancellation>();
  int calls = 0, dropped_calls = 0;
  const auto kept = Cancellation::on_cancel(cancellation, [&] { ++calls; });
  {
    const auto dropped = Cancellation::on_cancel(cancellation, [&] { ++dropped_calls; });
  }
  cancellation->cancel(CancelReason::client_left);
  cancellation->cancel(CancelReason::client_left);
  const auto late = Cancellation::on_cancel(cancellation, [&] { ++calls; });
  CHECK(calls == 2);
  CHECK(dropped_calls == 0);
}

TEST_CASE("a callback may take itself and others out") {
  const auto cancellation = std::make_shared<Cancellation>();
  std::optional<Cancellation::Registration> own, other;
  int calls = 0, other_calls = 0;
  own = Cancellation::on_cancel(cancellation, [&] {
    ++calls;
    other.reset();
    own.reset();
  });
  other = Cancellation::on_cancel(cancellation, [&] { ++other_calls; });
  const auto last = Cancellation::on_cancel(cancellation, [&] { ++calls; });
  cancellation->cancel(CancelReason::client_left);
  CHECK(calls == 2);
  CHECK(other_calls == 0);
}

TEST_CASE("removing a callback waits until it has run") {
  const auto cancellation = std::make_shared<Cancellation>();
  std::atomic<bool> running{false}, leaving{false}, gone{false}, gone_meanwhile{false};
  std::optional<Cancellation::Registration> registration = Cancellation::on_cancel(cancellation, [&] {
    running = true;
    while (!leaving) std::this_thread::yield();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (!gone && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    gone_meanwhile = gone.load();
  });
  std::thread canceller([&] { cancellation->cancel(CancelReason::stopping); });
  while (!running) std::this_thread::yield();
  leaving = true;
  registration.reset();
  gone = true;
  canceller.join();
  CHECK_FALSE(gone_meanwhile);
}

TEST_CASE("a part is cancelled with the whole, for its reason; a part cancelled alone does not cancel the whole") {
  const auto whole = std::make_shared<Cancellation>(), part = std::make_shared<Cancellation>();
  const auto other = std::make_shared<Cancellation>(), former = std::make_shared<Cancellation>();
  const auto kept = Cancellation::follow(whole, part), kept_other = Cancellation::follow(whole, other);
  { const auto dropped = Cancellation::follow(whole, former); }
  other->cancel(CancelReason::client_left);
  CHECK_FALSE(whole->requested());
  whole->cancel(CancelReason::stopping);
  CHECK(part->reason() == CancelReason::stopping);
  CHECK(other->reason() == CancelReason::client_left);
  CHECK_FALSE(former->requested());
  const auto late = std::make_shared<Cancellation>();
  const auto kept_late = Cancellation::follow(whole, late), alone = Cancellation::follow(nullptr, former);
  CHECK(late->reason() == CancelReason::stopping);
  CHECK_FALSE(former->requested());
}
