// How far the loading is, for a person watching or for a log.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

namespace sightline::ingest {

/// What has become of the pictures so far.
struct Tally {
  std::size_t total = 0;  ///< documents to make
  std::size_t indexed = 0;
  std::size_t updated = 0;     ///< of those indexed: the index held them before
  std::size_t skipped = 0;     ///< the index held them already (--resume)
  std::size_t duplicates = 0;  ///< same bytes as another file of this run
  std::size_t failed = 0;
  std::size_t retried = 0;        ///< times a document was sent again
  std::size_t pictures_read = 0;  ///< files, of which a document may have several
  std::uint64_t bytes_read = 0;   ///< of these
  std::size_t done() const { return indexed + skipped + duplicates + failed; }
};

/// One line: bar, count, documents indexed per second (where none was indexed: files read per second), megabytes read
/// per second, time left. `elapsed` is since the start.
std::string progress_bar(const Tally& tally, std::chrono::duration<double> elapsed);
/// The same as a line of a log.
std::string progress_line(const Tally& tally, std::chrono::duration<double> elapsed);

/// A line on a stream that says how far something is: redrawn on a terminal, else printed every ten seconds.
class ProgressLine {
 public:
  ProgressLine(std::FILE* stream, bool quiet);
  bool is_redrawn() const { return terminal_; }
  /// Shows what `text` makes, unless a line was shown a moment ago, or `quiet`. The `last` one is always shown.
  void show(const std::function<std::string()>& text, bool last = false);

 private:
  using Clock = std::chrono::steady_clock;
  std::FILE* stream_;
  bool quiet_, terminal_;
  Clock::time_point shown_ = Clock::now();
};

/// The progress of a load: a bar on a terminal, else lines.
class Progress {
 public:
  Progress(std::FILE* stream, bool quiet) : line_(stream, quiet) {}
  void show(const Tally& tally, bool last = false);

 private:
  using Clock = std::chrono::steady_clock;
  ProgressLine line_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace sightline::ingest
