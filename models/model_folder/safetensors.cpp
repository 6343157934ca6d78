#include "models/model_folder/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "models/model_folder/safetensors_header.h"

namespace sightline::models {
namespace {

constexpr std::uint64_t k_max_header_bytes = 100'000'000;
constexpr std::size_t k_length_bytes = 8;

struct Span {
  std::uint64_t begin = 0, size = 0;
};

Error corrupt(const std::filesystem::path& file, const std::string& what) {
  return {ErrorCode::corrupt_data, file.string() + ": " + what + "; download the file again"};
}

std::uint64_t little_endian_u64(const std::byte* bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

Result<Dtype> parse_dtype(const std::filesystem::path& file, const HeaderEntry& entry) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i64}) {
    if (entry.dtype == to_string(dtype)) return dtype;
  }
  return Error{ErrorCode::unsupported, file.string() + ": tensor \"" + entry.name + "\" has dtype \"" + entry.dtype +
                                           "\"; F32, F16, BF16 and I64 are supported"};
}

/// The number of bytes for dtype and shape; false on overflow.
bool size_of(Dtype dtype, const std::vector<std::uint64_t>& shape, std::uint64_t& size) {
  size = bytes_per_element(dtype);
  for (const std::uint64_t extent : shape) {
    // An extent over int64 is refused even if another one is 0, when the product would not overflow.
    if (extent > static_cast<std::uint64_t>(INT64_MAX) || __builtin_mul_overflow(size, extent, &size)) return false;
  }
  return true;
}

/// `data`: the position of the tensors' bytes in the file.
Result<TensorView> check_entry(const std::shared_ptr<const File>& file, const Span& data, HeaderEntry& entry) {
  const Result<Dtype> dtype = parse_dtype(file->path(), entry);
  if (!dtype) return dtype.error();
  const std::string tensor = "tensor \"" + entry.name + "\" ";
  if (entry.begin > entry.end || entry.end > data.size) {
    return corrupt(file->path(), tensor + "claims bytes " + std::to_string(entry.begin) + " to " +
                                     std::to_string(entry.end) + " of " + std::to_string(data.size));
  }
  std::uint64_t size = 0;
  TensorView view;
  view.name = std::move(entry.name);
  view.dtype = *dtype;
  view.shape.assign(entry.shape.begin(), entry.shape.end());
  if (!size_of(*dtype, entry.shape, size) || size != entry.end - entry.begin) {
    return corrupt(file->path(), tensor + "is " + to_string(*dtype) + " " + shape_text(view.shape) + " but has " +
                                     std::to_string(entry.end - entry.begin) + " bytes");
  }
  view.begin = data.begin + entry.begin;
  view.size_bytes = size;
  view.file = file;
  return view;
}

/// Requires entries sorted by position: each must begin where the last one ended, and the last must end with the data.
Status check_cover(const std::filesystem::path& file, const std::vector<HeaderEntry>& entries,
                   std::uint64_t data_bytes) {
  std::uint64_t covered = 0;
  const HeaderEntry* previous = nullptr;
  for (const HeaderEntry& entry : entries) {
    if (entry.begin < covered) {
      return corrupt(file, "tensors \"" + previous->name + "\" and \"" + entry.name + "\" overlap");
    }
    if (entry.begin > covered) {
      return corrupt(file, std::to_string(entry.begin - covered) + " bytes before tensor \"" + entry.name +
                               "\" belong to no tensor");
    }
    covered = entry.end;
    previous = &entry;
  }
  if (covered != data_bytes) {
    return corrupt(file, "the last " + std::to_string(data_bytes - covered) + " bytes belong to no tensor");
  }
  return {};
}

Result<std::string> read_header(const File& file) {
  if (file.size() < k_length_bytes) {
    return corrupt(file.path(), "ends after " + std::to_string(file.size()) + " bytes, before its header");
  }
  std::array<std::byte, k_length_bytes> length_bytes;
  if (Status read = file.read(0, length_bytes); !read) return read.error();
  const std::uint64_t length = little_endian_u64(length_bytes.data());
  if (length > k_max_header_bytes) {
    return corrupt(file.path(), "claims a header of " + std::to_string(length) + " bytes; at most " +
                                    std::to_string(k_max_header_bytes) + " are allowed");
  }
  if (length > file.size() - k_length_bytes) {
    return corrupt(file.path(), "claims a header of " + std::to_string(length) + " bytes but has only " +
                                    std::to_string(file.size()));
  }
  std::string header(length, '\0');
  if (Status read = file.read(k_length_bytes, std::as_writable_bytes(std::span(header))); !read) return read.error();
  return header;
}

}  // namespace

const char* to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return "F32";
    case Dtype::f16:
      return "F16";
    case Dtype::bf16:
      return "BF16";
    case Dtype::i64:
      return "I64";
  }
  return "";
}

std::size_t bytes_per_element(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return 4;
    case Dtype::f16:
    case Dtype::bf16:
      return 2;
    case Dtype::i64:
      return 8;
  }
  return 0;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

Result<std::string> TensorView::bytes() const {
  std::string copy(size_bytes, '\0');
  if (Status done = read(std::as_writable_bytes(std::span(copy))); !done) return done.error();
  return copy;
}

Result<std::vector<TensorView>> read_safetensors(const std::filesystem::path& path) {
  const auto file = File::open(path);
  if (!file) return file.error();
  const Result<std::string> header = read_header(**file);
  if (!header) return header.error();
  const std::uint64_t data_begin = k_length_bytes + header->size();
  const Span data{data_begin, (*file)->size() - data_begin};

  Result<std::vector<HeaderEntry>> entries = parse_safetensors_header(*header);
  if (!entries) return corrupt(path, entries.error().message);

  std::sort(entries->begin(), entries->end(),
            [](const HeaderEntry& a, const HeaderEntry& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(entries->begin(), entries->end(),
                                        [](const HeaderEntry& a, const HeaderEntry& b) { return a.name == b.name; });
  if (twice != entries->end()) return corrupt(path, "tensor \"" + twice->name + "\" is listed twice");
  // Empty tensors sort before the tensor that begins at the same offset.
  std::sort(entries->begin(), entries->end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });

  std::vector<TensorView> tensors;
  tensors.reserve(entries->size());
  const Status cover = check_cover(path, *entries, data.size);
  for (HeaderEntry& entry : *entries) {
    Result<TensorView> tensor = check_entry(*file, data, entry);
    if (!tensor) return tensor.error();
    tensors.push_back(std::move(*tensor));
  }
  if (!cover) return cover.error();
  return tensors;
}

}  // namespace sightline::models
