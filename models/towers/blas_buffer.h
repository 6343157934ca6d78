// The memory that OpenBLAS works in.
#pragma once

#include <cstddef>

namespace sightline::models {

/// One buffer of Debian's OpenBLAS, as address space: it has one for each thread that multiplies, and tries for
/// ever where there is no room for one (0.3.21, driver/others/memory.c, blas_memory_alloc).
inline constexpr std::size_t k_blas_buffer_bytes = (std::size_t{128} << 20) + (64u << 10);

}  // namespace sightline::models
