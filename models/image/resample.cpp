#include "models/image/resample.h"

#include <algorithm>
#include <array>
#include <cstring>

// If the compiler can choose code at run time, the inner loops are also built for AVX2: SSE2 has no 32-bit
// multiplication. The sanitizers' run-time libraries are not ready when that choice is made. These are the compiler's
// vector types, not Highway's: a strip is 16 rows of bytes on every CPU, and the arithmetic must give Pillow's bytes.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SIGHTLINE_FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define SIGHTLINE_FOR_EACH_CPU
#endif

namespace sightline::models {
namespace {

/// Rows that the horizontal pass processes at once: one per lane.
constexpr std::size_t k_strip_rows = 16;
constexpr std::size_t k_channels = 3;
constexpr std::int32_t k_half = 1 << (AxisWeights::k_fraction_bits - 1);

/// A column of a strip: one byte per row.
using StripColumn = std::array<std::uint8_t, k_strip_rows>;
using Block = std::uint8_t __attribute__((vector_size(k_strip_rows)));
using Words = std::uint16_t __attribute__((vector_size(32)));
using HalfWords = std::uint16_t __attribute__((vector_size(16)));
using Lanes = std::int32_t __attribute__((vector_size(32)));

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> AxisWeights::k_fraction_bits, 0, 255));
}

/// Transposes 16 x 16 bytes: four rounds of interleaving the upper half with the lower.
void transpose_block(std::array<Block, k_strip_rows>& block) {
  for (int round = 0; round < 4; ++round) {
    std::array<Block, k_strip_rows> next;
    for (std::size_t i = 0; i < k_strip_rows / 2; ++i) {
      const Block a = block[i], b = block[i + 8];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    block = next;
  }
}

/// Bytes [begin, begin + strip.size()) of 16 rows, column by column. Reads up to 15 bytes past the last.
void load_strip(const std::array<const std::uint8_t*, k_strip_rows>& rows, std::size_t begin,
                std::vector<StripColumn>& strip) {
  for (std::size_t at = 0; at < strip.size(); at += k_strip_rows) {
    std::array<Block, k_strip_rows> block;
    for (std::size_t r = 0; r < k_strip_rows; ++r) std::memcpy(&block[r], rows[r] + begin + at, sizeof(Block));
    transpose_block(block);
    const std::size_t columns = std::min(k_strip_rows, strip.size() - at);
    std::memcpy(strip[at].data(), block.data(), columns * sizeof(Block));
  }
}

/// One output pixel of 16 rows at once. `columns`: the first tap's red, green, blue, the next tap's, ...
SIGHTLINE_FOR_EACH_CPU
void sum_pixel(const StripColumn* columns, const std::int32_t* weights, std::size_t count,
               std::array<std::int32_t, k_channels * k_strip_rows>& sums) {
  // Two vectors per channel. Compilers turn widening by one step at a time into single instructions.
  std::array<Lanes, k_channels> low, high;
  low.fill(Lanes{} + k_half);
  high.fill(Lanes{} + k_half);
  for (std::size_t t = 0; t < count; ++t, columns += k_channels) {
    const std::int32_t weight = weights[t];
    for (std::size_t c = 0; c < k_channels; ++c) {
      Block bytes;
      std::memcpy(&bytes, columns[c].data(), sizeof(bytes));
      const Words words = __builtin_convertvector(bytes, Words);
      const HalfWords first = __builtin_shufflevector(words, words, 0, 1, 2, 3, 4, 5, 6, 7);
      const HalfWords second = __builtin_shufflevector(words, words, 8, 9, 10, 11, 12, 13, 14, 15);
      low[c] += __builtin_convertvector(first, Lanes) * weight;
      high[c] += __builtin_convertvector(second, Lanes) * weight;
    }
  }
  for (std::size_t c = 0; c < k_channels; ++c) {
    std::memcpy(sums.data() + c * k_strip_rows, &low[c], sizeof(Lanes));
    std::memcpy(sums.data() + c * k_strip_rows + k_strip_rows / 2, &high[c], sizeof(Lanes));
  }
}

SIGHTLINE_FOR_EACH_CPU
void add_weighted(const std::uint8_t* row, std::size_t count, std::int32_t weight, std::int32_t* sums) {
  for (std::size_t i = 0; i < count; ++i) sums[i] += row[i] * weight;
}

/// The row pass: strips of source rows, resized to the window's columns.
class RowPass {
 public:
  RowPass(const Picture& picture, AxisWeights axis)
      : picture_(picture), axis_(std::move(axis)), inputs_(axis_.inputs()), is_copy_(axis_.weights.size() == 1) {
    strip_.resize(inputs_.size * k_channels);
    for (auto& row : rows_) row.resize(axis_.taps.size() * k_channels);
  }

  /// Resizes source rows [y, y + count); count is at most k_strip_rows.
  void run(std::uint64_t y, std::size_t count) { is_copy_ ? copy_rows(y, count) : sum_rows(y, count); }
  const std::vector<std::uint8_t>& row(std::size_t index) const { return rows_[index]; }

 private:
  void copy_rows(std::uint64_t y, std::size_t count) {
    for (std::size_t r = 0; r < count; ++r) {
      std::uint8_t* out = rows_[r].data();
      for (const AxisWeights::Taps& taps : axis_.taps) {
        std::memcpy(out, picture_.row(y + r) + std::size_t{taps.begin} * k_channels, k_channels);
        out += k_channels;
      }
    }
  }

  void sum_rows(std::uint64_t y, std::size_t count) {
    std::array<const std::uint8_t*, k_strip_rows> sources;
    for (std::size_t r = 0; r < k_strip_rows; ++r) sources[r] = picture_.row(y + std::min(r, count - 1));
    load_strip(sources, inputs_.begin * k_channels, strip_);
    std::array<std::int32_t, k_channels * k_strip_rows> sums;
    for (std::size_t x = 0; x < axis_.taps.size(); ++x) {
      const AxisWeights::Taps& taps = axis_.taps[x];
      const StripColumn* columns = strip_.data() + (taps.begin - inputs_.begin) * k_channels;
      sum_pixel(columns, axis_.weights.data() + taps.first, taps.count, sums);
      for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t c = 0; c < k_channels; ++c) {
          rows_[r][x * k_channels + c] = to_byte(sums[c * k_strip_rows + r]);
        }
      }
    }
  }

  const Picture& picture_;
  AxisWeights axis_;
  Span inputs_;
  bool is_copy_;
  std::vector<StripColumn> strip_;
  std::array<std::vector<std::uint8_t>, k_strip_rows> rows_;
};

