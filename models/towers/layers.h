// The small parts that all towers are made of. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <string>

#include "models/towers/weight_binder.h"
#include "models/weights/transformer_config.h"

namespace sightline::models {

/// y = x W^T + b, [rows, in] -> [rows, out]
struct Linear {
  at::Tensor weight_t;  ///< [in, out], a transposed view of the stored [out, in]
  at::Tensor bias;      ///< [out]; undefined: none

  static Linear with_bias(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out);

  /// Rows [begin, begin + count) of the stored weight, and of the bias, as a layer of their own.
  Linear part(std::int64_t begin, std::int64_t count) const;

  /// out = scale (x W^T + b)
  void apply(const at::Tensor& x, double scale, at::Tensor& out) const;
  /// x += (scale y) W^T + b
  void accumulate(const at::Tensor& y, double scale, at::Tensor& x) const;
};

struct LayerNorm {
  at::Tensor weight, bias;  ///< [width]; undefined: there is none
  double eps = 1e-5;

  static LayerNorm bind(WeightBinder& weights, const std::string& name, std::int64_t width, double eps);
  bool defined() const { return weight.defined(); }
  at::Tensor operator()(const at::Tensor& x) const;
};

/// down(f(up x)), or with a gate down(norm(f(gate x) * (up x))); f is `activation`.
struct Mlp {
  Linear up, gate;  ///< [width -> mlp_width]; no gate: its weight is undefined
  LayerNorm norm;   ///< over mlp_width, only with a gate; undefined: none
  Linear down;
  Activation activation = Activation::gelu;

  /// x += mlp(input); `input` may be `x` itself. `hidden` and, with a gate, `gated` are [rows, mlp_width] to
  /// write into.
  void accumulate(const at::Tensor& input, at::Tensor& hidden, at::Tensor& gated, at::Tensor& x) const;
};

}  // namespace sightline::models
