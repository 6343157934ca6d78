// Quantization around a product of 8-bit integers. Private to models/kernels.
#pragma once

#include <cstdint>

#include "models/kernels/epilogue.h"
#include "models/kernels/rows.h"

namespace sightline::models::kernels {

/// A row of numbers as 8-bit integers: x = (integer - zero) * scale.
struct RowCode {
  float scale;
  std::int32_t zero;
};

/// Converts each row of `x` [rows, columns], float32, on its own: its smallest and largest number, and 0, span the
/// integers 0 to 255. Each column is multiplied by `factors` [columns] before; null: none. `codes` [rows, columns],
/// `rows` [rows].
void quantize(const Rows& x, const float* factors, std::uint8_t* codes, RowCode* rows);

/// A layer's weights in 8-bit integers, by output column.
struct ColumnCodes {
  const float* scales;       ///< weight = integer * scale
  const std::int32_t* sums;  ///< of the integers
  const float* bias;
};

/// y = f(x W^T + b) from the product of the integers, `sums` [y.rows, y.columns], where `rows` has the codes of `x`. f
/// as in Epilogue; `factors` as y, with Epilogue::multiply. y is float32.
void finish_quantized(const std::int32_t* sums, const RowCode* rows, const ColumnCodes& columns, Epilogue epilogue,
                      const Rows& factors, const Rows& y);

}  // namespace sightline::models::kernels
