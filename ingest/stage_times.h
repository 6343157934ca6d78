// What the time of a load goes to.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "ingest/progress.h"

namespace sightline::ingest {

/// Adds up what the loader's reading thread spends its time on. Each moment belongs to one stage, so the stage with the
/// most time is the one to make faster.
///
/// While the thread waits for bulks, the time is divided as their answers say: `ingest_took` is the pipeline's, `took`
/// the index's, and the rest of the time until the answer is the transfer's (with the wait in queues).
/// Thread safety: none.
class StageTimes {
 public:
  using Seconds = std::chrono::duration<double>;
  enum class Stage : std::uint8_t { reading, looking_up, pipeline, indexing, sending, retrying };
  static constexpr std::size_t k_stages = 6;

  void add_reading(Seconds time) { reading_ += time; }
  void add_looking_up(Seconds time) { looking_up_ += time; }
  /// The thread waited for the answer to a bulk.
  void add_waiting(Seconds time) { waiting_ += time; }
  /// The thread waited until documents were due to be sent again, and no bulk was under way.
  void add_retrying(Seconds time) { retrying_ += time; }
  /// A bulk was answered `elapsed` after it was sent. `pipeline` and `indexing` are as its answer has them.
  void add_bulk(Seconds elapsed, Seconds pipeline, Seconds indexing);

  Seconds of(Stage stage) const;
  /// The stage with the most time.
  Stage slowest() const;

 private:
  Seconds reading_{}, looking_up_{}, waiting_{}, retrying_{};
  Seconds pipeline_{}, indexing_{}, sending_{};  // of all bulks, which overlap
};

/// Such as "2,000 pictures in 71 s (28 per second, 2.2 MB per second); slowest: the pipeline (embedding), 93 % of the
/// time". Empty if no picture was read.
std::string speed_line(const Tally& tally, const StageTimes& times, StageTimes::Seconds elapsed);

}  // namespace sightline::ingest
