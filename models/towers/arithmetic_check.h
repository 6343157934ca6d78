// Checks that this processor and these libraries compute correctly. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <stdexcept>

#include "models/towers/layers.h"

namespace sightline::models {

/// A library computes wrong results; the text names it and what to do.
class WrongArithmetic : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Compares `layer` with the plain formula for some numbers of rows, at some outputs; `weight` [out, in] and `bias`
/// [out] (undefined: none) are float32 or of the type that the layer is computed in. Throws WrongArithmetic.
void check_product(const Linear& layer, const at::Tensor& weight, const at::Tensor& bias, const Compute& compute);

/// The same for attention and layer norm, on small matrices. Throws WrongArithmetic.
void check_attention_and_norm(const Compute& compute);

}  // namespace sightline::models
