#include "models/kernels/packed_linear.h"

#include <cstring>
#include <new>
#include <sys/mman.h>

#include "models/kernels/matmul_cache.h"

namespace sightline::models::kernels {
namespace {

/// Weights are read from end to end in every pass: large pages spare the processor most of its address translation.
constexpr std::size_t k_large_page = std::size_t{2} << 20;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte[], Free>;

Memory allocate(std::size_t bytes) {
  const bool large = bytes >= k_large_page;
  const std::size_t alignment = large ? k_large_page : 64;
  auto* const memory =
      static_cast<std::byte*>(std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment));
  if (memory == nullptr) throw std::bad_alloc();
  if (large) ::madvise(memory, bytes, MADV_HUGEPAGE);
  return Memory(memory);
}

Epilogue epilogue_of(std::optional<Activation> activation) {
  if (!activation) return Epilogue::none;
  switch (*activation) {
    case Activation::quick_gelu: return Epilogue::quick_gelu;
    case Activation::gelu: return Epilogue::gelu;
    case Activation::gelu_tanh: return Epilogue::gelu_tanh;
    case Activation::silu: return Epilogue::silu;
  }
  return Epilogue::none;
}

}  // namespace

struct PackedLinear::Packed {
  Memory weight_bytes, bias_bytes;
  dnnl::memory weights, bias;
};

PackedLinear::PackedLinear(const float* weight, const float* bias, std::int64_t in, std::int64_t out,
                           std::shared_ptr<MatmulCache> cache)
    : in_(in), out_(out), packed_(std::make_unique<Packed>()), cache_(std::move(cache)) {
  using dnnl::memory;
  const dnnl::engine& engine = cache_->engine();
  const memory::desc layout = cache_->packed_layout(in, out);
  packed_->weight_bytes = allocate(layout.get_size());
  packed_->weights = memory(layout, engine, packed_->weight_bytes.get());
  // [out, in] row-major is [in, out] column-major.
  memory stored({{in, out}, memory::data_type::f32, memory::format_tag::ba}, engine, const_cast<float*>(weight));
  dnnl::stream stream(engine);
  dnnl::reorder(stored, packed_->weights).execute(stream, stored, packed_->weights);
  stream.wait();

  const auto bias_size = static_cast<std::size_t>(out) * sizeof(float);
  packed_->bias_bytes = allocate(bias_size);
  if (bias != nullptr) {
    std::memcpy(packed_->bias_bytes.get(), bias, bias_size);
  } else {
    std::memset(packed_->bias_bytes.get(), 0, bias_size);
  }
  packed_->bias = memory({{1, out}, memory::data_type::f32, memory::format_tag::ab}, engine, packed_->bias_bytes.get());
}

PackedLinear::~PackedLinear() = default;
PackedLinear::PackedLinear(PackedLinear&&) noexcept = default;
PackedLinear& PackedLinear::operator=(PackedLinear&&) noexcept = default;

void PackedLinear::apply(const Rows& x, std::optional<Activation> activation, const Rows& y) const {
  cache_->run({x.rows, in_, out_, epilogue_of(activation), y.element}, packed_->weights, packed_->bias, x.data, nullptr,
              y.data);
}

void PackedLinear::multiply(const Rows& x, const Rows& factors, const Rows& y) const {
  cache_->run({x.rows, in_, out_, Epilogue::multiply, y.element}, packed_->weights, packed_->bias, x.data,
              factors.data, y.data);
}

void PackedLinear::accumulate(const Rows& x, const Rows& y) const {
  cache_->run({x.rows, in_, out_, Epilogue::add, y.element}, packed_->weights, packed_->bias, x.data, nullptr, y.data);
}

}  // namespace sightline::models::kernels
