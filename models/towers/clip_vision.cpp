#include "models/towers/clip_vision.h"

#include <ATen/Parallel.h>
#include <vector>

namespace sightline::models {
namespace {

/// In the order of transformers' image processor: times the factor in float64, rounded to float32, then
/// normalised in float32. Equal inputs give equal bits.
std::array<std::array<float, 256>, 3> scale_table(const PixelScale& pixels) {
  std::array<std::array<float, 256>, 3> table{};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (int value = 0; value < 256; ++value) {
      const auto rescaled = static_cast<float>(value * pixels.rescale_factor);
      table[channel][value] = (rescaled - pixels.mean[channel]) / pixels.std[channel];
    }
  }
  return table;
}

}  // namespace

ClipVisionTower::ClipVisionTower(WeightBinder& weights, const ClipVisionConfig& config,
                                 std::int64_t projection_dim, const PixelScale& pixels,
                                 const Compute& compute)
    : config_(config),
      compute_(compute),
      scaled_(scale_table(pixels)),
      class_embedding_(weights.take("vision_model.embeddings.class_embedding", {config.transformer.width})),
      patch_weight_t_(weights
                          .take("vision_model.embeddings.patch_embedding.weight",
                                {config.transformer.width, 3, config.patch_size, config.patch_size})
                          .flatten(1)
                          .t()),
      positions_(weights.take("vision_model.embeddings.position_embedding.weight",
                              {config.tokens(), config.transformer.width})),
      // The published tensors' own spelling.
      pre_norm_(LayerNorm::bind(weights, "vision_model.pre_layrnorm", config.transformer.width,
                                config.transformer.layer_norm_eps)),
      post_norm_(LayerNorm::bind(weights, "vision_model.post_layernorm", config.transformer.width,
                                 config.transformer.layer_norm_eps)),
      transformer_(weights, "vision_model", config.transformer, compute),
      projection_t_(
          weights.take("visual_projection.weight", {projection_dim, config.transformer.width}).t()) {
  weights.ignore("vision_model.embeddings.position_ids");  // older files carry 0, 1, 2, ...
}

/// One row a patch, [pictures * patches, 3 * patch * patch] in the order of the convolution's weights
/// (channel, y, x): a convolution whose stride is its kernel is a matrix product of these.
at::Tensor ClipVisionTower::cut_patches(std::span<const std::uint8_t* const> pictures) const {
  const std::int64_t grid = config_.grid(), patch = config_.patch_size, edge = config_.image_size;
  const std::int64_t rows = static_cast<std::int64_t>(pictures.size()) * grid * grid,
                     row_floats = 3 * patch * patch;
  at::Tensor patches = at::empty({rows, row_floats}, at::kFloat);
  float* const out = patches.data_ptr<float>();
  at::parallel_for(0, rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t cell = row % (grid * grid), left = cell % grid * patch, top = cell / grid * patch;
      const std::uint8_t* const picture = pictures[static_cast<std::size_t>(row / (grid * grid))];
      float* value = out + row * row_floats;
      for (std::size_t channel = 0; channel < 3; ++channel) {
        for (std::int64_t y = top; y < top + patch; ++y) {
          const std::uint8_t* pixel = picture + (y * edge + left) * 3 + channel;
          for (std::int64_t x = 0; x < patch; ++x, pixel += 3) *value++ = scaled_[channel][*pixel];
        }
      }
    }
  });
  return patches.to(compute_.device, compute_.dtype);
}

/// [pictures * tokens, width]: of each picture the class embedding, then its patches, positions added.
at::Tensor ClipVisionTower::embed_patches(std::span<const std::uint8_t* const> pictures) const {
  const auto count = static_cast<std::int64_t>(pictures.size());
  const std::int64_t tokens = config_.tokens(), width = config_.transformer.width;
  const at::Tensor patches = at::mm(cut_patches(pictures), patch_weight_t_).view({count, tokens - 1, width});
  at::Tensor x = at::empty({count, tokens, width}, compute_.options());
  x.select(1, 0).copy_(class_embedding_ + positions_.select(0, 0));
  at::Tensor rest = x.narrow(1, 1, tokens - 1);
  at::add_out(rest, patches, positions_.narrow(0, 1, tokens - 1));
  return x.view({count * tokens, width});
}

at::Tensor ClipVisionTower::run(std::span<const std::uint8_t* const> pictures) const {
  std::vector<Sequence> sequences(pictures.size());
  std::vector<std::int64_t> pooled(pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const std::int64_t begin = static_cast<std::int64_t>(i) * config_.tokens();
    sequences[i] = {begin, config_.tokens()};
    pooled[i] = begin;  // the class token
  }
  const at::Tensor x = transformer_.run(pre_norm_(embed_patches(pictures)), sequences, pooled, {});
  return at::mm(post_norm_(x), projection_t_);
}

}  // namespace sightline::models
