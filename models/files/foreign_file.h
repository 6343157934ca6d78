// What lies in a model's folder under a file's name and is not that file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace sightline::models {

/// As many of a file's first bytes as `refuse_foreign_file` looks at.
inline constexpr std::size_t k_judged_bytes = 1024;

/// Refuses what downloads and clones leave where a model's file should be: a Git LFS pointer, a web page, an
/// error text of a model hub (a gated model, a wrong name), an archive, a pickle, an empty file. Goes by the
/// file's first bytes; `size` is of the whole file.
/// Errors: corrupt_data, which says what the file is and how to get the right one.
Status refuse_foreign_file(const std::filesystem::path& file, std::string_view first_bytes,
                           std::uint64_t size);

}  // namespace sightline::models
