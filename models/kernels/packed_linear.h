// Linear layers with packed weights, on oneDNN.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "models/kernels/epilogue.h"
#include "models/kernels/rows.h"
#include "models/model_folder/transformer_config.h"

namespace sightline::models::kernels {

/// The data types of a model's products.
enum class Precision : std::uint8_t {
  f32,   ///< all in float32
  bf16,  ///< weights and activations in bfloat16, sums in float32
  /// weights in 8-bit integers with a scale for each output, activations with one for each row, measured per call; sums
  /// in 32-bit integers
  int8,
};

/// The element type of a product's input; 8-bit integers are made from float32 within the product.
constexpr Element input_element(Precision precision) {
  return precision == Precision::bf16 ? Element::bf16 : Element::f32;
}

class MatmulCache;

/// Sets the number of threads for kernels that are called from this thread.
void use_threads(int threads);

/// Null if oneDNN has no code for the precision on this processor.
std::shared_ptr<MatmulCache> make_matmul_cache(Precision precision);

/// The library and the code that it chose for the last product made, e.g. "oneDNN 2.6.3 (brg:avx512_core)".
std::string describe(const MatmulCache& cache);

/// The weights of a layer, row-major, float32. Copied when it is packed.
struct LinearWeights {
  const float* weight = nullptr;  ///< [out, in]
  const float* bias = nullptr;    ///< [out]; null: none
  std::int64_t in = 0, out = 0;
  /// [in], Precision::int8 only: the largest known absolute value of each input. Inputs with much larger values than
  /// others are made smaller and their weights larger by the same factor (G. Xiao et al., "SmoothQuant"). Null:
  /// unknown.
  const float* largest_inputs = nullptr;
};

/// y = x W^T + b, [rows, in] -> [rows, out], for any number of rows.
///
/// The weights are packed once, into the layout that oneDNN prefers on this processor. The operation after a product is
/// done while its results are in registers. Rows are contiguous. Only one call at a time per `MatmulCache`. Throws
/// dnnl::error, std::bad_alloc (in any case without memory).
class PackedLinear {
 public:
  PackedLinear(const LinearWeights& weights, Precision precision, std::shared_ptr<MatmulCache> cache);
  ~PackedLinear();
  PackedLinear(PackedLinear&&) noexcept;
  PackedLinear& operator=(PackedLinear&&) noexcept;

  std::int64_t in() const { return in_; }
  std::int64_t out() const { return out_; }

  /// y = f(x W^T + b); f: `activation`, none: the identity. `y` is float32 or bfloat16.
  void apply(const Rows& x, std::optional<Activation> activation, const Rows& y) const;
  /// y = (x W^T + b) * factors, element by element; `factors` has the type of y.
  void multiply(const Rows& x, const Rows& factors, const Rows& y) const;
  /// y += x W^T + b, in float32.
  void accumulate(const Rows& x, const Rows& y) const;

 private:
  struct Packed;
  void pack(const LinearWeights& weights);
  void run(const Rows& x, Epilogue epilogue, const Rows& factors, const Rows& y) const;

  std::int64_t in_, out_;
  Precision precision_;
  std::unique_ptr<Packed> packed_;
  std::shared_ptr<MatmulCache> cache_;
};

}  // namespace sightline::models::kernels
