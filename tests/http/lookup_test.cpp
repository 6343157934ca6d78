// Calls that end while the name of their host is looked up. This program's getaddrinfo takes the place of the system's,
// for libcurl too.
#include <condition_variable>
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <future>
#include <mutex>
#include <netdb.h>
#include <string_view>

#include "tests/http/raw_peer.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

/// Look-ups of silent.test, whose name servers do not answer until the test allows it.
class SilentNames {
 public:
  /// Never destroyed: the threads of look-ups that were left may be the last to use it.
  static SilentNames& instance() {
    static auto* const names = new SilentNames;
    return *names;
  }
  int look_up() {
    std::unique_lock lock(mutex_);
    ++begun_, ++under_way_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !silent_; });
    --under_way_;
    changed_.notify_all();
    return EAI_AGAIN;
  }
  void set_silent(bool silent) {
    std::unique_lock lock(mutex_);
    silent_ = silent;
    begun_ = 0;
    changed_.notify_all();
    if (!silent) changed_.wait(lock, [this] { return under_way_ == 0; });
  }
  /// Since they are silent.
  void wait_until_begun(int count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 20s, [&] { return begun_ == count; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool silent_ = false;
  int begun_ = 0;
  int under_way_ = 0;
};

struct Outcome {
  Result<Response> result = Response{};
  int left = 0;
};

std::future<Outcome> send(Client& client, ClientRequest request) {
  struct Seen {
    std::promise<Outcome> ended;
    int left = 0;
  };
  const auto seen = std::make_shared<Seen>();
  auto outcome = seen->ended.get_future();
  request.lookup_left = [seen] { ++seen->left; };
  client.send(std::move(request), [seen](Result<Response> result) {
    seen->ended.set_value({std::move(result), seen->left});
  });
  return outcome;
}

ClientRequest to_silent_name() {
  return request_to("http://silent.test/");
}

}  // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto of_system = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string_view name = node == nullptr ? "" : node;
  if (name == "silent.test") return SilentNames::instance().look_up();
  if (name == "missing.test") return EAI_NONAME;
  return of_system(node, service, hints, found);
}

TEST_CASE("a call that ends during a look-up reports that the look-up goes on") {
  SilentNames::instance().set_silent(true);
  {
    Client::Options options;
    options.connect_timeout = 1s;
    const auto client = client_with(options);
    const auto outcome = send(*client, to_silent_name()).get();  // by the time to connect
    CHECK(outcome.result.error().code == ErrorCode::unreachable);
    CHECK(outcome.left == 1);
  }
  const auto client = client_with();
  auto late = to_silent_name();
  late.timeout = 1s;
  const auto ended = send(*client, late).get();
  CHECK(ended.result.error().code == ErrorCode::deadline_exceeded);
  CHECK(ended.left == 1);
  auto left = to_silent_name();
  left.cancellation = std::make_shared<Cancellation>();
  auto cancelled = send(*client, left);
  SilentNames::instance().wait_until_begun(3);
  left.cancellation->cancel(CancelReason::client_left);
  const auto outcome = cancelled.get();
  CHECK(outcome.result.error().code == ErrorCode::cancelled);
  CHECK(outcome.left == 1);
  SilentNames::instance().set_silent(false);
}

TEST_CASE("a look-up that is over, or was not needed, is not reported") {
  const auto client = client_with();
  CHECK(send(*client, request_to("http://missing.test/")).get().left == 0);
  CHECK(send(*client, to_silent_name()).get().left == 0);
  CHECK(send(*client, request_to("http://127.0.0.1:1/")).get().left == 0);
  RawPeer silent([](PeerConnection& connection) { connection.sees_end(); });
  for (const char* host : {"127.0.0.1", "localhost"}) {
    auto request = request_to("http://" + std::string(host) + ":" + std::to_string(silent.port()) + "/");
    request.timeout = 1s;
    const auto late = send(*client, std::move(request)).get();
    CHECK(late.result.error().code == ErrorCode::deadline_exceeded);
    CHECK(late.left == 0);
  }
}