/// The column pass: reads rows in order and adds each to the outputs that depend on it. Integer sums may be computed in
/// any order, so rows need not be stored.
class ColumnPass {
 public:
  ColumnPass(AxisWeights axis, std::size_t row_bytes)
      : axis_(std::move(axis)), row_bytes_(row_bytes), sums_(axis_.taps.size() * row_bytes, k_half) {}

  Span inputs() const { return axis_.inputs(); }

  void add(std::uint64_t y, const std::vector<std::uint8_t>& row) {
    while (axis_.taps[first_active_].begin + axis_.taps[first_active_].count <= y) ++first_active_;
    for (std::size_t i = first_active_; i < axis_.taps.size() && axis_.taps[i].begin <= y; ++i) {
      const AxisWeights::Taps& taps = axis_.taps[i];
      const std::int32_t weight = axis_.weights[taps.first + (y - taps.begin)];
      add_weighted(row.data(), row_bytes_, weight, sums_.data() + i * row_bytes_);
    }
  }

  void finish(std::uint8_t* out, std::size_t stride) const {
    for (std::size_t i = 0; i < axis_.taps.size(); ++i) {
      const std::int32_t* sums = sums_.data() + i * row_bytes_;
      std::transform(sums, sums + row_bytes_, out + i * stride, to_byte);
    }
  }

 private:
  AxisWeights axis_;
  std::size_t row_bytes_;
  std::vector<std::int32_t> sums_;
  std::size_t first_active_ = 0;  ///< outputs before this one have all their rows
};

/// Rows first, then columns.
void two_passes(const Picture& picture, AxisWeights columns, AxisWeights rows, std::uint8_t* out,
                std::size_t out_stride) {
  const std::size_t row_bytes = columns.taps.size() * k_channels;
  RowPass row_pass(picture, std::move(columns));
  ColumnPass column_pass(std::move(rows), row_bytes);
  const Span inputs = column_pass.inputs();
  for (std::uint64_t at = 0; at < inputs.size; at += k_strip_rows) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(k_strip_rows, inputs.size - at));
    row_pass.run(inputs.begin + at, count);
    for (std::size_t r = 0; r < count; ++r) column_pass.add(inputs.begin + at + r, row_pass.row(r));
  }
  column_pass.finish(out, out_stride);
}

/// Pillow's choice (since 13.0): columns first if the height shrinks by more than twice as much as the
/// width.
bool takes_columns_first(const Picture& picture, std::uint64_t width, std::uint64_t height) {
  const std::uint64_t narrower = picture.width() > width ? picture.width() - width : 0;
  return picture.height() > height && picture.height() - height > 2 * narrower;
}

}  // namespace

void resample(const Picture& picture, std::uint64_t width, std::uint64_t height, Span columns, Span rows,
              PreprocessConfig::Filter filter, std::uint8_t* out, std::size_t out_stride) {
  AxisWeights column_weights = axis_weights(picture.width(), width, columns, filter);
  AxisWeights row_weights = axis_weights(picture.height(), height, rows, filter);
  if (!takes_columns_first(picture, width, height)) {
    return two_passes(picture, std::move(column_weights), std::move(row_weights), out, out_stride);
  }
  // Two passes, each of which copies along the other axis.
  const Span needed = column_weights.inputs();
  Picture shrunk(static_cast<std::uint32_t>(needed.size), static_cast<std::uint32_t>(rows.size));
  two_passes(picture, axis_copies(needed), std::move(row_weights), shrunk.row(0), shrunk.row_bytes());
  for (AxisWeights::Taps& taps : column_weights.taps) taps.begin -= static_cast<std::uint32_t>(needed.begin);
  two_passes(shrunk, std::move(column_weights), axis_copies({0, rows.size}), out, out_stride);
}

}  // namespace sightline::models
