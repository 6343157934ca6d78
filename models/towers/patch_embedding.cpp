#include "models/towers/patch_embedding.h"

#include <ATen/Parallel.h>

namespace sightline::models {
namespace {

/// In the order of transformers' image processor: multiplied by the factor in float64, rounded to float32, then
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

PatchEmbedding::PatchEmbedding(const Weights& weights, const PatchGrid& grid, const PixelScale& pixels,
                               const Compute& compute)
    : grid_(grid),
      compute_(compute),
      scaled_(scale_table(pixels)),
      convolution_(weights.kernel.flatten(1), weights.bias, compute),
      class_token_(weights.class_token),
      positions_(weights.positions) {}

/// One row per patch, [pictures * patches, 3 * patch * patch] in the order of the convolution's weights (channel, y,
/// x): the convolution is a matrix product of these.
at::Tensor PatchEmbedding::cut_patches(std::span<const std::uint8_t* const> pictures) const {
  const std::int64_t grid = grid_.edge(), patch = grid_.patch_size, edge = grid_.image_size;
  const std::int64_t rows = static_cast<std::int64_t>(pictures.size()) * grid * grid, row_floats = 3 * patch * patch;
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
  return patches.to(compute_.device, compute_.product_dtype);
}

at::Tensor PatchEmbedding::run(std::span<const std::uint8_t* const> pictures) const {
  const auto count = static_cast<std::int64_t>(pictures.size());
  const std::int64_t patches = grid_.patches(), width = convolution_.out();
  const at::Tensor embedded = convolution_(cut_patches(pictures), compute_).view({count, patches, width});
  at::Tensor x = at::empty({count, tokens(), width}, compute_.options());
  if (class_token_.defined()) x.select(1, 0).copy_(class_token_ + positions_.select(0, 0));
  at::Tensor rest = x.narrow(1, tokens() - patches, patches);
  at::add_out(rest, embedded, positions_.narrow(0, tokens() - patches, patches));
  return x.view({count * tokens(), width});
}

std::vector<Sequence> PatchEmbedding::sequences(std::size_t pictures) const {
  std::vector<Sequence> sequences(pictures);
  for (std::size_t i = 0; i < pictures; ++i) {
    sequences[i] = {static_cast<std::int64_t>(i) * tokens(), tokens()};
  }
  return sequences;
}

}  // namespace sightline::models
