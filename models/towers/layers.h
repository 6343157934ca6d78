// The small parts of all towers. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/kernels/packed_linear.h"
#include "models/model_folder/transformer_config.h"
#include "models/towers/compute.h"
#include "models/towers/weight_binder.h"

namespace sightline::models {

/// y = x W^T + b, [rows, in] -> [rows, out]: by a kernel with packed weights, or by libtorch.
///
/// With int8, a layer that would lose too much precision is computed in float32: the last one, whose result is the
/// vector, and those whose results differ too much from float32's on the rows of the calibration.
class Linear {
 public:
  enum class Place : std::uint8_t { inner, last };

  Linear() = default;  ///< none: not defined()
  /// `weight` [out, in]; `bias` [out], undefined: none.
  Linear(const at::Tensor& weight, const at::Tensor& bias, const Compute& compute, Place place = Place::inner);

  static Linear with_bias(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out,
                          Place place = Place::inner);
  /// The layer from a tower's pooled result to a vector, without a bias.
  static Linear projection(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out);

  bool defined() const { return packed_ != nullptr || weight_t_.defined(); }
  std::int64_t out() const { return out_; }

  /// out = f(x W^T + b); f: `activation`, none: the identity
  void apply(const at::Tensor& x, const at::Tensor& out, std::optional<Activation> activation = {}) const;
  /// The same into a new matrix.
  at::Tensor operator()(const at::Tensor& x, const Compute& compute) const;
  /// out = (x W^T + b) * factors
  void multiply(const at::Tensor& x, const at::Tensor& factors, const at::Tensor& out) const;
  /// out += x W^T + b
  void accumulate(const at::Tensor& x, const at::Tensor& out) const;

 private:
  void see(const at::Tensor& x) const;
  void pack(const at::Tensor& weight, const at::Tensor& bias, const Compute& compute, Place place);

  std::int64_t out_ = 0;
  Calibration* record_ = nullptr;                        ///< where inputs are recorded; null: nowhere
  std::size_t number_ = 0;                               ///< number of this layer in the calibration
  std::shared_ptr<const kernels::PackedLinear> packed_;  ///< null: libtorch computes, with the following
  at::Tensor weight_t_;                                  ///< [in, out], a transposed view of the stored [out, in]
  at::Tensor bias_;                                      ///< [out]; undefined: none
};

struct LayerNorm {
  at::Tensor weight, bias;  ///< [width]; undefined: there is none
  double eps = 1e-5;
  bool by_kernel = false;

  static LayerNorm bind(WeightBinder& weights, const std::string& name, std::int64_t width, double eps);
  bool defined() const { return weight.defined(); }
  /// `out` may be `x`.
  void apply(const at::Tensor& x, const at::Tensor& out) const;
  at::Tensor operator()(const at::Tensor& x) const;
};

/// From tokens to their queries, keys and values, in one product.
struct Projections {
  Linear all;               ///< [width -> 3 width]: query, key, value
  Linear query, key_value;  ///< [width -> width], [width -> 2 width], instead of `all` if few tokens have queries

  /// `weight` [3 width, width], `bias` [3 width], in this order.
  static Projections of(const at::Tensor& weight, const at::Tensor& bias, bool apart, const Compute& compute);
};

/// down(f(up x)), or with a gate down(norm(f(gate x) * (up x))); f is `activation`.
struct Mlp {
  Linear up, gate;  ///< [width -> mlp_width]; the gate: defined or not
  LayerNorm norm;   ///< over mlp_width, only with a gate; undefined: none
  Linear down;
  Activation activation = Activation::gelu;

  /// Matrices to write into, [rows, mlp_width].
  struct Workspace {
    at::Tensor hidden, gated, normed;

    Workspace(const Mlp& mlp, std::int64_t rows, const Compute& compute);
  };
  /// x += mlp(input)
  void accumulate(const at::Tensor& input, const Workspace& work, const at::Tensor& x) const;
};

/// A matrix in the arena of this thread, or of libtorch if that computes; not initialised.
at::Tensor scratch(std::int64_t rows, std::int64_t columns, at::ScalarType dtype, const Compute& compute);

/// `tensor` [rows, columns], on the CPU, as an argument for the kernels.
kernels::Rows rows_of(const at::Tensor& tensor);

}  // namespace sightline::models
