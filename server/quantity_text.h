// Sizes and times as options write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace sightline {

/// A number of bytes: a whole number with a unit (20MB, 512kB, 1GiB; a kB has 1024 bytes) or without (1048576). The case
/// of letters does not matter. Errors: invalid_argument, with what is accepted.
Result<std::uint64_t> size_from(std::string_view text);

/// A span of time: a whole number with its unit, ms, s, m or h, at most 100,000 hours. Errors: invalid_argument, with what
/// is accepted.
Result<std::chrono::milliseconds> time_from(std::string_view text);

}  // namespace sightline
