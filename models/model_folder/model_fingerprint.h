// A short fingerprint of the model in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline::models {

/// 16 hexadecimal digits that change with anything that affects vectors: a SHA-256 over the bytes of config.json, of
/// the preprocessor's and the tokenizer's files (in OpenCLIP's layout of open_clip_config.json and the tokenizer's files,
/// in sentence-transformers' of the modules' files, too)
/// and of all weights, and over how they are used. Vectors of equal
/// fingerprints are comparable; others may not be. The model card is not included, nor are settings that do not change
/// vectors: the device, threads, limits.
///
/// `dtype` is the type that the towers compute in, `exif_orientation` whether pictures are rotated by their EXIF
/// orientation. Reads every byte of the weights: about 0.8 s per GB if the processor has SHA instructions and the files
/// are in memory. Errors: those of Checkpoint::open and of reading the files.
Result<std::string> model_fingerprint(const std::filesystem::path& folder, std::string_view dtype,
                                      bool exif_orientation);

/// The same of a model whose pictures are embedded by one folder and whose texts by another: it changes with the
/// fingerprint of either.
Result<std::string> model_fingerprint(const std::filesystem::path& pictures, const std::filesystem::path& texts,
                                      std::string_view dtype, bool exif_orientation);

}  // namespace sightline::models
