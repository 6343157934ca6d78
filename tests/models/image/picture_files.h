// Pictures for the tests: the fixtures, and files made here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/image/preprocess.h"

namespace sightline::models {

/// A file below tests/fixtures/images.
std::string picture_file(const std::string& name);

/// The whole picture as it was decoded: no resize, no crop.
PreprocessConfig whole_picture();

/// A chunk with its length and checksum.
std::string png_chunk(const std::string& type, const std::string& data);

/// A PNG that says it is `width` x `height`, and holds `data` as its only IDAT. `colour`: the bits of a sample and
/// the type; 8-bit RGB.
std::string png_file(std::uint32_t width, std::uint32_t height, const std::string& data,
                     const std::string& colour = "\x08\x02");

/// A 24-bit BMP, bottom row first, of `width` x `height` pixels of one grey.
std::string bmp_file(std::int32_t width, std::int32_t height, std::uint8_t grey);

/// `bytes` with those from `at` on replaced by `patch`.
std::string patched(std::string bytes, std::size_t at, const std::string& patch);

/// A small file of each kind the decoders have a path for, by name below tests/fixtures/images.
const std::vector<std::string>& small_files();

}  // namespace sightline::models
