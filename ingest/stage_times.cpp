#include "ingest/stage_times.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "models/image/picture.h"

namespace sightline::ingest {
namespace {

using models::grouped;
using Seconds = StageTimes::Seconds;

constexpr std::array<const char*, StageTimes::k_stages> k_names{
    "reading the files", "looking documents up (_mget)", "the pipeline (embedding)", "indexing",
    "sending the bulks", "waiting before retries (429)"};

/// With one digit after the point below 10.
std::string short_number(double number) {
  if (number >= 9.95) return grouped(static_cast<std::uint64_t>(std::llround(number)));
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", number);
  return text;
}

std::string span(Seconds elapsed) {
  if (elapsed.count() < 120) return short_number(elapsed.count()) + " s";
  const auto minutes = static_cast<std::uint64_t>(elapsed.count()) / 60;
  const auto seconds = static_cast<std::uint64_t>(elapsed.count()) % 60;
  if (minutes < 120) return std::to_string(minutes) + " min " + std::to_string(seconds) + " s";
  return grouped(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

}  // namespace

void StageTimes::add_bulk(Seconds elapsed, Seconds pipeline, Seconds indexing) {
  pipeline_ += pipeline;
  indexing_ += indexing;
  sending_ += std::max(Seconds(0), elapsed - pipeline - indexing);
}

StageTimes::Seconds StageTimes::of(Stage stage) const {
  const Seconds bulks = pipeline_ + indexing_ + sending_;
  const auto share = [&](Seconds part) { return bulks.count() > 0 ? waiting_ * (part / bulks) : Seconds(0); };
  switch (stage) {
    case Stage::reading:
      return reading_;
    case Stage::looking_up:
      return looking_up_;
    case Stage::pipeline:
      return share(pipeline_);
    case Stage::indexing:
      return share(indexing_);
    case Stage::sending:
      return bulks.count() > 0 ? share(sending_) : waiting_;
    case Stage::retrying:
      return retrying_;
  }
  return {};
}

StageTimes::Stage StageTimes::slowest() const {
  Stage slowest = Stage::reading;
  for (std::size_t at = 1; at < k_stages; ++at) {
    if (of(static_cast<Stage>(at)) > of(slowest)) slowest = static_cast<Stage>(at);
  }
  return slowest;
}

std::string speed_line(const Tally& tally, const StageTimes& times, Seconds elapsed) {
  if (tally.pictures_read == 0 || elapsed.count() <= 0) return "";
  const StageTimes::Stage slowest = times.slowest();
  const double share = std::min(1.0, times.of(slowest) / elapsed);
  return grouped(tally.pictures_read) + (tally.pictures_read == 1 ? " picture in " : " pictures in ") + span(elapsed) +
         " (" + short_number(static_cast<double>(tally.pictures_read) / elapsed.count()) + " per second, " +
         short_number(static_cast<double>(tally.bytes_read) / 1e6 / elapsed.count()) +
         " MB per second); slowest: " + k_names[static_cast<std::size_t>(slowest)] + ", " +
         std::to_string(std::lround(100 * share)) + " % of the time";
}

}  // namespace sightline::ingest
