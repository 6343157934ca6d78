// Pillow's resize, bit for bit.
//
// For one axis of n input samples and m output samples (Pillow's src/libImaging/Resample.c): an output sample i uses
// the inputs around (i + 0.5) * n / m, as far as the filter reaches (stretched by n / m when shrinking). Weights are
// computed in double, divided by their sum, and rounded to 22 fractional bits. Sums are of 32-bit integers. The first
// axis is rounded to bytes before the second is summed: rows as a rule, columns if the height shrinks by more than
// twice as much as the width (Pillow 13).
#pragma once

#include <cstdint>
#include <vector>

#include "models/image/picture.h"
#include "models/image/preprocess.h"

namespace sightline::models {

/// `size` samples from `begin` on.
struct Span {
  std::uint64_t begin = 0, size = 0;
};

/// The weighted inputs of each output sample of a window, along one axis.
struct AxisWeights {
  static constexpr int k_fraction_bits = 22;

  /// Output i of the window is the sum of inputs [begin, begin + count) times weights[first], weights[first +
  /// 1], ...
  struct Taps {
    std::uint32_t begin = 0, count = 0;
    std::size_t first = 0;
  };
  std::vector<Taps> taps;
  std::vector<std::int32_t> weights;

  /// The inputs that any output of the window uses.
  Span inputs() const;
};

/// The weights of the outputs in `window` when `in` samples become `out`. If both are equal, and for the filter
/// `nearest`, each output has one tap of weight 1: a copy.
AxisWeights axis_weights(std::uint32_t in, std::uint64_t out, Span window, PreprocessConfig::Filter filter);

/// One tap of weight 1 for each input of `window`.
AxisWeights axis_copies(Span window);

/// Computes only the window of `columns` and `rows` of `picture` resized to `width` x `height`. Pixel (0, 0) of the
/// window is written to `out`; its rows are `out_stride` bytes apart. Memory: 12 bytes per pixel of the window, and 4
/// bytes per tap (at most 8 taps per input sample of each axis).
void resample(const Picture& picture, std::uint64_t width, std::uint64_t height, Span columns, Span rows,
              PreprocessConfig::Filter filter, std::uint8_t* out, std::size_t out_stride);

}  // namespace sightline::models
