// Attention against the plain formula, computed here with loops in double.
#include "models/towers/attention.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

using namespace sightline::models;

namespace {

constexpr double k_scale = 0.7;
constexpr std::int64_t k_heads = 3, k_head_width = 4, k_width = k_heads * k_head_width;

at::Tensor noise(std::int64_t rows, std::uint32_t seed) {
  at::Tensor tensor = at::empty({rows, k_width}, at::kFloat);
  float* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < rows * k_width; ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = static_cast<float>(seed >> 8) / (1 << 23) - 1;
  }
  return tensor;
}

/// The component `at` of head `head` that query row `row` of the sequence gets. `bias(row, key)` is added to
/// scores.
template <class Bias>
double expected(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Sequence& sequence,
                std::int64_t row, std::int64_t head, std::int64_t at, Bias bias) {
  const auto queries = q.accessor<float, 2>(), keys = k.accessor<float, 2>(), values = v.accessor<float, 2>();
  double sum = 0, total = 0;
  for (std::int64_t key = 0; key < sequence.length; ++key) {
    double score = 0;
    for (std::int64_t i = head * k_head_width; i < (head + 1) * k_head_width; ++i) {
      score += static_cast<double>(queries[sequence.begin + row][i]) * keys[sequence.begin + key][i];
    }
    const double share = std::exp(k_scale * score + bias(row, key));
    total += share;
    sum += share * values[sequence.begin + key][head * k_head_width + at];
  }
  return sum / total;
}

/// What computes: libtorch, and the kernels.
std::vector<Compute> computes() {
  Compute libtorch, by_kernels;
  by_kernels.products = kernels::make_matmul_cache(kernels::Precision::f32);
  return {libtorch, by_kernels};
}

template <class Bias>
void check(std::span<const Sequence> sequences, const ScoreBias& score_bias, const Compute& compute, Bias bias) {
  const c10::InferenceMode inference;
  const std::int64_t tokens = sequences.back().begin + sequences.back().length;
  const at::Tensor q = noise(tokens, 1), k = noise(tokens, 2), v = noise(tokens, 3);
  at::Tensor context = at::full({tokens, k_width}, 99, at::kFloat);
  attend(q, sequences, k, v, sequences, k_heads, k_scale, score_bias, compute, context);
  const auto result = context.accessor<float, 2>();
  for (const Sequence& sequence : sequences) {
    const std::int64_t step = std::max<std::int64_t>(1, sequence.length / 23);
    for (std::int64_t row = 0; row < sequence.length; row += step) {
      for (std::int64_t head = 0; head < k_heads; ++head) {
        CAPTURE(row);
        CAPTURE(head);
        const double wanted = expected(q, k, v, sequence, row, head, 1,
                                       [&](std::int64_t i, std::int64_t j) { return bias(sequence, head, i, j); });
        CHECK(std::abs(result[sequence.begin + row][head * k_head_width + 1] - wanted) < 1e-5);
      }
    }
  }
}

// The long one is over the size at which queries are taken in runs.
constexpr Sequence k_sequences[] = {{0, 1}, {1, 7}, {8, 1100}, {1108, 30}};

double slope_of(std::int64_t head) {
  constexpr double k_slopes[] = {1.0 / 16, 1.0 / 256, 1.0 / 4};  // of three heads: those of two, one of four
  return k_slopes[head];
}

}  // namespace

TEST_CASE("attention keeps to each sequence and gives what the formula gives") {
  for (Compute compute : computes()) {
    for (const int threads : {1, 2}) {
      compute.threads = threads;
      use_threads(compute);
      CHECK(at::get_num_threads() == threads);
      check(k_sequences, {}, compute, [](const Sequence&, std::int64_t, std::int64_t, std::int64_t) { return 0.0; });
    }
  }
}

TEST_CASE("a causal mask hides later keys, in long sequences too") {
  for (const Compute& compute : computes()) {
    check(k_sequences, {.causal = true}, compute, [](const Sequence&, std::int64_t, std::int64_t i, std::int64_t j) {
      return j > i ? -std::numeric_limits<double>::infinity() : 0.0;
    });
  }
}

TEST_CASE("ALiBi takes off slope times distance, in long sequences too") {
  const at::Tensor slopes = at::tensor(alibi_slopes(k_heads), at::kFloat);
  for (const Compute& compute : computes()) {
    check(k_sequences, {.slopes = slopes}, compute,
          [](const Sequence&, std::int64_t head, std::int64_t i, std::int64_t j) {
            return -slope_of(head) * static_cast<double>(std::abs(i - j));
          });
  }
}

TEST_CASE("hidden tokens have no share, and the others keep their distances") {
  const at::Tensor slopes = at::tensor(alibi_slopes(k_heads), at::kFloat);
  at::Tensor hidden = at::zeros({1138}, at::kFloat);
  for (const int token : {3, 500, 1110}) hidden[token] = -std::numeric_limits<float>::infinity();
  for (const Compute& compute : computes()) {
    check(k_sequences, {.slopes = slopes, .hidden = hidden}, compute,
          [](const Sequence& sequence, std::int64_t head, std::int64_t i, std::int64_t j) {
            const std::int64_t key = sequence.begin + j;
            return key == 3 || key == 500 || key == 1110 ? -std::numeric_limits<double>::infinity()
                                                         : -slope_of(head) * static_cast<double>(std::abs(i - j));
          });
  }
}

TEST_CASE("ALiBi's slopes for twelve heads are those of eight and four of sixteen") {
  const std::vector<float> slopes = alibi_slopes(12);
  REQUIRE(slopes.size() == 12);
  for (int i = 0; i < 8; ++i) CHECK(slopes[i] == doctest::Approx(std::exp2(-1.0 - i)));
  for (int i = 0; i < 4; ++i) CHECK(slopes[8 + i] == doctest::Approx(std::exp2(-0.5 - i)));
}
