// Writing safetensors, for programs that make checkpoints and for tests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/model_folder/safetensors.h"

namespace sightline::models {

/// One tensor to be written.
struct TensorSpec {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;

  std::uint64_t elements() const;
};

/// The length and the header, padded so that the data is aligned to 8 bytes. The caller writes the bytes of each tensor
/// after it, in this order and without gaps.
std::string safetensors_header(std::span<const TensorSpec> tensors);

}  // namespace sightline::models
