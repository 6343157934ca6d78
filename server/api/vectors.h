// Arithmetic on unit vectors.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"

namespace sightline::api {

/// One vector for several parts of a content: the mean of their unit vectors, normalised to unit length; every
/// part counts the same. Errors: invalid_argument (they cancel each other out).
Result<std::vector<float>> fused(std::span<const std::vector<float>> parts);

/// The first `dims` floats, normalised to unit length. Errors: invalid_argument (`dims` is 0 or more than there
/// are; the rest is zero).
Result<std::vector<float>> shortened(std::vector<float> vector, std::size_t dims);

/// Cosine of two unit vectors of the same length.
double cosine(std::span<const float> a, std::span<const float> b);

}  // namespace sightline::api
