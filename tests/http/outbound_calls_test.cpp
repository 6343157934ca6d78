#include "server/http/outbound_calls.h"

#include <deque>
#include <doctest/doctest.h>
#include <malloc.h>
#include <memory>
#include <string>
#include <utility>

#include "tests/base/manual_timer.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

/// Keeps what it is to send until the test ends it.
class HeldClient final : public Client {
 public:
  struct Held {
    ClientRequest request;
    Callback callback;
  };
  int max_connections_per_host() const override { return 4; }
  void send(ClientRequest request, Callback callback) override {
    out.push_back({std::move(request), std::move(callback)});
  }
  std::shared_ptr<StreamedCall> stream(ClientRequest, StreamHandlers) override { return nullptr; }

  void end_first(Result<Response> result, bool leaves_lookup = false) {
    const Held ended = std::move(out.front());
    out.pop_front();
    if (leaves_lookup) ended.request.lookup_left();
    ended.callback(std::move(result));
  }

  std::deque<Held> out;
};

class PlainCall final : public OutboundCalls::Call {
 public:
  PlainCall(OutboundCalls::Terms terms, bool repeats) : Call(terms), url_(terms.url), repeats_(repeats) {}
  std::optional<OutboundCalls::End> ended;

 private:
  std::optional<ClientRequest> request() override {
    ClientRequest request;
    request.url = url_;
    return request;
  }
  std::optional<std::chrono::milliseconds> read(Result<Response>, int) override {
    return repeats_ ? std::optional(1h) : std::nullopt;
  }
  void end(const OutboundCalls::End& end) override { ended = end; }

  const std::string url_;
  const bool repeats_;
};

struct Bench {
  explicit Bench(int max_in_flight = 0) : calls(client, timer, {.max_in_flight = max_in_flight}) {}
  std::shared_ptr<PlainCall> start(const std::string& host, OutboundCalls::Terms terms = {}, bool repeats = false) {
    terms.url = "http://" + host + "/";
    terms.line = host;
    auto call = std::make_shared<PlainCall>(std::move(terms), repeats);
    calls.start(call);
    return call;
  }
  /// A call whose time is over while the name of its host is looked up.
  void leave_lookup(const std::string& host) {
    const auto call = start(host);
    REQUIRE(client.out.size() == 1);
    client.end_first(Error{ErrorCode::deadline_exceeded, "late"}, true);
    CHECK(call->ended);
  }
  HeldClient client;
  ManualTimer timer;
  OutboundCalls calls;
};

OutboundCalls::Terms within(const Bench& bench, std::chrono::seconds time) {
  OutboundCalls::Terms terms;
  terms.deadline = bench.timer.now() + time;
  return terms;
}

}  // namespace

TEST_CASE("where calls have left as many look-ups as may go on, the next one waits until the first is over") {
  Bench bench(2);
  for (int i = 0; i < 63; ++i) bench.leave_lookup("name" + std::to_string(i));
  bench.timer.advance(20s);
  bench.leave_lookup("name63");
  const auto waiting = bench.start("other");
  const auto late = bench.start("late", within(bench, 5s));
  bench.timer.advance(9s);
  CHECK(bench.client.out.empty());
  CHECK(late->ended->reason == OutboundCalls::End::Reason::late);
  bench.timer.advance(1s);
  CHECK(bench.client.out.size() == 1);
  bench.client.end_first(Response{});
  CHECK(waiting->ended->reason == OutboundCalls::End::Reason::settled);
}

TEST_CASE("without a limit for all servers, look-ups count for their own server") {
  Bench bench;
  for (int i = 0; i < 64; ++i) bench.leave_lookup("slow");
  const auto waiting = bench.start("slow");
  CHECK(bench.client.out.empty());
  const auto other = bench.start("other");
  REQUIRE(bench.client.out.size() == 1);
  bench.client.end_first(Response{});
  CHECK(other->ended);
  CHECK_FALSE(waiting->ended);
  bench.timer.advance(30s);
  CHECK(bench.client.out.size() == 1);
  bench.client.end_first(Response{});
  CHECK(waiting->ended);
}

TEST_CASE("a call that is over leaves nothing behind until its deadline") {
  Bench bench;
  for (int i = 0; i < 1000; ++i) {
    const auto call = bench.start("host", within(bench, 10min));
    bench.client.end_first(Response{});
    CHECK(call->ended);
  }
  CHECK(bench.timer.waiting() == 1);
  const auto open = bench.start("host", within(bench, 10min));
  bench.timer.advance(10min);
  CHECK(open->ended->reason == OutboundCalls::End::Reason::late);
  CHECK(bench.timer.waiting() == 0);
}

TEST_CASE("a call that ends while it waits to be repeated is freed at once") {
  Bench bench;
  OutboundCalls::Terms terms;
  terms.cancellation = std::make_shared<Cancellation>();
  auto call = bench.start("host", terms, true);
  bench.client.end_first(Error{ErrorCode::unreachable, "no connection"});
  CHECK_FALSE(call->ended);
  const std::weak_ptr<PlainCall> kept = call;
  terms.cancellation->cancel(CancelReason::client_left);
  CHECK(call->ended->reason == OutboundCalls::End::Reason::cancelled);
  call.reset();
  CHECK(kept.expired());
  bench.timer.advance(1h);
  CHECK(bench.client.out.empty());
}

TEST_CASE("calls that never went out leave nothing of their servers behind") {
  Bench bench;
  OutboundCalls::Terms terms;
  terms.line = "line";
  terms.pace = {.calls = 1, .span = 24h};
  terms.url = "http://first/";
  bench.calls.start(std::make_shared<PlainCall>(terms, false));
  REQUIRE(bench.client.out.size() == 1);
  const auto wait_in_vain = [&](int number) {
    terms.url = "http://" + std::string(200, 'h') + std::to_string(number) + "/";
    terms.deadline = bench.timer.now() + 1s;
    const auto call = std::make_shared<PlainCall>(terms, false);
    bench.calls.start(call);
    bench.timer.advance(1s);
    CHECK(call->ended->reason == OutboundCalls::End::Reason::late);
  };
  wait_in_vain(0);
  constexpr int k_calls = 5000;
  const std::size_t before = ::mallinfo2().uordblks;
  for (int i = 1; i <= k_calls; ++i) wait_in_vain(i);
  CHECK(::mallinfo2().uordblks < before + k_calls * 100);
}
