// Products against the plain formula, for each precision that this processor has.
#include "models/kernels/packed_linear.h"

#include <cmath>
#include <doctest/doctest.h>
#include <new>
#include <optional>
#include <vector>

#include "models/kernels/onednn.h"
#include "models/kernels/reference.h"
#include "tests/models/kernels/noise.h"

using namespace sightline::models;
using namespace sightline::models::kernels;
using sightline::models::testing::noise;

namespace {

/// A layer, inputs of so many rows, and room for results.
struct Case {
  std::int64_t rows, in, out;
  Precision precision;
  std::shared_ptr<MatmulCache> cache;
  std::vector<float> weight, bias, x, y;
  std::vector<std::uint16_t> narrow_x;
  PackedLinear layer;

  Case(std::int64_t row_count, std::int64_t in_count, std::int64_t out_count, Precision computed_in,
       std::shared_ptr<MatmulCache> matmuls, bool with_bias = true)
      : rows(row_count),
        in(in_count),
        out(out_count),
        precision(computed_in),
        cache(std::move(matmuls)),
        weight(noise(in * out, 1)),
        bias(with_bias ? noise(out, 2) : std::vector<float>(static_cast<std::size_t>(out))),
        x(noise(rows * in, 3)),
        y(noise(rows * out, 4)),
        narrow_x(x.size()),
        layer({weight.data(), with_bias ? bias.data() : nullptr, in, out}, precision, cache) {
    convert({x.data(), rows, in, in}, {narrow_x.data(), rows, in, in, Element::bf16});
  }

  Rows input() {
    if (input_element(precision) == Element::f32) return {x.data(), rows, in, in};
    return {narrow_x.data(), rows, in, in, Element::bf16};
  }
  Rows result() { return {y.data(), rows, out, out}; }

  double product(std::int64_t row, std::int64_t column) const {
    const auto length = static_cast<std::size_t>(in);
    return reference::product({x.data() + row * in, length}, {weight.data() + column * in, length},
                              bias[static_cast<std::size_t>(column)]);
  }
  /// How far a number of the result may lie from the formula's, which sums `in` products of numbers up to 1.
  double tolerance() const {
    const double step = precision == Precision::f32 ? 0x1p-20 : precision == Precision::bf16 ? 0x1p-8 : 0x1p-6;
    return step * std::sqrt(static_cast<double>(in)) * 2;
  }
  template <class Wanted>
  void check(Wanted wanted) const {
    for (std::int64_t row = 0; row < rows; row += 1 + rows / 7) {
      for (std::int64_t column = 0; column < out; column += 1 + out / 29) {
        CAPTURE(row);
        CAPTURE(column);
        REQUIRE(std::abs(y[static_cast<std::size_t>(row * out + column)] - wanted(row, column)) <= tolerance());
      }
    }
  }
};

template <class Check>
void in_each_precision(Check check) {
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const auto cache = make_matmul_cache(precision);
    if (precision == Precision::f32) REQUIRE(cache);
    if (!cache) continue;
    CAPTURE(describe(*cache));
    check(precision, cache);
  }
}

}  // namespace

TEST_CASE("a product is what the formula gives, for any number of rows and odd sizes") {
  in_each_precision([](Precision precision, const auto& cache) {
    for (const auto& [in, out] : {std::pair{1, 1}, {5, 3}, {48, 144}, {768, 512}, {67, 1025}}) {
      for (const std::int64_t rows : {1, 2, 11, 50, 77, 300}) {
        CAPTURE(in);
        CAPTURE(out);
        CAPTURE(rows);
        Case it(rows, in, out, precision, cache, rows != 11);
        it.layer.apply(it.input(), {}, it.result());
        it.check([&](std::int64_t row, std::int64_t column) { return it.product(row, column); });
      }
    }
  });
}

TEST_CASE("activations follow the product") {
  in_each_precision([](Precision precision, const auto& cache) {
    for (const Activation function :
         {Activation::quick_gelu, Activation::gelu, Activation::gelu_tanh, Activation::silu}) {
      Case it(13, 96, 64, precision, cache);
      it.layer.apply(it.input(), function, it.result());
      it.check([&](std::int64_t row, std::int64_t column) {
        return reference::activation(function, it.product(row, column));
      });
    }
  });
}

TEST_CASE("results are added to what is there, or multiplied with factors") {
  in_each_precision([](Precision precision, const auto& cache) {
    Case sum(9, 96, 70, precision, cache);
    const std::vector<float> before = sum.y;
    sum.layer.accumulate(sum.input(), sum.result());
    sum.check([&](std::int64_t row, std::int64_t column) {
      return before[static_cast<std::size_t>(row * sum.out + column)] + sum.product(row, column);
    });

    Case scaled(9, 96, 70, precision, cache);
    std::vector<float> factors = noise(9 * 70, 5);
    scaled.layer.multiply(scaled.input(), {factors.data(), 9, 70, 70}, scaled.result());
    scaled.check([&](std::int64_t row, std::int64_t column) {
      return factors[static_cast<std::size_t>(row * scaled.out + column)] * scaled.product(row, column);
    });
  });
}

TEST_CASE("layers of one cache keep their own weights, over more numbers of rows than it holds") {
  const auto cache = make_matmul_cache(Precision::f32);
  Case first(1, 24, 16, Precision::f32, cache);
  for (std::int64_t rows = 1; rows <= 700; ++rows) {
    Case other(rows, 24, 16, Precision::f32, cache);
    for (float& weight : other.weight) weight = -weight;
    other.layer = PackedLinear({other.weight.data(), nullptr, 24, 16}, Precision::f32, cache);
    other.bias.assign(16, 0);
    other.layer.apply(other.input(), {}, other.result());
    other.check([&](std::int64_t row, std::int64_t column) { return other.product(row, column); });
  }
  first.layer.apply(first.input(), {}, first.result());
  first.check([&](std::int64_t row, std::int64_t column) { return first.product(row, column); });
}

TEST_CASE("oneDNN without memory is std::bad_alloc, and its other errors are its own") {
  const auto fail = [](dnnl_status_t status) { dnnl::error::wrap_c_api(status, "could not create a primitive"); };
  CHECK_THROWS_AS(with_bad_alloc([&] { fail(dnnl_out_of_memory); }), std::bad_alloc);
  CHECK_THROWS_AS(with_bad_alloc([&] { fail(dnnl_invalid_arguments); }), dnnl::error);
  CHECK(with_bad_alloc([] { return 5; }) == 5);
}
