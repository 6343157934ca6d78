#include "models/towers/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/towers/layers.h"

namespace sightline::models {
namespace {

/// The maximum number of scores at once if libtorch computes them.
constexpr std::int64_t k_max_scores = std::int64_t{64} * 1024 * 1024;

/// All heads of a sequence's rows, [heads, length, head_width], without a copy.
at::Tensor heads_of(const at::Tensor& rows, const Sequence& sequence, std::int64_t heads) {
  return rows.narrow(0, sequence.begin, sequence.length).unflatten(1, {heads, rows.size(1) / heads}).transpose(0, 1);
}

/// The bias of queries [row, row + rows) of a sequence: [heads or 1, rows, keys], float32.
at::Tensor block_of(const ScoreBias& bias, const Sequence& keys, std::int64_t row, std::int64_t rows,
                    const at::TensorOptions& options) {
  const at::Tensor distances = at::arange(keys.length, options).unsqueeze(0) -
                               at::arange(row, row + rows, options).unsqueeze(1);  // [rows, keys]
  at::Tensor block = at::zeros({1, rows, keys.length}, options);
  if (bias.slopes.defined()) block = -bias.slopes.view({-1, 1, 1}) * distances.abs();
  if (bias.causal) block = block.masked_fill(distances > 0, -std::numeric_limits<float>::infinity());
  if (bias.hidden.defined()) block = block + bias.hidden.narrow(0, keys.begin, keys.length);
  return block;
}

}  // namespace

std::vector<float> alibi_slopes(std::int64_t heads) {
  std::int64_t power = 1;
  while (power * 2 <= heads) power *= 2;
  std::vector<float> slopes;
  for (std::int64_t i = 1; i <= power; ++i) {
    slopes.push_back(std::exp2(-8.0f * static_cast<float>(i) / static_cast<float>(power)));
  }
  for (std::int64_t i = 1; std::ssize(slopes) < heads; i += 2) {
    slopes.push_back(std::exp2(-8.0f * static_cast<float>(i) / static_cast<float>(2 * power)));
  }
  return slopes;
}

void attend(const at::Tensor& q, std::span<const Sequence> queries, const at::Tensor& k, const at::Tensor& v,
            std::span<const Sequence> keys, std::int64_t heads, double scale, const ScoreBias& bias,
            const Compute& compute, const at::Tensor& context) {
  if (compute.products) {
    const kernels::ScoreBias plain{bias.causal, bias.slopes.defined() ? bias.slopes.data_ptr<float>() : nullptr,
                                   bias.hidden.defined() ? bias.hidden.data_ptr<float>() : nullptr};
    kernels::attend(rows_of(q), queries, rows_of(k), rows_of(v), keys, heads, static_cast<float>(scale), plain,
                    rows_of(context));
    return;
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::int64_t run = std::max<std::int64_t>(1, k_max_scores / (keys[i].length * heads));
    const at::Tensor key_t = heads_of(k, keys[i], heads).transpose(1, 2), value = heads_of(v, keys[i], heads);
    for (std::int64_t row = 0; row < queries[i].length; row += run) {
      const Sequence rows{queries[i].begin + row, std::min(run, queries[i].length - row)};
      at::Tensor scores = at::bmm(heads_of(q, rows, heads), key_t).to(at::kFloat).mul_(scale);
      scores.add_(block_of(bias, keys[i], row, rows.length, scores.options()));
      // Softmax in float32 in every precision, as in the reference.
      const at::Tensor shares = at::softmax(scores, -1).to(compute.dtype);
      heads_of(context, rows, heads).copy_(at::bmm(shares, value));
    }
  }
}

}  // namespace sightline::models
