#include "ingest/progress.h"

#include <algorithm>
#include <cmath>
#include <unistd.h>

namespace sightline::ingest {
namespace {

std::string left_text(const Tally& tally, std::chrono::duration<double> elapsed) {
  if (tally.done() >= tally.total) return "";
  const double rate = static_cast<double>(tally.indexed) / elapsed.count();
  const auto seconds = std::lround(static_cast<double>(tally.total - tally.done()) / rate);
  char text[48];
  std::snprintf(text, sizeof text, ", %ld:%02ld left", seconds / 60, seconds % 60);
  return text;
}

std::string rate(const char* format, double number, std::chrono::duration<double> elapsed) {
  char text[48];
  std::snprintf(text, sizeof text, format, number / elapsed.count());
  return text;
}

std::string counts_text(const Tally& tally, std::chrono::duration<double> elapsed) {
  std::string all = std::to_string(tally.done()) + "/" + std::to_string(tally.total);
  if (elapsed.count() > 0) {
    if (tally.indexed > 0) {
      all += rate(", %.1f documents/s", static_cast<double>(tally.indexed), elapsed);
    } else if (tally.pictures_read > 0) {
      all += rate(", %.1f files/s", static_cast<double>(tally.pictures_read), elapsed);
    }
    if (tally.bytes_read > 0) all += rate(", %.1f MB/s", static_cast<double>(tally.bytes_read) / 1e6, elapsed);
    if (tally.indexed > 0) all += left_text(tally, elapsed);
  }
  if (tally.failed > 0) all += ", " + std::to_string(tally.failed) + " failed";
  return all;
}

}  // namespace

std::string progress_bar(const Tally& tally, std::chrono::duration<double> elapsed) {
  std::string bar(30, '#');
  const std::size_t filled =
      tally.total == 0 ? bar.size() : std::min(bar.size(), bar.size() * tally.done() / tally.total);
  std::fill(bar.begin() + static_cast<std::ptrdiff_t>(filled), bar.end(), '.');
  return '[' + bar + "] " + counts_text(tally, elapsed);
}

std::string progress_line(const Tally& tally, std::chrono::duration<double> elapsed) {
  return "indexing: " + counts_text(tally, elapsed);
}

ProgressLine::ProgressLine(std::FILE* stream, bool quiet)
    : stream_(stream), quiet_(quiet), terminal_(isatty(fileno(stream)) == 1) {}

void ProgressLine::show(const std::function<std::string()>& text, bool last) {
  if (quiet_) return;
  const auto now = Clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10'000);
  if (!last && now - shown_ < pause) return;
  shown_ = now;
  std::fprintf(stream_, "%s%s%s", terminal_ ? "\r\x1b[K" : "", text().c_str(), terminal_ && !last ? "" : "\n");
  std::fflush(stream_);
}

void Progress::show(const Tally& tally, bool last) {
  line_.show(
      [&] {
        const auto elapsed = Clock::now() - start_;
        return line_.is_redrawn() ? progress_bar(tally, elapsed) : progress_line(tally, elapsed);
      },
      last);
}

}  // namespace sightline::ingest
