#include "models/kernels/packed_linear.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <vector>

#include "models/kernels/arena.h"
#include "models/kernels/matmul_cache.h"
#include "models/kernels/quantized.h"

namespace sightline::models::kernels {
namespace {

using dnnl::memory;

/// Weights are read from start to end in every pass: large pages avoid most of the processor's address translation.
constexpr std::size_t k_large_page = std::size_t{2} << 20;

struct Free {
  void operator()(std::byte* bytes) const { std::free(bytes); }
};
using Bytes = std::unique_ptr<std::byte[], Free>;

Bytes allocate(std::size_t size) {
  const bool large = size >= k_large_page;
  const std::size_t alignment = large ? k_large_page : 64;
  auto* const bytes =
      static_cast<std::byte*>(std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment));
  if (bytes == nullptr) throw std::bad_alloc();
  if (large) ::madvise(bytes, size, MADV_HUGEPAGE);
  return Bytes(bytes);
}

Epilogue epilogue_of(std::optional<Activation> activation) {
  if (!activation) return Epilogue::none;
  switch (*activation) {
    case Activation::quick_gelu:
      return Epilogue::quick_gelu;
    case Activation::gelu:
      return Epilogue::gelu;
    case Activation::gelu_tanh:
      return Epilogue::gelu_tanh;
    case Activation::silu:
      return Epilogue::silu;
  }
  return Epilogue::none;
}

/// [in]: the factor of each input's weights, by which the input's values are divided: sqrt(largest input / largest
/// weight), which is SmoothQuant with alpha = 0.5.
std::vector<float> smoothing(const LinearWeights& weights) {
  std::vector<float> factors(static_cast<std::size_t>(weights.in), 1);
  if (weights.largest_inputs == nullptr) return factors;
  for (std::int64_t i = 0; i < weights.in; ++i) {
    float largest = 0;
    for (std::int64_t o = 0; o < weights.out; ++o) {
      largest = std::max(largest, std::abs(weights.weight[o * weights.in + i]));
    }
    const float factor = std::sqrt(weights.largest_inputs[i] / largest);
    if (std::isfinite(factor) && factor > 0) factors[static_cast<std::size_t>(i)] = factor;
  }
  return factors;
}

}  // namespace

struct PackedLinear::Packed {
  Bytes bytes;
  memory weights;
  std::vector<float> bias;
  memory bias_memory;

  // Precision::int8
  std::vector<float> input_factors;  ///< [in]
  std::vector<float> scales;         ///< [out]
  std::vector<std::int32_t> sums;    ///< [out]

  void pack(const memory& stored, const memory::desc& layout, const dnnl::engine& engine) {
    bytes = allocate(layout.get_size());
    weights = memory(layout, engine, bytes.get());
    dnnl::stream stream(engine);
    memory from = stored;
    dnnl::reorder(from, weights).execute(stream, from, weights);
    stream.wait();
  }

  /// The weights as integers [out, in].
  std::vector<std::int8_t> quantize_weights(const LinearWeights& of) {
    const std::vector<float> factors = smoothing(of);
    const float largest_code = sums_bytes_exactly() ? 127 : 63;
    std::vector<std::int8_t> codes(static_cast<std::size_t>(of.in * of.out));
    scales.resize(static_cast<std::size_t>(of.out));
    sums.resize(scales.size());
    for (std::size_t o = 0; o < scales.size(); ++o) {
      const float* const row = of.weight + static_cast<std::int64_t>(o) * of.in;
      std::int8_t* const row_codes = codes.data() + static_cast<std::int64_t>(o) * of.in;
      float largest = 1e-30f;
      for (std::size_t i = 0; i < factors.size(); ++i) largest = std::max(largest, std::abs(row[i] * factors[i]));
      scales[o] = largest / largest_code;
      for (std::size_t i = 0; i < factors.size(); ++i) {
        row_codes[i] = static_cast<std::int8_t>(std::nearbyint(row[i] * factors[i] / scales[o]));
        sums[o] += row_codes[i];
      }
    }
    if (of.largest_inputs != nullptr) {
      for (const float factor : factors) input_factors.push_back(1 / factor);
    }
    return codes;
  }
};

PackedLinear::PackedLinear(const LinearWeights& weights, Precision precision, std::shared_ptr<MatmulCache> cache)
    : in_(weights.in),
      out_(weights.out),
      precision_(precision),
      packed_(std::make_unique<Packed>()),
      cache_(std::move(cache)) {
  with_bad_alloc([&] { pack(weights); });
}

void PackedLinear::pack(const LinearWeights& weights) {
  const dnnl::engine& engine = cache_->engine();
  const memory::desc layout = cache_->packed_layout(in_, out_, precision_);
  packed_->bias.assign(static_cast<std::size_t>(out_), 0);
  if (weights.bias != nullptr) std::copy_n(weights.bias, out_, packed_->bias.begin());
  // [out, in] row-major is [in, out] column-major.
  const auto stored = [&](memory::data_type type, const void* data) {
    return memory({{in_, out_}, type, memory::format_tag::ba}, engine, const_cast<void*>(data));
  };
  if (precision_ == Precision::int8) {
    const std::vector<std::int8_t> codes = packed_->quantize_weights(weights);
    packed_->pack(stored(memory::data_type::s8, codes.data()), layout, engine);
  } else {
    packed_->pack(stored(memory::data_type::f32, weights.weight), layout, engine);
    packed_->bias_memory =
        memory({{1, out_}, memory::data_type::f32, memory::format_tag::ab}, engine, packed_->bias.data());
  }
}

PackedLinear::~PackedLinear() = default;
PackedLinear::PackedLinear(PackedLinear&&) noexcept = default;
PackedLinear& PackedLinear::operator=(PackedLinear&&) noexcept = default;

void PackedLinear::run(const Rows& x, Epilogue epilogue, const Rows& factors, const Rows& y) const {
  if (precision_ != Precision::int8) {
    cache_->run({x.rows, in_, out_, precision_, epilogue, y.element}, packed_->weights, packed_->bias_memory, x.data,
                factors.data, y.data);
    return;
  }
  Arena& arena = Arena::of_this_thread();
  const Arena::Frame frame(arena);
  auto* const codes = static_cast<std::uint8_t*>(arena.take(static_cast<std::size_t>(x.rows * in_)));
  auto* const rows = static_cast<RowCode*>(arena.take(static_cast<std::size_t>(x.rows) * sizeof(RowCode)));
  auto* const sums =
      static_cast<std::int32_t*>(arena.take(static_cast<std::size_t>(x.rows * out_) * sizeof(std::int32_t)));
  quantize(x, packed_->input_factors.empty() ? nullptr : packed_->input_factors.data(), codes, rows);
  cache_->run({x.rows, in_, out_, precision_, Epilogue::none, Element::f32}, packed_->weights, {}, codes, nullptr,
              sums);
  finish_quantized(sums, rows, {packed_->scales.data(), packed_->sums.data(), packed_->bias.data()}, epilogue, factors,
                   y);
}

void PackedLinear::apply(const Rows& x, std::optional<Activation> activation, const Rows& y) const {
  run(x, epilogue_of(activation), {}, y);
}

void PackedLinear::multiply(const Rows& x, const Rows& factors, const Rows& y) const {
  run(x, Epilogue::multiply, factors, y);
}

void PackedLinear::accumulate(const Rows& x, const Rows& y) const {
  run(x, Epilogue::add, {}, y);
}

}  // namespace sightline::models::kernels
