#include "server/service_manager.h"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/base/manual_timer.h"
#include "tests/base/temporary_folder.h"

namespace sightline {
namespace {

using namespace std::chrono_literals;

/// A service manager's socket. An empty `address` gets an abstract one.
class Receiver {
 public:
  explicit Receiver(std::string address = "") : address_(std::move(address)) {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    std::memcpy(own.sun_path, address_.data(), address_.size());
    // Without a name the kernel chooses an abstract one.
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&own),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size())) == 0);
    if (!address_.empty()) return;
    socklen_t length = sizeof own;
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &length) == 0);
    address_ = "@" + std::string(own.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
  }
  ~Receiver() { ::close(socket_); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  const std::string& address() const { return address_; }
  /// What has arrived since the last call.
  std::vector<std::string> reports() {
    std::vector<std::string> all;
    std::array<char, 4096> bytes{};
    for (ssize_t n = 0; (n = ::recv(socket_, bytes.data(), bytes.size(), 0)) >= 0;) all.emplace_back(bytes.data(), n);
    return all;
  }

 private:
  std::string address_;
  int socket_ = -1;
};

using Reports = std::vector<std::string>;

TEST_CASE("a report reaches a socket with a path and an abstract one") {
  const TemporaryFolder folder;
  for (const std::string& address : {(folder.path() / "notify").string(), std::string()}) {
    CAPTURE(address);
    Receiver receiver(address);
    const ServiceManager manager(receiver.address(), 0us);
    CHECK(manager.report("READY=1").ok());
    CHECK(receiver.reports() == Reports{"READY=1"});
  }
}

TEST_CASE("what cannot be reported is an error, and without a manager nothing is") {
  CHECK(ServiceManager().report("READY=1").ok());
  CHECK_FALSE(ServiceManager().present());
  CHECK(ServiceManager("vsock:2:1234", 0us).report("READY=1").error().code == ErrorCode::invalid_argument);
  CHECK(ServiceManager("/" + std::string(200, 'a'), 0us).report("READY=1").error().code == ErrorCode::invalid_argument);
  CHECK(ServiceManager("/nothing/listens/here", 0us).report("READY=1").error().code == ErrorCode::unreachable);
}

TEST_CASE("a manager that reads nothing blocks no report") {
  const Receiver receiver;
  const ServiceManager manager(receiver.address(), 0us);
  Status last;
  for (int i = 0; i < 100'000 && last.ok(); ++i) last = manager.report("WATCHDOG=1");
  REQUIRE_FALSE(last.ok());
  CHECK(last.error().code == ErrorCode::overloaded);
}

TEST_CASE("the variables are read once, and removed") {
  const auto taken = [](const char* period, const std::string& process) {
    ::setenv("NOTIFY_SOCKET", "@name", 1);
    ::setenv("WATCHDOG_USEC", period, 1);
    if (!process.empty()) ::setenv("WATCHDOG_PID", process.c_str(), 1);
    return ServiceManager::from_environment();
  };
  const ServiceManager manager = taken("3000000", std::to_string(::getpid()));
  CHECK(manager.present());
  CHECK(manager.watchdog() == 3s);
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
  CHECK(std::getenv("WATCHDOG_PID") == nullptr);
  CHECK_FALSE(ServiceManager::from_environment().present());
  CHECK(taken("3000000", "").watchdog() == 3s);
  CHECK(taken("3000000", "1234567").watchdog() == 0s);
  CHECK(taken("soon", "").watchdog() == 0s);
}

/// A server's health, as a test sets it.
struct Health {
  explicit Health(std::chrono::microseconds watchdog) : manager(receiver.address(), watchdog) { reports.start(); }
  Receiver receiver;
  ServiceManager manager;
  ManualTimer timer;
  std::vector<std::string> problems{"model [clip] is loading"};
  bool broken = false;
  HealthReports reports{
      {[this] { return problems; }, [this] { return broken; }, "ready at http://127.0.0.1:8080"}, manager, timer};
};

TEST_CASE("readiness is reported once, when there is no problem, and each change of it as status") {
  Health health(0us);
  CHECK(health.receiver.reports() == Reports{"STATUS=not ready: model [clip] is loading"});
  health.timer.advance(5s);
  CHECK(health.receiver.reports().empty());
  health.problems.clear();
  health.timer.advance(1s);
  CHECK(health.receiver.reports() == Reports{"READY=1", "STATUS=ready at http://127.0.0.1:8080"});
  health.problems = {"the disk\nis full"};
  health.timer.advance(5s);
  CHECK(health.receiver.reports() == Reports{"STATUS=not ready: the disk is full"});
  health.problems.clear();
  health.timer.advance(1s);
  CHECK(health.receiver.reports() == Reports{"STATUS=ready at http://127.0.0.1:8080"});
}

TEST_CASE("the watchdog is reported twice per period, except by a server that only a restart may help") {
  Health health(1s);
  health.problems.clear();
  health.timer.advance(500ms);
  CHECK(health.receiver.reports().back() == "WATCHDOG=1");
  health.timer.advance(3s);
  CHECK(health.receiver.reports() == Reports(6, "WATCHDOG=1"));
  health.broken = true;
  health.timer.advance(3s);
  CHECK(health.receiver.reports().empty());
  health.broken = false;
  health.timer.advance(500ms);
  CHECK(health.receiver.reports() == Reports{"WATCHDOG=1"});
}

TEST_CASE("after the stop nothing is reported") {
  Health health(1s);
  health.receiver.reports();
  health.problems.clear();
  health.reports.stop();
  CHECK(health.receiver.reports() == Reports{"STOPPING=1\nSTATUS=stopping"});
  health.timer.advance(10s);
  CHECK(health.receiver.reports().empty());
  CHECK(health.timer.waiting() == 0);
}

}  // namespace
}  // namespace sightline
