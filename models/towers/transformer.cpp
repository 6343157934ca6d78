#include "models/towers/transformer.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <cmath>
#include <numeric>

namespace sightline::models {
namespace {

/// quick_gelu(x) = x sigmoid(1.702 x) = silu(1.702 x) / 1.702: the factors ride on the two products around
/// it.
constexpr double k_quick_gelu = 1.702;

/// Scores of as many heads as fit into this many floats are taken at once: a share of the second-level cache.
constexpr std::int64_t k_scores_at_once = std::int64_t{64} * 1024;

/// out = scale (x W^T + b)
void apply(const Linear& linear, const at::Tensor& x, double scale, at::Tensor& out) {
  at::addmm_out(out, linear.bias, x, linear.weight_t, scale, scale);
}

/// x += (scale y) W^T + b
void accumulate(const Linear& linear, const at::Tensor& y, double scale, at::Tensor& x) {
  x.add_(linear.bias);
  x.addmm_(y, linear.weight_t, 1, scale);
}

/// Heads [head, head + count) of a sequence's rows, [count, length, head_width], without a copy.
at::Tensor heads_of(const at::Tensor& rows, const Sequence& sequence, std::int64_t head, std::int64_t count,
                    std::int64_t head_width) {
  return rows.narrow(0, sequence.begin, sequence.length)
      .narrow(1, head * head_width, count * head_width)
      .unflatten(1, {count, head_width})
      .transpose(0, 1);
}

}  // namespace

Linear Linear::with_bias(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out) {
  return {weights.take(name + ".weight", {out, in}).t(), weights.take(name + ".bias", {out})};
}

LayerNorm LayerNorm::bind(WeightBinder& weights, const std::string& name, std::int64_t width, double eps) {
  return {weights.take(name + ".weight", {width}), weights.take(name + ".bias", {width}), eps};
}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

/// What the blocks write into, taken once a pass.
struct Transformer::Workspace {
  at::Tensor q, k, v, context;  ///< [tokens, width]
  at::Tensor hidden;            ///< [tokens, mlp_width]

  Workspace(std::int64_t tokens, const TransformerConfig& config, const at::TensorOptions& options)
      : q(at::empty({tokens, config.width}, options)),
        k(at::empty_like(q)),
        v(at::empty_like(q)),
        context(at::empty_like(q)),
        hidden(at::empty({tokens, config.mlp_width}, options)) {}
};

Transformer::Transformer(WeightBinder& weights, const std::string& prefix, const TransformerConfig& config,
                         const Compute& compute)
    : config_(config), compute_(compute) {
  const std::int64_t width = config.width;
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const std::string block = prefix + ".encoder.layers." + std::to_string(i);
    const auto projection = [&](const char* name) {
      return Linear::with_bias(weights, block + ".self_attn." + name, width, width);
    };
    blocks_.push_back({
        .norm1 = LayerNorm::bind(weights, block + ".layer_norm1", width, config.layer_norm_eps),
        .norm2 = LayerNorm::bind(weights, block + ".layer_norm2", width, config.layer_norm_eps),
        .query = projection("q_proj"),
        .key = projection("k_proj"),
        .value = projection("v_proj"),
        .out = projection("out_proj"),
        .up = Linear::with_bias(weights, block + ".mlp.fc1", width, config.mlp_width),
        .down = Linear::with_bias(weights, block + ".mlp.fc2", config.mlp_width, width),
    });
  }
}

void Transformer::attend(const at::Tensor& q, std::span<const Sequence> queries, const at::Tensor& k,
                         const at::Tensor& v, std::span<const Sequence> keys, const at::Tensor& mask,
                         at::Tensor& context) const {
  const std::int64_t heads = config_.heads, head_width = config_.width / config_.heads;
  const auto attend_heads = [&](std::size_t i, std::int64_t head, std::int64_t count) {
    const at::Tensor query = heads_of(q, queries[i], head, count, head_width);
    const at::Tensor key_t = heads_of(k, keys[i], head, count, head_width).transpose(1, 2);
    at::Tensor scores;
    if (mask.defined()) {
      const std::int64_t length = keys[i].length;
      const at::Tensor cut = mask.narrow(0, 0, length).narrow(1, 0, length);
      scores = at::baddbmm(cut.expand({count, length, length}), query, key_t);
    } else {
      scores = at::bmm(query, key_t);
    }
    // Softmax in float32 whatever the rest is computed in, as the reference does.
    const at::Tensor shares = at::softmax(scores, -1, at::kFloat).to(compute_.dtype);
    at::Tensor result = heads_of(context, queries[i], head, count, head_width);
    at::bmm_out(result, shares, heads_of(v, keys[i], head, count, head_width));
  };

  if (!compute_.on_cpu()) {
    for (std::size_t i = 0; i < keys.size(); ++i) attend_heads(i, 0, heads);
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
                       attend_heads(i, at % heads, count);
                       at += count;
                     }
                   });
}

void Transformer::run_mlp(const Block& block, at::Tensor& x, at::Tensor& hidden) const {
  const at::Tensor normed = block.norm2(x);
  if (config_.activation == Activation::quick_gelu) {
    apply(block.up, normed, k_quick_gelu, hidden);
    at::silu_(hidden);
    accumulate(block.down, hidden, 1 / k_quick_gelu, x);
  } else {
    apply(block.up, normed, 1, hidden);
    at::gelu_(hidden);
    accumulate(block.down, hidden, 1, x);
  }
}

at::Tensor Transformer::run(at::Tensor x, std::span<const Sequence> sequences,
                            const std::vector<std::int64_t>& pooled, const at::Tensor& mask) const {
  const std::int64_t head_width = config_.width / config_.heads;
  const double score_scale = 1 / std::sqrt(static_cast<double>(head_width));
  Workspace work(x.size(0), config_, x.options());
  for (const Block& block : blocks_) {
    const bool is_last = &block == &blocks_.back();
    at::Tensor normed = block.norm1(x);
    apply(block.key, normed, 1, work.k);
    apply(block.value, normed, 1, work.v);
    if (!is_last) {
      apply(block.query, normed, score_scale, work.q);
      attend(work.q, sequences, work.k, work.v, sequences, mask, work.context);
    } else {
      const auto rows = static_cast<std::int64_t>(pooled.size());
      const at::Tensor index = at::tensor(pooled, at::kLong).to(x.device());
      std::vector<Sequence> single(pooled.size());
      for (std::size_t i = 0; i < single.size(); ++i) single[i] = {static_cast<std::int64_t>(i), 1};
      x = x.index_select(0, index);
      normed = normed.index_select(0, index);
      work.q = work.q.narrow(0, 0, rows);
      work.context = work.context.narrow(0, 0, rows);
      work.hidden = work.hidden.narrow(0, 0, rows);
      apply(block.query, normed, score_scale, work.q);
      attend(work.q, single, work.k, work.v, sequences, {}, work.context);
    }
    accumulate(block.out, work.context, 1, x);
    run_mlp(block, x, work.hidden);
  }
  return x;
}

}  // namespace sightline::models
