// The check at start finds a library that computes wrongly: here one with other weights than it is held to.
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
