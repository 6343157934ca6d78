#include "server/log_writer.h"

#include <array>
#include <atomic>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

namespace sightline {
namespace {

using namespace std::chrono_literals;

/// A pipe whose reader is the test.
class Pipe {
 public:
  Pipe() {
    std::signal(SIGPIPE, SIG_IGN);  // as the server does
    REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    REQUIRE(::fcntl(ends_[1], F_SETPIPE_SZ, k_size) == k_size);
  }
  ~Pipe() {
    close_reader();
    ::close(ends_[1]);
  }
  /// Fills it, so that no byte more goes in before it is read.
  void fill() const {
    REQUIRE(::fcntl(ends_[1], F_SETFL, O_NONBLOCK) == 0);
    const std::string filler(k_size, '.');
    while (::write(ends_[1], filler.data(), filler.size()) > 0) {
    }
    REQUIRE(::fcntl(ends_[1], F_SETFL, 0) == 0);
  }
  static constexpr int k_size = 8192;  ///< bytes that it holds
  int writer() const { return ends_[1]; }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  /// Reads until `text` has come.
  std::string read_until(std::string_view text) {
    std::string all;
    std::array<char, 4096> part;
    while (all.find(text) == std::string::npos) {
      const ssize_t count = ::read(ends_[0], part.data(), part.size());
      REQUIRE(count > 0);
      all.append(part.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

LogWriter::Options options_for(const Pipe& pipe) {
  return {pipe.writer(), 16u << 10, [](std::uint64_t dropped) { return std::to_string(dropped) + " dropped\n"; }};
}

TEST_CASE("lines are written in their order") {
  Pipe pipe;
  LogWriter writer(options_for(pipe));
  writer.write("one\n");
  writer.write("two\n");
  CHECK(writer.flush(10s));
  CHECK(pipe.read_until("two\n") == "one\ntwo\n");
  CHECK(writer.dropped() == 0);
}

TEST_CASE("nothing waits for a log that is not read: lines are dropped and counted, and reported once it is read") {
  Pipe pipe;
  pipe.fill();
  LogWriter writer(options_for(pipe));
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 1000; ++i) writer.write(line);  // far more than the queue holds
  CHECK_FALSE(writer.flush(1ms));
  const std::uint64_t dropped = writer.dropped();
  CHECK(dropped > 900);
  CHECK(dropped < 1000);
  const std::string read = pipe.read_until(" dropped\n").substr(Pipe::k_size);
  const std::string report = std::to_string(dropped) + " dropped\n";
  const bool kept_before_report = read.size() == (1000 - dropped) * line.size() + report.size();
  CHECK(kept_before_report);
  CHECK(read.substr(read.size() - report.size()) == report);
  writer.write("after\n");
  CHECK(pipe.read_until("after\n") == "after\n");
}

TEST_CASE("a log that is not read does not block the end of the process") {
  Pipe pipe;
  pipe.fill();
  const auto began = std::chrono::steady_clock::now();
  {
    LogWriter writer(options_for(pipe));
    for (int i = 0; i < 100; ++i) writer.write(std::string(1000, 'x'));
    CHECK_FALSE(writer.flush(10ms));
  }
  CHECK_FALSE(write_within(pipe.writer(), "ready\n", 10ms));
  const Pipe empty;
  CHECK_FALSE(write_within(empty.writer(), std::string(std::size_t{3} * Pipe::k_size, 'x'), 10ms));
  CHECK(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("lines that cannot be written are counted, and the writer goes on") {
  Pipe pipe;
  pipe.close_reader();
  auto options = options_for(pipe);
  std::atomic<int> reports = 0;
  options.dropped_line = [&](std::uint64_t) { return ++reports, "dropped\n"; };
  LogWriter writer(std::move(options));
  writer.write("one\n");
  writer.write("two\n");
  CHECK(writer.flush(10s));
  CHECK(writer.dropped() == 2);
  CHECK(reports == 0);  // they would be lost as well
  CHECK_FALSE(write_within(pipe.writer(), "ready\n", 10ms));
}

}  // namespace
}  // namespace sightline
