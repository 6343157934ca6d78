// Layer normalisation, row by row.
#pragma once

#include "models/kernels/rows.h"

namespace sightline::models::kernels {

/// out = (x - mean) / sqrt(variance + eps) * weight + bias, mean and variance of each row (J. L. Ba et al., "Layer
/// Normalization"). `x` is float32, `out` float32 or bfloat16 and may be `x`; `weight` and `bias` are [columns].
void layer_norm(const Rows& x, const float* weight, const float* bias, float eps, const Rows& out);

}  // namespace sightline::models::kernels
