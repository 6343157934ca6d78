#include "models/image/thumbnail.h"

#include <algorithm>

#include "base/exception_error.h"
#include "models/image/jpeg_writer.h"
#include "models/image/picture.h"
#include "models/image/resample.h"

namespace sightline::models {
namespace {

constexpr int k_quality = 85;
constexpr Background k_light_grey{236, 236, 236};
/// The ratio of a draft's edge to the thumbnail's: the resized draft then looks like the resized original (Pillow's
/// `reducing_gap` of Image.thumbnail).
constexpr std::uint32_t k_draft_gap = 2;

ImageLimits for_display(ImageLimits limits, std::uint32_t edge) {
  limits.apply_exif_orientation = true;
  limits.background = k_light_grey;
  limits.draft_edge = edge * k_draft_gap;
  return limits;
}

Picture shrunk(Picture picture, std::uint32_t edge) {
  const std::uint64_t longer = std::max(picture.width(), picture.height());
  if (longer <= edge) return picture;
  const auto part = [&](std::uint64_t length) {
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (length * edge + longer / 2) / longer));
  };
  Picture smaller(part(picture.width()), part(picture.height()));
  resample(picture, smaller.width(), smaller.height(), {0, smaller.width()}, {0, smaller.height()},
           PreprocessConfig::Filter::bicubic, smaller.row(0), smaller.row_bytes());
  return smaller;
}

}  // namespace

Result<std::string> make_thumbnail(std::string_view encoded, std::uint32_t edge, ImageLimits limits) {
  try {
    auto picture = decode_picture(encoded, for_display(limits, edge));
    if (!picture) return picture.error();
    return write_jpeg(shrunk(*std::move(picture), edge), k_quality);
  } catch (...) {
    return error_of_exception("making a thumbnail of it");
  }
}

PictureCost cost_of_thumbnail(std::string_view encoded, std::uint32_t edge, ImageLimits limits) {
  PictureCost cost = picture_cost(encoded, for_display(limits, edge));
  // The smaller picture, its JPEG, and the sums of the resize.
  constexpr std::uint64_t k_bytes_per_pixel = 18;
  if (cost.pixels > 0) cost.bytes += std::uint64_t{edge} * edge * k_bytes_per_pixel;
  return cost;
}

}  // namespace sightline::models
