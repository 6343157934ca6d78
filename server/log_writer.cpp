#include "server/log_writer.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <poll.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace sightline {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// How often a writer that waits for its reader looks whether it should end.
constexpr std::chrono::milliseconds k_look_around{100};

enum class Written { progress, timed_out, failed };

/// Writes the next part of `text` and removes it. A pipe that polls as writable takes PIPE_BUF bytes at once:
/// so the descriptor, which other processes may share, need not be made non-blocking.
Written write_some(int descriptor, std::string_view& text, std::chrono::milliseconds within) noexcept {
  pollfd poll_for{descriptor, POLLOUT, 0};
  const int ready = ::poll(&poll_for, 1, static_cast<int>(within.count()));
  if (ready == 0 || (ready < 0 && errno == EINTR)) return Written::timed_out;
  if (ready < 0) return Written::failed;
  const ssize_t written = ::write(descriptor, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
  if (written < 0) return errno == EINTR || errno == EAGAIN ? Written::timed_out : Written::failed;
  text.remove_prefix(static_cast<std::size_t>(written));
  return Written::progress;
}

}  // namespace

struct LogWriter::State {
  explicit State(Options given) : options(std::move(given)) {}

  void run();
  void drop();
  bool must_report() const { return unreported > 0 && !failing && done >= report_after; }
  void report_dropped(std::unique_lock<std::mutex>& lock);
  Written write_out(std::string_view text);

  const Options options;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  std::size_t waiting_bytes = 0;       // of the lines queued, and of those being written
  std::uint64_t queued = 0, done = 0;  // lines, since the start
  std::uint64_t dropped = 0, unreported = 0;
  std::uint64_t report_after = 0;  // the report comes where the first of those is missing
  bool failing = false;            // the last write failed: a report would be lost as well
  bool ended = false;
};

void LogWriter::State::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return ended || !lines.empty() || must_report(); });
    if (ended) return;
    if (must_report()) {
      report_dropped(lock);
      continue;
    }
    const std::string line = std::move(lines.front());
    lines.pop_front();
    lock.unlock();
    const Written written = write_out(line);
    lock.lock();
    if (ended) return;
    failing = written == Written::failed;
    if (failing) drop();
    waiting_bytes -= line.size();
    ++done;
    changed.notify_all();
  }
}

void LogWriter::State::drop() {
  ++dropped;
  if (unreported++ == 0) report_after = queued;
}

void LogWriter::State::report_dropped(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t count = std::exchange(unreported, 0);
  lock.unlock();
  Written written = Written::progress;
  try {
    if (options.dropped_line) written = write_out(options.dropped_line(count));
  } catch (...) {
    written = Written::failed;  // no memory for the report: it comes with a later one
  }
  lock.lock();
  failing = written == Written::failed;
  if (failing) unreported += count, report_after = queued;
  changed.notify_all();
}

Written LogWriter::State::write_out(std::string_view text) {
  while (!text.empty()) {
    const Written written = write_some(options.descriptor, text, k_look_around);
    if (written == Written::failed) return written;
    const std::lock_guard lock(mutex);
    if (ended) return Written::timed_out;
  }
  return Written::progress;
}

LogWriter::LogWriter(Options options) : state_(std::make_shared<State>(std::move(options))) {
  std::thread([state = state_] { state->run(); }).detach();
}

LogWriter::~LogWriter() {
  const std::lock_guard lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_all();
}

void LogWriter::write(std::string_view line) noexcept {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  try {
    if (state.waiting_bytes + line.size() <= state.options.max_waiting_bytes) {
      state.lines.emplace_back(line);
      state.waiting_bytes += line.size();
      ++state.queued;
      state.changed.notify_all();
      return;
    }
  } catch (...) {  // no memory for it
  }
  state.drop();
  state.changed.notify_all();
}

bool LogWriter::flush(std::chrono::milliseconds within) {
  std::unique_lock lock(state_->mutex);
  const std::uint64_t wanted = state_->queued;
  return state_->changed.wait_for(
      lock, within, [&] { return state_->done >= wanted && (state_->unreported == 0 || state_->failing); });
}

std::uint64_t LogWriter::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

bool write_within(int descriptor, std::string_view text, std::chrono::milliseconds within) noexcept {
  const auto until = SteadyClock::now() + within;
  while (!text.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now());
    if (left.count() < 0 || write_some(descriptor, text, left) == Written::failed) return false;
  }
  return true;
}

}  // namespace sightline
