#include "models/towers/layers.h"

namespace sightline::models {
namespace {

/// quick_gelu(x) = x sigmoid(1.702 x) = silu(1.702 x) / 1.702: the factors ride on the two products around
/// it.
constexpr double k_quick_gelu = 1.702;

void activate(Activation activation, at::Tensor& x) {
  switch (activation) {
    case Activation::gelu:
      at::gelu_(x);
      break;
    case Activation::gelu_tanh:
      at::gelu_(x, "tanh");
      break;
    case Activation::quick_gelu:
    case Activation::silu:
      at::silu_(x);
      break;
  }
}

}  // namespace

Linear Linear::with_bias(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out) {
  return {weights.take(name + ".weight", {out, in}).t(), weights.take(name + ".bias", {out})};
}

Linear Linear::part(std::int64_t begin, std::int64_t count) const {
  return {weight_t.narrow(1, begin, count), bias.defined() ? bias.narrow(0, begin, count) : at::Tensor()};
}

void Linear::apply(const at::Tensor& x, double scale, at::Tensor& out) const {
  if (bias.defined()) {
    at::addmm_out(out, bias, x, weight_t, scale, scale);
  } else {
    at::mm_out(out, x, weight_t);
    if (scale != 1) out.mul_(scale);
  }
}

void Linear::accumulate(const at::Tensor& y, double scale, at::Tensor& x) const {
  x.add_(bias);
  x.addmm_(y, weight_t, 1, scale);
}

LayerNorm LayerNorm::bind(WeightBinder& weights, const std::string& name, std::int64_t width, double eps) {
  return {weights.take(name + ".weight", {width}), weights.take(name + ".bias", {width}), eps};
}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

void Mlp::accumulate(const at::Tensor& input, at::Tensor& hidden, at::Tensor& gated, at::Tensor& x) const {
  if (gate.weight_t.defined()) {
    gate.apply(input, 1, gated);
    activate(activation, gated);
    up.apply(input, 1, hidden);
    gated.mul_(hidden);
    down.accumulate(norm.defined() ? norm(gated) : gated, 1, x);
    return;
  }
  const double scale = activation == Activation::quick_gelu ? k_quick_gelu : 1;
  up.apply(input, scale, hidden);
  activate(activation, hidden);
  down.accumulate(hidden, 1 / scale, x);
}

}  // namespace sightline::models
