// preprocessor_config.json: the preprocessing that a checkpoint requires.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "models/image/preprocess.h"

namespace sightline::models {

/// Reads the `image_processor` of `folder`/processor_config.json (transformers 5), or `folder`/preprocessor_config.json
/// if there is none, as transformers' CLIPImageProcessor and SiglipImageProcessor do, and checks that the result is the
/// square of `image_size` pixels that the vision tower requires.
/// - `size` and `crop_size` may be an integer (older files) or an object: {"shortest_edge"}, {"height", "width"}.
/// - JinaCLIPImageProcessor has `resize_mode`, `interpolation`, `mean` and `std` instead, and another centre crop.
/// - Missing keys take the class's defaults: 224, bicubic, for CLIP OpenAI's mean and standard deviation, for SigLIP no
///   crop and 0.5.
/// - Null is refused where it does not mean the same as a missing key. So is padding (`do_pad`).
/// - A missing file is an error: checkpoints differ in mean and standard deviation, and a guess would give wrong
///   vectors.
/// Errors: not_found; unsupported (another image processor, an unknown filter); corrupt_data; each names file and key.
Result<PreprocessConfig> read_preprocessor_config(const std::filesystem::path& folder, std::uint32_t image_size);

/// One line for people: "RGB, shortest edge 224 bicubic (Pillow), centre crop 224, mean ... std ...".
std::string describe(const PreprocessConfig& config);

}  // namespace sightline::models
