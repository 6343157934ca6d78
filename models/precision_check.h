// Compares a model in a lower precision with the same model in float32.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "models/embedder.h"

namespace sightline::models {

/// Texts and pictures for the towers of `embedder`: short and long texts, and drawn pictures of flat and of busy
/// surfaces. The same in every run. Errors: those of prepare_text.
Result<std::vector<Prepared>> precision_inputs(const Embedder& embedder);

using Vectors = std::vector<Result<std::vector<float>>>;

/// Cosines between the vectors of the same inputs, all unit vectors of one length. Errors: the first of either side.
Result<PrecisionCheck> compare_precisions(const Vectors& exact, const Vectors& lower);

/// A precision with a lower cosine than this changes the ranking and is refused.
inline constexpr double k_least_cosine = 0.99;

}  // namespace sightline::models
