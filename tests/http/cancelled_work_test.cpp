#include <doctest/doctest.h>
#include <future>
#include <optional>

#include "base/cancellation.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

/// A handler whose work never ends by itself, on "/work"; others are answered.
struct Worker {
  std::promise<void> begun;
  std::promise<CancelReason> ended;

  Server::Handler handler() {
    return [this](Request&& request, Reply reply) {
      if (request.path == "/work") work();
      reply.send(text(request.path));
    };
  }

  /// Nothing if it has not ended within 20 s.
  std::optional<CancelReason> reason() {
    auto future = ended.get_future();
    if (future.wait_for(20s) != std::future_status::ready) return {};
    return future.get();
  }

 private:
  void work() {
    begun.set_value();
    try {
      for (;;) {
        check_cancelled();
        std::this_thread::yield();
      }
    } catch (const WorkCancelled& cancelled) {
      std::this_thread::sleep_for(20ms);  // what it has begun takes a moment to end
      ended.set_value(cancelled.reason());
      throw;
    }
  }
};

}  // namespace

TEST_CASE("a client that leaves ends the work for its request, and the worker goes on") {
  Worker worker;
  Server::Options options;
  options.workers = 1;
  const auto server = serve(worker.handler(), options);
  {
    RawClient client(server->port());
    client.send(get("/work"));
    worker.begun.get_future().wait();
  }
  CHECK(worker.reason() == CancelReason::client_left);
  CHECK(RawClient(server->port()).ask(get("/next")).body == "/next");
}

TEST_CASE("work that outlasts the drain time is cancelled, and its client told so") {
  Worker worker;
  Server::Options options;
  options.drain_timeout = 20ms;
  const auto server = serve(worker.handler(), options);
  RawClient client(server->port());
  client.send(get("/work"));
  worker.begun.get_future().wait();
  server->stop();
  CHECK(worker.reason() == CancelReason::stopping);
  const auto response = client.receive();
  CHECK(response.status == 503);
  CHECK(response.body.find("the server is stopping") != std::string::npos);
}

TEST_CASE("a request with its whole answer is not cancelled by what becomes of its connection") {
  std::promise<std::shared_ptr<Cancellation>> work;
  const auto server = serve([&](Request&& request, Reply reply) {
    work.set_value(request.cancellation);
    reply.send(text("all"));
  });
  { CHECK(RawClient(server->port()).ask(get("/")).body == "all"); }
  server->stop();
  CHECK_FALSE(work.get_future().get()->requested());
}

TEST_CASE("nor is one whose whole answer was streamed") {
  std::promise<std::shared_ptr<Cancellation>> work;
  const auto server = serve([&](Request&& request, Reply reply) {
    work.set_value(request.cancellation);
    auto stream = reply.stream(ResponseHead{});
    stream.write("all");
    stream.finish();
  });
  { CHECK(RawClient(server->port()).ask(get("/")).body == "all"); }
  server->stop();
  CHECK_FALSE(work.get_future().get()->requested());
}

TEST_CASE("who stops the server says until when it may take, whatever the drain time") {
  Worker worker;
  Server::Options options;
  options.drain_timeout = 30s;
  const auto server = serve(worker.handler(), options);
  RawClient client(server->port());
  client.send(get("/work"));
  worker.begun.get_future().wait();
  const auto began = std::chrono::steady_clock::now();
  server->stop(began + 20ms);
  CHECK(std::chrono::steady_clock::now() - began < 15s);
  CHECK(worker.reason() == CancelReason::stopping);
}

TEST_CASE("a request whose client left while it waited for a worker is not begun") {
  Worker worker;
  std::atomic<int> begun{0};
  Server::Options options;
  options.workers = 1;
  const auto server = serve(
      [&, handler = worker.handler()](Request&& request, Reply reply) {
        if (request.path != "/work") ++begun;
        handler(std::move(request), std::move(reply));
      },
      options);
  std::optional<RawClient> first(std::in_place, server->port());
  first->send(get("/work"));
  worker.begun.get_future().wait();
  {
    RawClient second(server->port());
    second.send(get("/second"));
    REQUIRE(eventually([&] { return server->in_flight() == 2; }));
  }
  // The loop has seen the second leave once a later connection is answered by it.
  CHECK(RawClient(server->port()).ask("BAD\r\n\r\n").status == 400);
  first.reset();
  CHECK(worker.reason() == CancelReason::client_left);
  CHECK(RawClient(server->port()).ask(get("/third")).body == "/third");
  CHECK(begun == 1);
}
