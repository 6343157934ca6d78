#include "models/towers/transformer.h"

#include <cmath>
#include <utility>

namespace sightline::models {

Rotary::Rotary(const at::Tensor& angles, std::int64_t heads, const Compute& compute) : heads_(heads) {
  if (compute.products) {
    const at::Tensor table = angles.contiguous();
    kernel_.emplace(std::span(table.data_ptr<float>(), static_cast<std::size_t>(table.numel())), table.size(0));
  } else {
    numbers_ = at::polar(at::ones_like(angles), angles).unsqueeze(1).to(compute.device);
  }
}

Rotary::Turns Rotary::turns(std::span<const Sequence> sequences) const {
  Turns turns;
  for (const Sequence& sequence : sequences) {
    for (std::int64_t place = 0; place < sequence.length; ++place) turns.places.push_back(place);
  }
  if (!kernel_) turns.numbers = numbers_.index_select(0, at::tensor(turns.places, at::kLong).to(numbers_.device()));
  return turns;
}

void Rotary::turn(const at::Tensor& x, const Turns& turns) const {
  if (kernel_) return kernel_->turn(rows_of(x), turns.places);
  const at::Tensor floats = x.to(at::kFloat).contiguous();
  at::view_as_complex(floats.view({x.size(0), heads_, numbers_.size(2), 2})).mul_(turns.numbers);
  x.copy_(floats);
}

/// The matrices that the blocks write into, allocated once per pass.
struct Transformer::Workspace {
  at::Tensor normed;             ///< [tokens, width], the input of a product
  at::Tensor projected;          ///< [tokens, 3 width]
  at::Tensor query, key, value;  ///< views of it
  at::Tensor context;            ///< [tokens, width]
  Mlp::Workspace mlp;
  Rotary::Turns turns{};  ///< only with a rotary embedding

  Workspace(const Block& block, std::int64_t tokens, std::int64_t width, const Compute& compute)
      : normed(scratch(tokens, width, compute.product_dtype, compute)),
        projected(scratch(tokens, 3 * width, compute.dtype, compute)),
        query(projected.narrow(1, 0, width)),
        key(projected.narrow(1, width, width)),
        value(projected.narrow(1, 2 * width, width)),
        context(scratch(tokens, width, block.context_norm.defined() ? compute.dtype : compute.product_dtype, compute)),
        mlp(block.mlp, tokens, compute) {}
};

Transformer::Transformer(Parts parts, const Compute& compute)
    : parts_(std::move(parts)),
      compute_(compute),
      width_(parts_.blocks.front().out.out()),
      score_scale_(1 / std::sqrt(static_cast<double>(width_) / static_cast<double>(parts_.heads))) {}

void Transformer::take_input(const LayerNorm& norm, const at::Tensor& x, Workspace& work) const {
  if (parts_.norms == Norms::before) return norm.apply(x, work.normed);
  if (compute_.products) return kernels::convert(rows_of(x), rows_of(work.normed));
  work.normed.copy_(x);
}

void Transformer::run_block(const Block& block, const at::Tensor& x, std::span<const Sequence> sequences,
                            const ScoreBias& bias, Workspace& work, const Steps& steps) const {
  take_input(block.norm1, x, work);
  steps();
  block.projections.all.apply(work.normed, work.projected);
  if (parts_.rotary) {
    parts_.rotary->turn(work.query, work.turns);
    parts_.rotary->turn(work.key, work.turns);
  }
  steps();
  attend(work.query, sequences, work.key, work.value, sequences, parts_.heads, score_scale_, bias, compute_,
         work.context);
  steps();
  finish_block(block, x, work, steps);
}

void Transformer::finish_block(const Block& block, const at::Tensor& x, Workspace& work, const Steps& steps) const {
  if (block.context_norm.defined()) block.context_norm.apply(work.context, work.normed);
  block.out.accumulate(block.context_norm.defined() ? work.normed : work.context, x);
  if (parts_.norms == Norms::behind) block.norm1.apply(x, x);
  take_input(block.norm2, x, work);
  steps();
  block.mlp.accumulate(work.normed, work.mlp, x);
  if (parts_.norms == Norms::behind) block.norm2.apply(x, x);
}

at::Tensor Transformer::run(at::Tensor x, std::span<const Sequence> sequences, const ScoreBias& bias,
                            const Steps& steps) const {
  Workspace work(parts_.blocks.front(), x.size(0), width_, compute_);
  if (parts_.rotary) work.turns = parts_.rotary->turns(sequences);
  for (const Block& block : parts_.blocks) run_block(block, x, sequences, bias, work, steps);
  return x;
}

at::Tensor Transformer::run_pooled(at::Tensor x, std::span<const Sequence> sequences,
                                   const std::vector<std::int64_t>& pooled, const ScoreBias& bias,
                                   const Steps& steps) const {
  const std::int64_t tokens = x.size(0), count = std::ssize(pooled);
  const Block& last = parts_.blocks.back();
  Workspace work(last, tokens, width_, compute_);
  if (parts_.rotary) work.turns = parts_.rotary->turns(sequences);
  for (const Block& block : parts_.blocks) {
    if (&block != &last) run_block(block, x, sequences, bias, work, steps);
  }
  take_input(last.norm1, x, work);
  const at::Tensor key_value = scratch(tokens, 2 * width_, compute_.dtype, compute_);
  const at::Tensor key = key_value.narrow(1, 0, width_), value = key_value.narrow(1, width_, width_);
  last.projections.key_value.apply(work.normed, key_value);
  if (parts_.rotary) parts_.rotary->turn(key, work.turns);
  steps();
  const at::Tensor index = at::tensor(pooled, at::kLong).to(x.device());
  std::vector<Sequence> single(pooled.size());
  for (std::size_t i = 0; i < single.size(); ++i) single[i] = {static_cast<std::int64_t>(i), 1};
  const at::Tensor query = scratch(count, width_, compute_.dtype, compute_);
  last.projections.query.apply(work.normed.index_select(0, index), query);
  x = x.index_select(0, index);
  Workspace few(last, count, width_, compute_);
  attend(query, single, key, value, sequences, parts_.heads, score_scale_, {}, compute_, few.context);
  finish_block(last, x, few, steps);
  return x;
}

}  // namespace sightline::models
