// CLIP's vision tower. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <array>
#include <cstdint>
#include <span>

#include "models/towers/transformer.h"

namespace sightline::models {

/// Pictures -> patches -> transformer -> first token -> projection.
class ClipVisionTower {
 public:
  ClipVisionTower(WeightBinder& weights, const ClipVisionConfig& config, std::int64_t projection_dim,
                  const PixelScale& pixels, const Compute& compute);

  /// [pictures, projection_dim]; each picture is [image_size, image_size, 3] bytes.
  at::Tensor run(std::span<const std::uint8_t* const> pictures) const;

  std::int64_t tokens_per_picture() const { return config_.tokens(); }

 private:
  at::Tensor cut_patches(std::span<const std::uint8_t* const> pictures) const;
  at::Tensor embed_patches(std::span<const std::uint8_t* const> pictures) const;

  ClipVisionConfig config_;
  Compute compute_;
  std::array<std::array<float, 256>, 3> scaled_{};  ///< of each channel, each byte as the tower takes it
  at::Tensor class_embedding_;                      ///< [width]
  at::Tensor patch_weight_t_;                       ///< [3 * patch * patch, width]
  at::Tensor positions_;                            ///< [1 + patches, width]
  LayerNorm pre_norm_, post_norm_;
  Transformer transformer_;
  at::Tensor projection_t_;  ///< [width, projection_dim]
};

}  // namespace sightline::models
