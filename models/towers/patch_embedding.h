// From pictures to the tokens that a vision tower begins with. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/towers/attention.h"
#include "models/towers/layers.h"
#include "models/towers/towers.h"

namespace sightline::models {

/// Pictures -> patches, normalised -> a convolution whose stride is its kernel, then the class token before
/// them and positions on all.
class PatchEmbedding {
 public:
  struct Weights {
    at::Tensor kernel;       ///< [width, 3, patch, patch]
    at::Tensor bias;         ///< [width]; undefined: none
    at::Tensor class_token;  ///< [width]; undefined: none
    at::Tensor positions;    ///< [tokens, width]
  };

  PatchEmbedding(const Weights& weights, const PatchGrid& grid, const PixelScale& pixels, const Compute& compute);

  /// [pictures * tokens, width]; each picture is [image_size, image_size, 3] bytes.
  at::Tensor run(std::span<const std::uint8_t* const> pictures) const;

  std::int64_t tokens() const { return grid_.patches() + (class_token_.defined() ? 1 : 0); }
  /// The positions of the tokens of `pictures` pictures.
  std::vector<Sequence> sequences(std::size_t pictures) const;

 private:
  at::Tensor cut_patches(std::span<const std::uint8_t* const> pictures) const;

  PatchGrid grid_;
  Compute compute_;
  std::array<std::array<float, 256>, 3> scaled_{};  ///< [channel][byte]: the input of the tower
  Linear convolution_;                              ///< [3 * patch * patch -> width]
  at::Tensor class_token_, positions_;              ///< as in Weights
};

}  // namespace sightline::models
