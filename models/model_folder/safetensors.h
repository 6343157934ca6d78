// One safetensors file.
//
// Layout: 8 bytes little-endian header length N; N bytes of JSON, an object of tensor name -> {"dtype",
// "shape", "data_offsets": [begin, end)} with offsets counted from the end of the header, and optionally
// "__metadata__", an object of strings; then the tensors' bytes, little-endian, row-major.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/files/file.h"

namespace sightline::models {

/// Element types that CLIP-family checkpoints use.
enum class Dtype { f32, f16, bf16, i64 };

/// "F32", "F16", "BF16", "I64", as the header spells them.
const char* to_string(Dtype dtype);
std::size_t bytes_per_element(Dtype dtype);

/// One tensor, whose bytes stay in the file.
struct TensorView {
  std::string name;  ///< in the file
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;          ///< empty: a scalar
  std::uint64_t begin = 0, size_bytes = 0;  ///< of its bytes in `file`
  std::shared_ptr<const File> file;
  /// Its bytes are those of the transposed matrix, so of [shape[1], shape[0]]. Never set by read_safetensors.
  bool transposed = false;

  std::uint64_t elements() const { return size_bytes / bytes_per_element(dtype); }
  /// Copies its bytes; `into` must have exactly that size. Errors: those of File::read.
  Status read(std::span<std::byte> into) const { return file->read(begin, into); }
  /// The same into new memory.
  Result<std::string> bytes() const;
};

/// "[512, 768]"
std::string shape_text(std::span<const std::int64_t> shape);

/// Reads the header of `file` and validates all of it before use: its length (at most 100 MB, as in
/// the reference implementation) and its UTF-8, no name twice, no key twice, dtype x shape equal to
/// the length of the range without overflow, and ranges that together cover the data exactly, so that
/// none overlap and none are hidden. Tensors are in the order of their bytes. Errors: not_found;
/// unsupported (a dtype not listed above); corrupt_data; each names the file and, if one is wrong, the
/// tensor.
Result<std::vector<TensorView>> read_safetensors(const std::filesystem::path& file);

}  // namespace sightline::models
