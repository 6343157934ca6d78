// The products that oneDNN has generated code for. Private to models/kernels.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "models/kernels/code_room.h"
#include "models/kernels/onednn.h"
#include "models/kernels/packed_linear.h"

namespace sightline::models::kernels {

/// One kind of product: oneDNN makes code for each number of rows.
struct MatmulShape {
  std::int64_t rows, in, out;
  Precision precision;
  Epilogue epilogue;  ///< none with Precision::int8
  Element result;     ///< with Precision::int8, 32-bit integers in any case
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 reports the 0 that the comparison is defined with
  auto operator<=>(const MatmulShape&) const = default;
};

/// The code of a model's products, generated when a number of rows first occurs (about a millisecond) and cached for
/// the most recently used ones: texts have any number of tokens, and code for each number must not accumulate. One
/// thread at a time.
class MatmulCache {
 public:
  MatmulCache() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

  const dnnl::engine& engine() const { return engine_; }

  /// The layout that weights [in, out] are packed into: the best one for the rows of a picture.
  dnnl::memory::desc packed_layout(std::int64_t in, std::int64_t out, Precision precision);

  /// `weights` and `bias` (not with Precision::int8) as oneDNN's memory; `x`, `factors` (with Epilogue::multiply) and `y`
  /// as bare pointers. With Precision::int8 `x` are unsigned and `weights` signed integers. Throws dnnl::error,
  /// std::bad_alloc.
  void run(const MatmulShape& shape, const dnnl::memory& weights, const dnnl::memory& bias, void* x, void* factors,
           void* y);

  /// What oneDNN calls the code that it has chosen, e.g. "brg:avx512_core"; empty before the first product.
  const std::string& implementation() const { return implementation_; }

 private:
  struct Entry {
    dnnl::matmul matmul;
    dnnl::memory x, y, factors, scratchpad;
    std::size_t scratchpad_bytes = 0;
    std::uint64_t used = 0;  ///< number of the call that last used it
  };

  void multiply(const MatmulShape& shape, const dnnl::memory& weights, const dnnl::memory& bias, void* x, void* factors,
                void* y);
  Entry make(const MatmulShape& shape, const dnnl::memory::desc& weights);
  void make_room();

  dnnl::engine engine_;
  dnnl::stream stream_;
  CodeRoom room_;
  std::map<MatmulShape, Entry> entries_;
  std::uint64_t calls_ = 0;
  std::string implementation_;
};

}  // namespace sightline::models::kernels
