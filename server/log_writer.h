// Writes log lines even if the reader is slow, blocked or gone.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sightline {

/// Queues lines and writes them on a separate thread, so that no other thread ever waits for the log.
///
/// Flow: 1. `write` queues a line, or drops and counts it where the queue is full.
///       2. The thread writes what is queued, as fast as the descriptor takes it.
///       3. As soon as lines get through again, a line reports how many were dropped before it.
/// A reader that is gone (EPIPE) or a full disk loses only the current lines. SIGPIPE must be
/// ignored.
/// Thread safety: all members may be called from any thread.
class LogWriter {
 public:
  struct Options {
    int descriptor = 2;
    std::size_t max_waiting_bytes = 1u << 20;  ///< of lines not yet written
    /// The line, with its end, that reports how many lines were dropped. Called on the writer's thread.
    std::function<std::string(std::uint64_t dropped)> dropped_line;
  };

  /// Throws std::system_error if no thread can be started.
  explicit LogWriter(Options options);
  /// Gives up what is still queued: call `flush` first. Does not wait for a write that hangs.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// `line` with its end. Never blocks, never throws.
  void write(std::string_view line) noexcept;

  /// Waits until what was queued before is written or lost, and what was dropped is reported. False: it took
  /// longer than `within`.
  bool flush(std::chrono::milliseconds within);

  /// Lines dropped so far, for lack of room or because they could not be written.
  std::uint64_t dropped() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too, which may outlive this object in a write that hangs
};

/// Writes `text` to `descriptor` without ever waiting longer than `within` for its reader. False: not all of
/// it was written.
bool write_within(int descriptor, std::string_view text, std::chrono::milliseconds within) noexcept;

}  // namespace sightline
