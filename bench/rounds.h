// Measuring by turns with other programs: a loaded model that works on request, and waits in between.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "models/embedder.h"

namespace sightline::bench {

/// The inputs of the rounds, the same as those of the other programs of a comparison.
struct RoundInputs {
  std::vector<models::Prepared> images, texts;
};

/// Reads windows of `ModelInfo::image_size` squared from `rgb_file` ([pictures, height, width, 3] bytes, nothing else)
/// and token ids from `ids_file` (one text per line, ids in decimal, separated by whitespace). An empty name reads
/// nothing. Errors: not_found, corrupt_data; each names the file.
Result<RoundInputs> read_round_inputs(const std::string& rgb_file, const std::string& ids_file,
                                      const models::ModelInfo& info);

/// Answers each line of `commands` with one line of JSON on `answers`, until "quit" or the end:
///
///   images COUNT SECONDS        embeds the first COUNT pictures repeatedly for about SECONDS, after one
///                               run that is not timed: {"runs", "median_s", "best_s", "cpu_s" (of all
///                               threads, per run), "resident_mib", "highest_mib"}
///   texts COUNT SECONDS         the same with texts
///   files COUNT FILE SECONDS    decodes, resizes and crops the picture in FILE COUNT times, then embeds them as one batch:
///                               the same as `images`
///   vectors images COUNT FILE   writes the unit vectors, float32 [COUNT, dims], to FILE: {"count", "dims"}
///   vectors texts COUNT FILE
///   prepare FILE SECONDS        decodes, resizes and crops the picture in FILE repeatedly
///   window FILE OUT             writes the result, [height, width, 3] bytes, to OUT: {"count", "dims"}
///
/// A command that fails is answered with {"error"}, and the next one is read.
void serve_rounds(models::Embedder& embedder, const RoundInputs& inputs, std::istream& commands, std::ostream& answers);

}  // namespace sightline::bench
