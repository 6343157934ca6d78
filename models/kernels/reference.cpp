#include "models/kernels/reference.h"

#include <cmath>
#include <numbers>

namespace sightline::models::kernels::reference {

double activation(Activation function, double x) {
  switch (function) {
    case Activation::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::gelu:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
  }
  return x;
}

double product(std::span<const float> x, std::span<const float> weight, double bias) {
  double sum = bias;
  for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * weight[i];
  return sum;
}

double layer_norm(std::span<const float> x, std::size_t place, double weight, double bias, double eps) {
  const auto count = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (const float value : x) mean += value / count;
  for (const float value : x) variance += (value - mean) * (value - mean) / count;
  return (x[place] - mean) / std::sqrt(variance + eps) * weight + bias;
}

}  // namespace sightline::models::kernels::reference
