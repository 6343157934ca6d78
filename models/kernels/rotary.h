// Rotary position embedding.
#pragma once

#include <span>
#include <vector>

#include "models/kernels/rows.h"

namespace sightline::models::kernels {

/// Rotary position embedding of neighbouring pairs (J. Su et al., "RoFormer"): pair i of each head of token t is
/// rotated by a separate angle.
class Rotary {
 public:
  /// `angles` [tokens, pairs] row-major, where a head has 2 * pairs columns.
  Rotary(std::span<const float> angles, std::int64_t tokens);

  /// Rotates `x`, float32 [inputs * tokens, heads * 2 * pairs], in place.
  void turn(const Rows& x) const;

 private:
  std::int64_t tokens_, width_;         ///< width_: of a head
  std::vector<float> cosines_, sines_;  ///< [tokens, width_]; each sine twice, the first one negative
};

}  // namespace sightline::models::kernels
