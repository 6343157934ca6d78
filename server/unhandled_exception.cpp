#include "server/unhandled_exception.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <system_error>
#include <unistd.h>

#include "server/log_writer.h"
#include "server/logging.h"

namespace sightline {
namespace {

constexpr std::chrono::milliseconds k_patience{300};

/// Takes no memory: there may be none.
void say(const char* what) {
  char line[512];
  const int length = std::snprintf(line, sizeof line, "sightline-server: stopped: %s\n", what);
  if (length <= 0) return;
  write_within(STDERR_FILENO, {line, std::min<std::size_t>(length, sizeof line - 1)}, k_patience);
}

[[noreturn]] void end_process() {
  flush_log(k_patience);
  try {
    if (const std::exception_ptr current = std::current_exception()) std::rethrow_exception(current);
    say("std::terminate was called");
  } catch (const std::bad_alloc&) {
    say("out of memory");
    std::_Exit(EXIT_FAILURE);
  } catch (const std::system_error& error) {
    say(error.what());
    if (error.code() == std::errc::resource_unavailable_try_again) std::_Exit(EXIT_FAILURE);
  } catch (const std::exception& error) {
    say(error.what());
  } catch (...) {
    say("an exception of unknown type");
  }
  std::abort();
}

}  // namespace

void settle_unhandled_exceptions() {
  std::set_terminate(end_process);
}

}  // namespace sightline
