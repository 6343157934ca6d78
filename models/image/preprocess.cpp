#include "models/image/preprocess.h"

#include <algorithm>
#include <cmath>

#include "base/exception_error.h"
#include "models/image/picture.h"
#include "models/image/resample.h"

namespace sightline::models {
namespace {

using Resize = PreprocessConfig::Resize;
using CropRule = PreprocessConfig::CropRule;

struct Size {
  std::uint64_t width = 0, height = 0;
};

/// The size for which the longer edge is `edge`, in OpenCLIP's order of float64 operations; halves round to even.
Size size_of_longest(const Size& source, std::uint32_t edge) {
  const auto width = static_cast<double>(source.width), height = static_cast<double>(source.height);
  const double ratio = std::max(height / edge, width / edge);
  return {static_cast<std::uint64_t>(std::nearbyint(width / ratio)),
          static_cast<std::uint64_t>(std::nearbyint(height / ratio))};
}

/// The size a picture is resized to. For the shortest edge the other one is rounded down, as CLIPImageProcessor does.
Size resized_size(const Picture& picture, const PreprocessConfig& config) {
  const Size source{picture.width(), picture.height()};
  switch (config.resize) {
    case Resize::none:
      return source;
    case Resize::exact:
      return {config.resize_width, config.resize_height};
    case Resize::longest_edge:
      return size_of_longest(source, config.resize_width);
    case Resize::shortest_edge:
      break;
  }
  const std::uint64_t edge = config.resize_width;
  if (source.width <= source.height) return {edge, edge * source.height / source.width};
  return {edge * source.width / source.height, edge};
}

/// Along one axis: the resized samples that are used, and the number of zeros before and after them.
struct AxisWindow {
  Span kept;
  std::uint64_t zeros_before = 0;
  std::uint64_t size = 0;
};

AxisWindow centre_crop(std::uint64_t resized, std::uint64_t crop, CropRule rule) {
  if (resized >= crop) {
    const std::uint64_t margin = resized - crop;
    const bool rounds_up = rule == CropRule::half_even && margin % 4 == 3;
    return {{margin / 2 + (rounds_up ? 1 : 0), crop}, 0, crop};
  }
  // CLIPImageProcessor puts the odd row of zeros first, torchvision last.
  const std::uint64_t missing = crop - resized;
  return {{0, resized}, rule == CropRule::floor ? (missing + 1) / 2 : missing / 2, crop};
}

Result<PreparedImage> window_of(const Picture& picture, const PreprocessConfig& config) {
  const Size resized = resized_size(picture, config);
  if (resized.width == 0 || resized.height == 0) {
    return Error{ErrorCode::invalid_argument,
                 "picture of " + grouped(picture.width()) + " x " + grouped(picture.height()) +
                     " pixels is too narrow: its shorter edge would be resized to nothing"};
  }
  AxisWindow columns{{0, resized.width}, 0, resized.width}, rows{{0, resized.height}, 0, resized.height};
  if (config.crop) {
    columns = centre_crop(resized.width, config.crop_width, config.crop_rule);
    rows = centre_crop(resized.height, config.crop_height, config.crop_rule);
  }
  if (columns.kept.size == 0 || rows.kept.size == 0) {
    return Error{ErrorCode::internal, "the preprocessing results in a window without pixels"};
  }
  constexpr std::uint64_t k_max_window_pixels = 1 << 22;
  if (columns.size > k_max_window_pixels || rows.size > k_max_window_pixels / columns.size) {
    return Error{ErrorCode::too_large, "picture of " + grouped(picture.width()) + " x " + grouped(picture.height()) +
                                           " would be resized to " + grouped(columns.size) + " x " +
                                           grouped(rows.size) + " pixels; the limit is " +
                                           grouped(k_max_window_pixels)};
  }

  PreparedImage prepared;
  prepared.width = static_cast<std::uint32_t>(columns.size);
  prepared.height = static_cast<std::uint32_t>(rows.size);
  prepared.source_width = picture.width();
  prepared.source_height = picture.height();
  const std::size_t stride = columns.size * 3;
  prepared.rgb.resize(stride * rows.size, config.fill);
  resample(picture, resized.width, resized.height, columns.kept, rows.kept, config.filter,
           prepared.rgb.data() + rows.zeros_before * stride + columns.zeros_before * 3, stride);
  return prepared;
}

}  // namespace

Result<PreparedImage> preprocess_image(std::string_view encoded, const PreprocessConfig& config,
                                       const ImageLimits& limits) {
  const Result<Picture> picture = decode_picture(encoded, limits);
  if (!picture) return picture.error();
  try {
    return window_of(*picture, config);
  } catch (...) {
    return error_of_exception("resizing it");
  }
}

}  // namespace sightline::models
