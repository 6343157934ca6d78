#include "models/towers/attention.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <cmath>
#include <limits>

namespace sightline::models {
namespace {

/// Scores of as many heads as fit into this many floats are taken at once: a share of the second-level cache.
constexpr std::int64_t k_scores_at_once = std::int64_t{64} * 1024;
/// More than this many scores of one head are taken in runs of queries, which only texts of over 700 tokens
/// have.
constexpr std::int64_t k_max_scores = std::int64_t{512} * 1024;
/// The same for all heads at once on a graphics card.
constexpr std::int64_t k_max_scores_on_card = std::int64_t{256} * 1024 * 1024;

/// Heads [head, head + count) of a sequence's rows, [count, length, head_width], without a copy.
at::Tensor heads_of(const at::Tensor& rows, const Sequence& sequence, std::int64_t head, std::int64_t count,
                    std::int64_t head_width) {
  return rows.narrow(0, sequence.begin, sequence.length)
      .narrow(1, head * head_width, count * head_width)
      .unflatten(1, {count, head_width})
      .transpose(0, 1);
}

}  // namespace

CausalMask::CausalMask(std::int64_t longest, const Compute& compute)
    : mask_(
          at::full({longest, longest}, -std::numeric_limits<float>::infinity(), compute.options()).triu_(1)) {
}

at::Tensor CausalMask::block(const ScoreBlock& block) const {
  return mask_.narrow(0, block.row, block.rows).narrow(1, 0, block.sequence.length);
}

std::vector<float> Alibi::slopes(std::int64_t heads) {
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

Alibi::Alibi(std::int64_t heads, std::int64_t longest, const Compute& compute)
    : longest_(longest),
      distances_(at::arange(1 - longest, longest, at::kFloat).abs().neg().to(compute.device)),
      slopes_(at::tensor(slopes(heads), at::kFloat).to(compute.device).view({heads, 1, 1})),
      dtype_(compute.dtype) {}

Alibi Alibi::hiding(at::Tensor hidden) const {
  Alibi copy = *this;
  copy.hidden_ = std::move(hidden);
  return copy;
}

at::Tensor Alibi::block(const ScoreBlock& block) const {
  // Of query i and key j the distance is at j - i + longest - 1 of the table: from the last query up, each
  // row of the block is a window one place on.
  const std::int64_t last = block.row + block.rows - 1;
  const at::Tensor windows =
      distances_.as_strided({block.rows, block.sequence.length}, {1, 1}, longest_ - 1 - last);
  at::Tensor bias = windows.flip(0) * slopes_.narrow(0, block.head, block.heads);
  if (hidden_.defined()) bias.add_(hidden_.narrow(0, block.sequence.begin, block.sequence.length));
  return bias.to(dtype_);
}

void attend(const at::Tensor& q, std::span<const Sequence> queries, const at::Tensor& k, const at::Tensor& v,
            std::span<const Sequence> keys, std::int64_t heads, const ScoreBias* bias, const Compute& compute,
            at::Tensor& context) {
  const std::int64_t head_width = q.size(1) / heads;
  const auto attend_rows = [&](std::size_t i, const ScoreBlock& block) {
    const Sequence rows{queries[i].begin + block.row, block.rows};
    const at::Tensor query = heads_of(q, rows, block.head, block.heads, head_width);
    const at::Tensor key_t = heads_of(k, keys[i], block.head, block.heads, head_width).transpose(1, 2);
    const at::Tensor scores =
        bias == nullptr
            ? at::bmm(query, key_t)
            : at::baddbmm(bias->block(block).expand({block.heads, block.rows, keys[i].length}), query, key_t);
    // Softmax in float32 whatever the rest is computed in, as the reference does.
    const at::Tensor shares = at::softmax(scores, -1, at::kFloat).to(compute.dtype);
    at::Tensor result = heads_of(context, rows, block.head, block.heads, head_width);
    at::bmm_out(result, shares, heads_of(v, keys[i], block.head, block.heads, head_width));
  };
  const auto attend_heads = [&](std::size_t i, std::int64_t head, std::int64_t count, std::int64_t limit) {
    const std::int64_t run = std::max<std::int64_t>(1, limit / (keys[i].length * count));
    for (std::int64_t row = 0; row < queries[i].length; row += run) {
      attend_rows(i, {keys[i], head, count, row, std::min(run, queries[i].length - row)});
    }
  };

  if (!compute.on_cpu()) {
    for (std::size_t i = 0; i < keys.size(); ++i) attend_heads(i, 0, heads, k_max_scores_on_card);
    return;
  }
  // All heads of all sequences in one row, shared out among the threads: one meeting of the threads a layer.
  at::parallel_for(0, static_cast<std::int64_t>(keys.size()) * heads, 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     const c10::InferenceMode inference;  // kept per thread
                     for (std::int64_t at = begin; at < end;) {
                       const auto i = static_cast<std::size_t>(at / heads);
                       const std::int64_t fitting = k_scores_at_once / (queries[i].length * keys[i].length);
                       const std::int64_t count =
                           std::min({end - at, heads - at % heads, std::max<std::int64_t>(1, fitting)});
                       attend_heads(i, at % heads, count, k_max_scores);
                       at += count;
                     }
                   });
}

}  // namespace sightline::models
