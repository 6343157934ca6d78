#include "models/towers/layers.h"

#include <algorithm>
#include <utility>

#include "models/kernels/arena.h"
#include "models/kernels/layer_norm.h"
#include "models/towers/arithmetic_check.h"

namespace sightline::models {
namespace {

void activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::gelu:
      at::gelu_(const_cast<at::Tensor&>(x));
      break;
    case Activation::gelu_tanh:
      at::gelu_(const_cast<at::Tensor&>(x), "tanh");
      break;
    case Activation::quick_gelu:
      x.mul_(at::sigmoid(x * 1.702));
      break;
    case Activation::silu:
      at::silu_(const_cast<at::Tensor&>(x));
      break;
  }
}

/// The most rows of each layer that a calibration records: two per pass.
constexpr std::int64_t k_calibration_rows = 16;

/// The largest error of a layer's results in integers compared with float32, as a share of their length. Evenly
/// distributed inputs and weights give about 0.013.
constexpr double k_max_integer_error = 0.05;

/// That share, for the rows in `seen`; `weight` is contiguous.
double integer_error(const kernels::PackedLinear& layer, const at::Tensor& weight, const at::Tensor& bias,
                     const LayerInputs& seen, const Compute& compute) {
  const kernels::Arena::Frame frame(kernels::Arena::of_this_thread());
  const at::Tensor x =
      at::from_blob(const_cast<float*>(seen.rows.data()), {std::ssize(seen.rows) / weight.size(1), weight.size(1)});
  const at::Tensor wanted = at::mm(x, weight.t());
  const at::Tensor got = scratch(x.size(0), weight.size(0), at::kFloat, compute);
  layer.apply(rows_of(x), {}, rows_of(got));
  const at::Tensor difference = bias.defined() ? got - wanted - bias : got - wanted;
  return difference.norm().item<double>() / (wanted.norm().item<double>() + 1e-20);
}

}  // namespace

kernels::Rows rows_of(const at::Tensor& tensor) {
  return {tensor.data_ptr(), tensor.size(0), tensor.size(1), tensor.stride(0),
          tensor.scalar_type() == at::kFloat ? kernels::Element::f32 : kernels::Element::bf16};
}

at::Tensor scratch(std::int64_t rows, std::int64_t columns, at::ScalarType dtype, const Compute& compute) {
  if (!compute.products) return at::empty({rows, columns}, compute.options().dtype(dtype));
  const auto bytes = static_cast<std::size_t>(rows * columns) * c10::elementSize(dtype);
  return at::from_blob(kernels::Arena::of_this_thread().take(bytes), {rows, columns}, dtype);
}

/// Packs in the model's precision, or in float32 if that precision would lose too much.
void Linear::pack(const at::Tensor& weight, const at::Tensor& bias, const Compute& compute, Place place) {
  LoadState& load = *compute.load;
  const LayerInputs* const seen = load.calibration == nullptr ? nullptr : &load.calibration->layers.at(number_);
  const at::Tensor stored = weight.contiguous();
  const kernels::LinearWeights weights{.weight = stored.data_ptr<float>(),
                                       .bias = bias.defined() ? bias.data_ptr<float>() : nullptr,
                                       .in = weight.size(1),
                                       .out = weight.size(0),
                                       .largest_inputs = seen == nullptr ? nullptr : seen->largest.data()};
  const auto pack_as = [&](kernels::Precision precision) {
    packed_ = std::make_shared<kernels::PackedLinear>(weights, precision, compute.products);
  };
  if (compute.precision != kernels::Precision::int8) return pack_as(compute.precision);
  if (place != Place::last) {
    pack_as(kernels::Precision::int8);
    if (seen == nullptr || seen->rows.empty()) return;
    if (integer_error(*packed_, stored, bias, *seen, compute) <= k_max_integer_error) return;
  }
  pack_as(kernels::Precision::f32);
  ++load.float_layers;
}

Linear::Linear(const at::Tensor& weight, const at::Tensor& bias, const Compute& compute, Place place)
    : out_(weight.size(0)) {
  const bool complete = !weight.is_meta() && !(bias.defined() && bias.is_meta());
  LoadState& load = *compute.load;
  number_ = load.layers++;
  record_ = load.record;
  if (record_ != nullptr) {
    record_->layers.push_back({.largest = std::vector<float>(static_cast<std::size_t>(weight.size(1))), .rows = {}});
  }
  if (compute.products && complete) {
    pack(weight, bias, compute, place);
  } else {
    weight_t_ = weight.t();
    bias_ = bias;
  }
  if (complete && load.checked.emplace(weight.size(1), weight.size(0)).second) {
    Calibration* const record = std::exchange(record_, nullptr);
    check_product(*this, weight, bias, compute);
    record_ = record;
  }
}

