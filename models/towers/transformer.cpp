#include "models/towers/transformer.h"

#include <cmath>
#include <utility>

namespace sightline::models {

Rotary::Rotary(const at::Tensor& angles, std::int64_t heads, const Compute& compute)
    : tokens_(angles.size(0)),
      heads_(heads),
      turns_(at::polar(at::ones_like(angles), angles).unsqueeze(1).to(compute.device)) {}

void Rotary::turn(at::Tensor& x) const {
  const std::int64_t pairs = turns_.size(2);
  const at::Tensor floats = x.to(at::kFloat);  // x itself where it is float32
  at::view_as_complex(floats.view({-1, tokens_, heads_, pairs, 2})).mul_(turns_);
  if (!floats.is_same(x)) x.copy_(floats);
}

/// What the blocks write into, taken once a pass.
struct Transformer::Workspace {
  at::Tensor q, k, v, context;  ///< [tokens, width]
  at::Tensor hidden, gated;     ///< [tokens, mlp_width]; gated only where the MLP has a gate

  Workspace(const at::Tensor& x, const Mlp& mlp)
      : q(at::empty_like(x)),
        k(at::empty_like(x)),
        v(at::empty_like(x)),
        context(at::empty_like(x)),
        hidden(at::empty({x.size(0), mlp.up.weight_t.size(1)}, x.options())),
        gated(mlp.gate.weight_t.defined() ? at::empty_like(hidden) : at::Tensor()) {}

  /// Leaves room for `rows` queries and what follows them.
  void keep(std::int64_t rows) {
    for (at::Tensor* matrix : {&q, &context, &hidden, &gated}) {
      if (matrix->defined()) *matrix = matrix->narrow(0, 0, rows);
    }
  }
};

Transformer::Transformer(Parts parts, const Compute& compute)
    : parts_(std::move(parts)),
      compute_(compute),
      score_scale_(1 / std::sqrt(static_cast<double>(parts_.blocks.front().query.weight_t.size(1)) /
                                 static_cast<double>(parts_.heads))) {}

void Transformer::take_keys(const Block& block, const at::Tensor& normed, Workspace& work) const {
  block.key.apply(normed, 1, work.k);
  block.value.apply(normed, 1, work.v);
  if (parts_.rotary) parts_.rotary->turn(work.k);
}

void Transformer::run_block(const Block& block, at::Tensor& x, std::span<const Sequence> sequences,
                            const ScoreBias* bias, Workspace& work) const {
  const at::Tensor normed = parts_.norms == Norms::before ? block.norm1(x) : x;
  take_keys(block, normed, work);
  block.query.apply(normed, score_scale_, work.q);
  if (parts_.rotary) parts_.rotary->turn(work.q);
  attend(work.q, sequences, work.k, work.v, sequences, parts_.heads, bias, compute_, work.context);
  finish_block(block, x, work);
}

void Transformer::finish_block(const Block& block, at::Tensor& x, Workspace& work) const {
  block.out.accumulate(block.context_norm.defined() ? block.context_norm(work.context) : work.context, 1, x);
  if (parts_.norms == Norms::before) {
    block.mlp.accumulate(block.norm2(x), work.hidden, work.gated, x);
  } else {
    x = block.norm1(x);
    block.mlp.accumulate(x, work.hidden, work.gated, x);
    x = block.norm2(x);
  }
}

at::Tensor Transformer::run(at::Tensor x, std::span<const Sequence> sequences, const ScoreBias* bias) const {
  Workspace work(x, parts_.blocks.front().mlp);
  for (const Block& block : parts_.blocks) run_block(block, x, sequences, bias, work);
  return x;
}

at::Tensor Transformer::run_pooled(at::Tensor x, std::span<const Sequence> sequences,
                                   const std::vector<std::int64_t>& pooled, const ScoreBias* bias) const {
  Workspace work(x, parts_.blocks.front().mlp);
  const Block& last = parts_.blocks.back();
  for (const Block& block : parts_.blocks) {
    if (&block != &last) run_block(block, x, sequences, bias, work);
  }
  at::Tensor normed = parts_.norms == Norms::before ? last.norm1(x) : x;
  take_keys(last, normed, work);
  const at::Tensor index = at::tensor(pooled, at::kLong).to(x.device());
  std::vector<Sequence> single(pooled.size());
  for (std::size_t i = 0; i < single.size(); ++i) single[i] = {static_cast<std::int64_t>(i), 1};
  work.keep(std::ssize(pooled));
  x = x.index_select(0, index);
  last.query.apply(normed.index_select(0, index), score_scale_, work.q);
  attend(work.q, single, work.k, work.v, sequences, parts_.heads, nullptr, compute_, work.context);
  finish_block(last, x, work);
  return x;
}

}  // namespace sightline::models
