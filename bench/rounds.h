// Measuring by turns with other programs: a loaded model that works when it is asked, and waits in between.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "models/embedder.h"

namespace sightline::bench {

/// What the rounds run on: the same inputs that the other programs of a comparison get.
struct RoundInputs {
  std::vector<models::Prepared> images, texts;
};

/// Reads windows of `ModelInfo::image_size` squared from `rgb_file` ([pictures, height, width, 3] bytes,
/// nothing else) and token ids from `ids_file` (one text per line, ids in decimal, separated by blanks). An
/// empty name reads nothing. Errors: not_found, corrupt_data; each names the file.
Result<RoundInputs> read_round_inputs(const std::string& rgb_file, const std::string& ids_file,
                                      const models::ModelInfo& info);

/// Answers each line of `commands` with one line of JSON on `answers`, until "quit" or the end:
///
///   images COUNT SECONDS        embeds the first COUNT pictures again and again for about SECONDS, once
///                               before without a clock: {"runs", "median_s", "best_s", "cpu_s" (of all
///                               threads, per run), "resident_mib", "highest_mib"}
///   texts COUNT SECONDS         the same with texts
///   files COUNT FILE SECONDS    decodes, resizes and crops the picture in FILE COUNT times, then embeds them as one batch:
///                               the same as `images`
///   vectors images COUNT FILE   writes the unit vectors, float32 [COUNT, dims], to FILE: {"count", "dims"}
///   vectors texts COUNT FILE
///   prepare FILE SECONDS        decodes, resizes and crops the picture in FILE again and again
///   window FILE OUT             writes what comes of it, [height, width, 3] bytes, to OUT: {"count", "dims"}
///
/// A command that fails is answered with {"error"}, and the next one is read.
void serve_rounds(models::Embedder& embedder, const RoundInputs& inputs, std::istream& commands, std::ostream& answers);

}  // namespace sightline::bench