void Linear::see(const at::Tensor& x) const {
  const at::Tensor largest = x.abs().amax(0).to(at::kCPU, at::kFloat).contiguous();
  LayerInputs& seen = record_->layers[number_];
  for (std::size_t i = 0; i < seen.largest.size(); ++i) {
    seen.largest[i] = std::max(seen.largest[i], largest.data_ptr<float>()[i]);
  }
  // The first token of a sequence often has values that no other token has.
  for (const std::int64_t row : {std::int64_t{0}, x.size(0) / 2}) {
    if (std::ssize(seen.rows) >= k_calibration_rows * x.size(1)) return;
    const at::Tensor floats = x[row].to(at::kCPU, at::kFloat).contiguous();
    seen.rows.insert(seen.rows.end(), floats.data_ptr<float>(), floats.data_ptr<float>() + floats.numel());
  }
}

Linear Linear::with_bias(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out,
                         Place place) {
  const at::Tensor weight = weights.take(name + ".weight", {out, in});
  return {weight, weights.take(name + ".bias", {out}), weights.compute(), place};
}

Linear Linear::projection(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out) {
  return {weights.take(name + ".weight", {out, in}), {}, weights.compute(), Place::last};
}

void Linear::apply(const at::Tensor& x, const at::Tensor& out, std::optional<Activation> activation) const {
  if (record_ != nullptr) see(x);
  if (packed_) return packed_->apply(rows_of(x), activation, rows_of(out));
  at::Tensor result = out;
  if (bias_.defined()) {
    at::addmm_out(result, bias_, x, weight_t_);
  } else {
    at::mm_out(result, x, weight_t_);
  }
  if (activation) activate(*activation, out);
}

at::Tensor Linear::operator()(const at::Tensor& x, const Compute& compute) const {
  const at::Tensor input = x.to(compute.product_dtype);
  at::Tensor out = at::empty({x.size(0), out_}, compute.options());
  apply(input, out);
  return out;
}

void Linear::multiply(const at::Tensor& x, const at::Tensor& factors, const at::Tensor& out) const {
  if (!packed_) {
    apply(x, out);
    out.mul_(factors);
    return;
  }
  if (record_ != nullptr) see(x);
  packed_->multiply(rows_of(x), rows_of(factors), rows_of(out));
}

void Linear::accumulate(const at::Tensor& x, const at::Tensor& out) const {
  if (record_ != nullptr) see(x);
  if (packed_) return packed_->accumulate(rows_of(x), rows_of(out));
  if (bias_.defined()) out.add_(bias_);
  out.addmm_(x, weight_t_);
}

LayerNorm LayerNorm::bind(WeightBinder& weights, const std::string& name, std::int64_t width, double eps) {
  return {weights.take(name + ".weight", {width}), weights.take(name + ".bias", {width}), eps,
          weights.compute().products != nullptr};
}

void LayerNorm::apply(const at::Tensor& x, const at::Tensor& out) const {
  if (by_kernel) {
    kernels::layer_norm(rows_of(x), weight.data_ptr<float>(), bias.data_ptr<float>(), static_cast<float>(eps),
                        rows_of(out));
  } else {
    out.copy_(at::layer_norm(x, {x.size(-1)}, weight, bias, eps));
  }
}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  const at::Tensor out = at::empty_like(x);
  apply(x, out);
  return out;
}

Projections Projections::of(const at::Tensor& weight, const at::Tensor& bias, bool apart, const Compute& compute) {
  if (!apart) return {.all = Linear(weight, bias, compute), .query = {}, .key_value = {}};
  const std::int64_t width = weight.size(1);
  return {.all = {},
          .query = Linear(weight.narrow(0, 0, width), bias.narrow(0, 0, width), compute),
          .key_value = Linear(weight.narrow(0, width, 2 * width), bias.narrow(0, width, 2 * width), compute)};
}

Mlp::Workspace::Workspace(const Mlp& mlp, std::int64_t rows, const Compute& compute) {
  const at::ScalarType type = mlp.norm.defined() ? compute.dtype : compute.product_dtype;
  hidden = scratch(rows, mlp.up.out(), type, compute);
  if (mlp.gate.defined()) gated = scratch(rows, mlp.up.out(), type, compute);
  if (mlp.norm.defined()) normed = scratch(rows, mlp.up.out(), compute.product_dtype, compute);
}

void Mlp::accumulate(const at::Tensor& input, const Workspace& work, const at::Tensor& x) const {
  if (!gate.defined()) {
    up.apply(input, work.hidden, activation);
    down.accumulate(work.hidden, x);
    return;
  }
  gate.apply(input, work.gated, activation);
  up.multiply(input, work.gated, work.hidden);
  if (norm.defined()) norm.apply(work.hidden, work.normed);
  down.accumulate(norm.defined() ? work.normed : work.hidden, x);
}

}  // namespace sightline::models
