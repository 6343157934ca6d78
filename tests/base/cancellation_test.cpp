#include "base/cancellation.h"

#include <doctest/doctest.h>

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
  { const auto dropped = Cancellation::on_cancel(cancellation, [&] { ++dropped_calls; }); }
  cancellation->cancel(CancelReason::client_left);
  cancellation->cancel(CancelReason::client_left);
  const auto late = Cancellation::on_cancel(cancellation, [&] { ++calls; });
  CHECK(calls == 2);
  CHECK(dropped_calls == 0);
}
