// The matrix library of libtorch, and whether it is a fast one.
#pragma once

#include <string>

#include "base/result.h"

namespace sightline::models {

/// Empty if the BLAS in use shares libtorch's threads (OpenBLAS built for OpenMP, or MKL inside libtorch).
/// Otherwise a sentence for the log that names the library and what to install: OpenBLAS with its own
/// thread pool makes embedding about four times slower, the reference BLAS a hundred times.
std::string blas_warning();

/// One line for the log, e.g. "OpenBLAS 0.3.21 (OpenMP),
/// /usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3".
std::string blas_description();

/// Multiplies once, so that OpenBLAS allocates the buffer of the calling thread now, while there is memory: without
/// memory it retries forever. It allocates its other buffers before `main`. Errors: overloaded (no memory).
Status take_blas_buffer();

}  // namespace sightline::models
