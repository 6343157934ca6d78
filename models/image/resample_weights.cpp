#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/image/resample.h"

namespace sightline::models {
namespace {

using Filter = PreprocessConfig::Filter;

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double box(double x) {
  return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

double bilinear(double x) {
  return std::max(0.0, 1.0 - std::abs(x));
}

double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // single-precision constants, as in Pillow
}

/// R. Keys, "Cubic convolution interpolation for digital image processing", with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double lanczos(double x) {
  return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

struct Kernel {
  double (*at)(double);
  double support;  ///< distance from its centre up to which it is not zero, in output samples
};

Kernel kernel_of(Filter filter) {
  switch (filter) {
    case Filter::box:
      return {box, 0.5};
    case Filter::bilinear:
      return {bilinear, 1.0};
    case Filter::hamming:
      return {hamming, 1.0};
    case Filter::lanczos:
      return {lanczos, 3.0};
    case Filter::nearest:
    case Filter::bicubic:
      break;
  }
  return {bicubic, 2.0};
}

/// Each output is a copy of input `source(i)`.
template <class Source>
AxisWeights copies(Span window, Source source) {
  AxisWeights axis;
  axis.weights = {1 << AxisWeights::k_fraction_bits};
  for (std::uint64_t i = window.begin; i < window.begin + window.size; ++i) axis.taps.push_back({source(i), 1, 0});
  return axis;
}

/// Pillow computes positions by repeated addition, so rounding must be that of repeated addition (ImagingScaleAffine).
AxisWeights nearest_weights(std::uint32_t in, std::uint64_t out, Span window) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  double position = scale * 0.5;
  for (std::uint64_t i = 0; i < window.begin; ++i) position += scale;
  return copies(window, [&](std::uint64_t) {
    const auto source = static_cast<std::uint32_t>(std::min(position, static_cast<double>(in) - 1));
    position += scale;
    return source;
  });
}

std::int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << AxisWeights::k_fraction_bits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

Span AxisWeights::inputs() const {
  std::uint64_t begin = taps.front().begin, end = begin;
  for (const Taps& tap : taps) {
    begin = std::min<std::uint64_t>(begin, tap.begin);
    end = std::max<std::uint64_t>(end, std::uint64_t{tap.begin} + tap.count);
  }
  return {begin, end - begin};
}

AxisWeights axis_copies(Span window) {
  return copies(window, [](std::uint64_t i) { return static_cast<std::uint32_t>(i); });
}

AxisWeights axis_weights(std::uint32_t in, std::uint64_t out, Span window, Filter filter) {
  if (out == in) return axis_copies(window);
  if (filter == Filter::nearest) return nearest_weights(in, out, window);

  const Kernel kernel = kernel_of(filter);
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0), reciprocal = 1.0 / stretch;
  const double support = kernel.support * stretch;
  AxisWeights axis;
  axis.taps.reserve(window.size);
  std::vector<double> weights;
  for (std::uint64_t i = window.begin; i < window.begin + window.size; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    // NOLINTBEGIN(bugprone-incorrect-roundings): Pillow's own rounding, which must be met bit by bit
    const auto begin = static_cast<std::int64_t>(std::max(0.0, centre - support + 0.5));
    const auto end = std::min<std::int64_t>(in, static_cast<std::int64_t>(centre + support + 0.5));
    // NOLINTEND(bugprone-incorrect-roundings)
    weights.clear();
    double sum = 0;
    for (std::int64_t x = begin; x < end; ++x) {
      weights.push_back(kernel.at((static_cast<double>(x) - centre + 0.5) * reciprocal));
      sum += weights.back();
    }
    axis.taps.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(weights.size()), axis.weights.size()});
    for (const double weight : weights) axis.weights.push_back(fixed_point(sum != 0.0 ? weight / sum : weight));
  }
  return axis;
}

}  // namespace sightline::models
