// Rotary position embedding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/rows.h"

namespace sightline::models::kernels {

/// Rotary position embedding of neighbouring pairs (J. Su et al., "RoFormer"): pair i of each head of a token is
/// rotated by an angle that depends on the token's place.
class Rotary {
 public:
  /// `angles` [places, pairs] row-major, where a head has 2 * pairs columns.
  Rotary(std::span<const float> angles, std::int64_t places);

  /// Rotates `x`, float32 [tokens, heads * 2 * pairs], in place; `places` [tokens] has each token's place.
  void turn(const Rows& x, std::span<const std::int64_t> places) const;

 private:
  std::int64_t width_;                  ///< of a head
  std::vector<float> cosines_, sines_;  ///< [places, width_]; each sine twice, the first one negative
};

}  // namespace sightline::models::kernels
