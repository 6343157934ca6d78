// The kernels' operations as plain loops in float64: the reference for the tests and for the check at start.
#pragma once

#include <cstdint>
#include <span>

#include "models/model_folder/transformer_config.h"

namespace sightline::models::kernels::reference {

/// f(x): see Activation.
double activation(Activation function, double x);

/// One number of x W^T + b: `x` and `weight` are the row of each, of the same length.
double product(std::span<const float> x, std::span<const float> weight, double bias);

/// One number of a layer norm over `x`, at `place`.
double layer_norm(std::span<const float> x, std::size_t place, double weight, double bias, double eps);

}  // namespace sightline::models::kernels::reference
