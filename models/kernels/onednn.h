// oneDNN, versions 2 (Debian 12) and 3 (Debian 13). Private to models/kernels.
#pragma once

#include <dnnl.hpp>

namespace sightline::models::kernels {

inline dnnl::matmul::primitive_desc describe_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x,
                                                    const dnnl::memory::desc& weights, const dnnl::memory::desc& bias,
                                                    const dnnl::memory::desc& y, const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, x, weights, bias, y, attributes};
#else
  return {{x, weights, bias, y}, attributes, engine};
#endif
}

inline void append_activation(dnnl::post_ops& operations, dnnl::algorithm algorithm, float alpha) {
#if DNNL_VERSION_MAJOR >= 3
  operations.append_eltwise(algorithm, alpha, 0);
#else
  operations.append_eltwise(1, algorithm, alpha, 0);
#endif
}

}  // namespace sightline::models::kernels
