#include "base/standard_streams.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <initializer_list>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace sightline;

namespace {

/// In a process of its own without the streams of `closed`: the number that the next file gets.
int next_descriptor(std::initializer_list<int> closed) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int each : closed) ::close(each);
    open_missing_standard_streams();
    ::_exit(::open("/dev/zero", O_RDONLY));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("no file gets the number of a standard stream that was closed") {
  const int usual = next_descriptor({});
  CHECK(usual > 2);
  CHECK(next_descriptor({0}) == usual);
  CHECK(next_descriptor({1, 2}) == usual);
  CHECK(next_descriptor({0, 1, 2}) == usual);
}

TEST_CASE("a write into a pipe that nobody reads fails and does not end the process") {
  const pid_t child = ::fork();
  if (child == 0) {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(2);
    ::close(ends[0]);
    survive_broken_pipes();
    ::_exit(::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
