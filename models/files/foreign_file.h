// Detects files in a model's folder that are not what their names promise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace sightline::models {

/// The number of a file's first bytes that `refuse_foreign_file` checks.
inline constexpr std::size_t k_judged_bytes = 1024;

/// Refuses files that downloads and clones leave in place of a model's file: a Git LFS pointer, a web page, an error
/// text of a model hub (a gated model, a wrong name), an archive, a pickle, an empty file. Checks the file's first
/// bytes; `size` is that of the whole file. Errors: corrupt_data, naming what the file is and how to get the right
/// one.
Status refuse_foreign_file(const std::filesystem::path& file, std::string_view first_bytes, std::uint64_t size);

}  // namespace sightline::models
