#include "models/towers/arithmetic_check.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "models/kernels/arena.h"
#include "models/kernels/reference.h"
#include "models/towers/attention.h"
#include "models/towers/blas_check.h"

namespace sightline::models {
namespace {

/// The largest error that rounding may cause, as a share of the lengths of both factors of a product.
double tolerance(const Compute& compute) {
  if (compute.products && compute.precision == kernels::Precision::int8) return 0.05;
  return compute.product_dtype == at::kFloat ? 1e-5 : 0.02;
}

std::string library(const Compute& compute) {
  return compute.products ? kernels::describe(*compute.products) : "libtorch with " + blas_description();
}

[[noreturn]] void refuse(const Compute& compute, const std::string& what, double got, double wanted) {
  throw WrongArithmetic(library(compute) + " computes wrong results on this processor: " + what + " gave " +
                        std::to_string(got) + " instead of " + std::to_string(wanted) +
                        ". Update the library, or restrict it to older instructions with ONEDNN_MAX_CPU_ISA=AVX2 or "
                        "OPENBLAS_CORETYPE=Haswell");
}

/// Numbers from -1 to 1 that are the same in each run, [rows, columns].
at::Tensor noise(std::int64_t rows, std::int64_t columns) {
  at::Tensor tensor = at::empty({rows, columns}, at::kFloat);
  std::uint32_t seed = 12345;
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    tensor.data_ptr<float>()[i] = static_cast<float>(seed >> 8) / (1 << 23) - 1;
  }
  return tensor;
}

std::span<const float> row_of(const at::Tensor& matrix, std::int64_t row) {
  return {matrix.data_ptr<float>() + row * matrix.size(1), static_cast<std::size_t>(matrix.size(1))};
}

double length(std::span<const float> row) {
  return std::sqrt(kernels::reference::product(row, row, 0));
}

at::Tensor floats(const at::Tensor& tensor) {
  return tensor.to(at::kCPU, at::kFloat).contiguous();
}

}  // namespace

void check_product(const Linear& layer, const at::Tensor& weight, const at::Tensor& bias, const Compute& compute) {
  const kernels::Arena::Frame frame(kernels::Arena::of_this_thread());
  const std::int64_t in = weight.size(1), out = weight.size(0);
  for (const std::int64_t rows : {1, 12, 50}) {
    const at::Tensor x = noise(rows, in);
    const at::Tensor y = floats(layer(x.to(compute.device), compute));
    for (const std::int64_t row : {std::int64_t{0}, rows / 2, rows - 1}) {
      for (std::int64_t column = 0; column < out; column += std::max<std::int64_t>(1, out / 7)) {
        const at::Tensor weights = floats(weight.narrow(0, column, 1));
        const double shift = bias.defined() ? bias[column].item<double>() : 0;
        const std::span<const float> values = row_of(x, row), factors = row_of(weights, 0);
        const double wanted = kernels::reference::product(values, factors, shift);
        const double got = y[row][column].item<double>();
        const double allowed = tolerance(compute) * (length(values) * length(factors) + std::abs(shift)) + 1e-20;
        if (std::abs(got - wanted) <= allowed || !std::isfinite(wanted)) continue;  // WeightBinder checks the weights
        refuse(compute,
               "a product of [" + std::to_string(rows) + ", " + std::to_string(in) + "] and [" + std::to_string(in) +
                   ", " + std::to_string(out) + "]",
               got, wanted);
      }
    }
  }
}

void check_attention_and_norm(const Compute& compute) {
  const kernels::Arena::Frame frame(kernels::Arena::of_this_thread());
  constexpr std::int64_t k_tokens = 27, k_heads = 2, k_head_width = 40, k_width = k_heads * k_head_width;
  const at::Tensor all = noise(k_tokens, 3 * k_width);
  const at::Tensor on_device = all.to(compute.device, compute.dtype);
  const at::Tensor context = at::empty({k_tokens, k_width}, compute.options());
  const Sequence whole[] = {{0, k_tokens}};
  attend(on_device.narrow(1, 0, k_width), whole, on_device.narrow(1, k_width, k_width),
         on_device.narrow(1, 2 * k_width, k_width), whole, k_heads, 0.3, {.causal = true}, compute, context);
  const at::Tensor attended = floats(context);
  const double allowed = compute.dtype == at::kFloat ? 1e-5 : 0.02;
  for (std::int64_t row = 0; row < k_tokens; row += 13) {
    for (std::int64_t column = 0; column < k_width; column += 39) {
      const auto begin = static_cast<std::size_t>(column / k_head_width * k_head_width);
      double sum = 0, total = 0;
      for (std::int64_t key = 0; key <= row; ++key) {
        const double share =
            std::exp(0.3 * kernels::reference::product(row_of(all, row).subspan(begin, k_head_width),
                                                       row_of(all, key).subspan(k_width + begin, k_head_width), 0));
        total += share;
        sum += share * all[key][2 * k_width + column].item<double>();
      }
      const double got = attended[row][column].item<double>();
      if (!(std::abs(got - sum / total) <= allowed)) refuse(compute, "attention", got, sum / total);
    }
  }

  const at::Tensor weight = at::full({k_width}, 0.5, compute.options()),
                   bias = at::full({k_width}, 2, compute.options());
  const LayerNorm norm{weight, bias, 1e-5, compute.products != nullptr};
  const at::Tensor normed = floats(norm(on_device.narrow(1, 0, k_width).contiguous()));
  const at::Tensor x = floats(all.narrow(1, 0, k_width));
  for (std::int64_t row = 0; row < k_tokens; row += 13) {
    const double got = normed[row][7].item<double>();
    const double wanted = kernels::reference::layer_norm(row_of(x, row), 7, 0.5, 2, 1e-5);
    if (!(std::abs(got - wanted) <= allowed)) refuse(compute, "layer norm", got, wanted);
  }
}

}  // namespace sightline::models
