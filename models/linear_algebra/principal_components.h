// The directions in which vectors differ most.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"

namespace sightline::models {

/// The coordinates of vectors along their principal components.
struct Components {
  std::size_t count = 0;      ///< components of each vector, the one with the most variance first
  std::vector<float> values;  ///< [vectors, count]
};

/// The first `wanted` principal components of `vectors` ([count, dims], row by row), or as many as there can be:
/// min(wanted, dims, count - 1), at least 1. Moves the mean of `vectors` to 0.
///
/// Randomised subspace iteration (Halko, Martinsson, Tropp, SIAM Review 53(2), 2011, algorithm 4.4) from a fixed
/// start, on one thread: the same vectors give the same components, however many threads the process has. Each
/// component's number of largest size over all vectors is positive. Needs about 200 bytes per vector beside `vectors`.
/// Errors: overloaded (no memory), internal.
Result<Components> principal_components(std::vector<float>& vectors, std::size_t count, std::size_t dims,
                                        std::size_t wanted);

}  // namespace sightline::models
