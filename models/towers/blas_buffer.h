// The work memory of OpenBLAS.
#pragma once

#include <cstddef>

namespace sightline::models {

/// The address space of one buffer of Debian's OpenBLAS. OpenBLAS needs one per thread that multiplies, and retries
/// forever if there is no memory for it (0.3.21, driver/others/memory.c, blas_memory_alloc).
inline constexpr std::size_t k_blas_buffer_bytes = (std::size_t{128} << 20) + (64u << 10);

}  // namespace sightline::models
