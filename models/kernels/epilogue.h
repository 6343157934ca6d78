// The operation on a product's results while they are in registers.
#pragma once

#include <cstdint>

namespace sightline::models::kernels {

enum class Epilogue : std::uint8_t { none, quick_gelu, gelu, gelu_tanh, silu, add, multiply };

}  // namespace sightline::models::kernels
