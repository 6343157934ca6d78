// oneDNN, versions 2 (Debian 12) and 3 (Debian 13). Private to models/kernels.
#pragma once

#include <dnnl.hpp>
#include <new>

namespace sightline::models::kernels {

/// Runs `work`, which calls oneDNN. Without memory it throws std::bad_alloc instead of oneDNN's own error, whose text
/// does not say so.
template <class Work>
auto with_bad_alloc(Work work) {
  try {
    return work();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    throw;
  }
}

inline dnnl::matmul::primitive_desc describe_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x,
                                                    const dnnl::memory::desc& weights, const dnnl::memory::desc& bias,
                                                    const dnnl::memory::desc& y,
                                                    const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  if (bias.is_zero()) return {engine, x, weights, y, attributes};
  return {engine, x, weights, bias, y, attributes};
#else
  if (bias.is_zero()) return {{x, weights, y}, attributes, engine};
  return {{x, weights, bias, y}, attributes, engine};
#endif
}

/// True if products of 8-bit integers are summed exactly: without such instructions pairs of them saturate at 16 bits.
inline bool sums_bytes_exactly() {
  const auto has = [isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa())](dnnl::cpu_isa wanted) {
    const auto bits = static_cast<unsigned>(wanted);
    return (isa & bits) == bits;
  };
  return has(dnnl::cpu_isa::avx512_core_vnni) || has(dnnl::cpu_isa::avx2_vnni);
}

inline void append_activation(dnnl::post_ops& operations, dnnl::algorithm algorithm, float alpha) {
#if DNNL_VERSION_MAJOR >= 3
  operations.append_eltwise(algorithm, alpha, 0);
#else
  operations.append_eltwise(1, algorithm, alpha, 0);
#endif
}

}  // namespace sightline::models::kernels
