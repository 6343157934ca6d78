// What is looked at while a model is loaded: whether a library computes rightly (a wrong one here has other weights than it is
// held to), and which layers integers would blur.
#include "models/towers/arithmetic_check.h"

#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>

#include "tests/models/kernels/noise.h"

using namespace sightline::models;

namespace {

at::Tensor matrix(std::int64_t rows, std::int64_t columns, std::uint32_t seed) {
  const std::vector<float> values = testing::noise(rows * columns, seed);
  return at::tensor(values).view({rows, columns});
}

/// What computes: libtorch, and the kernels in each precision that there is.
std::vector<Compute> computes() {
  std::vector<Compute> all(1);
  for (const auto precision : {kernels::Precision::f32, kernels::Precision::bf16, kernels::Precision::int8}) {
    Compute compute;
    compute.products = kernels::make_matmul_cache(precision);
    if (!compute.products) continue;
    compute.precision = precision;
    compute.product_dtype = kernels::input_element(precision) == kernels::Element::bf16 ? at::kBFloat16 : at::kFloat;
    all.push_back(compute);
  }
  for (Compute& compute : all) compute.load = std::make_shared<LoadState>();
  return all;
}

}  // namespace

TEST_CASE("right products, attention and norms pass, in each precision") {
  CHECK(computes().size() >= 3);  // libtorch, float32, and at least one lower precision
  const c10::InferenceMode inference;
  for (const Compute& compute : computes()) {
    const at::Tensor weight = matrix(40, 96, 1), bias = matrix(1, 40, 2).flatten();
    const Linear layer(weight, bias, compute);
    CHECK_NOTHROW(check_product(layer, weight, bias, compute));
    CHECK_NOTHROW(check_product(Linear(weight, {}, compute), weight, {}, compute));
    CHECK_NOTHROW(check_attention_and_norm(compute));
  }
}

TEST_CASE("wrong products are refused, and the library is named") {
  const c10::InferenceMode inference;
  for (const Compute& compute : computes()) {
    const at::Tensor weight = matrix(40, 96, 1), bias = matrix(1, 40, 2).flatten();
    at::Tensor other = weight.clone();
    other.narrow(0, 35, 1).neg_();
    std::string message;
    try {
      check_product(Linear(other, bias, compute), weight, bias, compute);
    } catch (const WrongArithmetic& error) {
      message = error.what();
    }
    CHECK(message.find(compute.products ? "oneDNN" : "libtorch with ") == 0);
    CHECK(message.find("[96, 40]") != std::string::npos);
    CHECK(message.find("ONEDNN_MAX_CPU_ISA") != std::string::npos);
  }
}

TEST_CASE("layers that integers would blur are computed in float32") {
  const c10::InferenceMode inference;
  constexpr std::int64_t k_rows = 8, k_in = 96, k_out = 40;
  Compute exact;
  exact.load = std::make_shared<LoadState>();
  exact.products = kernels::make_matmul_cache(kernels::Precision::f32);
  Compute integers = exact;
  integers.products = kernels::make_matmul_cache(kernels::Precision::int8);
  REQUIRE(integers.products);  // every x86-64 with AVX2 has them
  integers.precision = kernels::Precision::int8;
  const at::Tensor weight = matrix(k_out, k_in, 1), bias = matrix(1, k_out, 2).flatten();

  const at::Tensor even = matrix(k_rows, k_in, 3);
  // In each row another number that is a thousand times as large, which no factor per input evens out, and whose weights are 0.
  at::Tensor spiky = even.clone(), blind = weight.clone();
  for (std::int64_t row = 0; row < k_rows; ++row) spiky[row][row] = 1000;
  blind.narrow(1, 0, k_rows).zero_();

  const auto loaded = [&](const at::Tensor& weights, const at::Tensor& inputs, Linear::Place place) {
    Calibration calibration;
    exact.load = std::make_shared<LoadState>();
    exact.load->record = &calibration;
    const Linear recorded(weights, bias, exact);
    for (std::int64_t row = 0; row < k_rows; ++row) recorded(inputs.narrow(0, row, 1), exact);
    integers.load = std::make_shared<LoadState>();
    integers.load->calibration = &calibration;
    return Linear(weights, bias, integers, place);
  };
  const auto error = [&](const Linear& layer, const at::Tensor& weights, const at::Tensor& inputs) {
    const at::Tensor wanted = at::linear(inputs, weights);
    return ((layer(inputs, integers) - bias - wanted).norm() / wanted.norm()).item<double>();
  };

  const double usual = error(loaded(weight, even, Linear::Place::inner), weight, even);
  CHECK(integers.load->float_layers == 0);
  CHECK(usual > 1e-3);
  CHECK(usual < 0.03);
  CHECK(error(loaded(weight, even, Linear::Place::last), weight, even) < 1e-5);
  CHECK(integers.load->float_layers == 1);
  CHECK(error(loaded(blind, spiky, Linear::Place::inner), blind, spiky) < 1e-5);
  CHECK(integers.load->float_layers == 1);
}
