#include "server/cohere/fitting_picture.h"

#include <algorithm>
#include <cmath>

#include "base/file_kind.h"
#include "models/image/jpeg_writer.h"
#include "models/image/picture.h"
#include "models/image/resample.h"

namespace sightline::cohere {
namespace {

// The last of them keeps 2.5 million pixels of noise within 5 MB.
constexpr int k_qualities[] = {95, 85, 70, 50};

models::Picture shrunk(models::Picture picture) {
  const double pixels = static_cast<double>(picture.width()) * picture.height();
  if (pixels <= k_max_picture_pixels) return picture;
  const double scale = std::sqrt(k_max_picture_pixels / pixels);
  const auto edge = [scale](std::uint32_t length) {
    return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(length * scale));
  };
  models::Picture smaller(edge(picture.width()), edge(picture.height()));
  models::resample(picture, smaller.width(), smaller.height(), {0, smaller.width()}, {0, smaller.height()},
                   models::PreprocessConfig::Filter::bicubic, smaller.row(0), smaller.row_bytes());
  return smaller;
}

}  // namespace

std::string_view media_type(std::string_view encoded) {
  const auto format = picture_format(encoded);
  if (!format) return {};
  switch (*format) {
    case PictureFormat::jpeg:
    case PictureFormat::png:
    case PictureFormat::webp:
    case PictureFormat::gif:
      return media_type_of(*format);
    case PictureFormat::bmp:
    case PictureFormat::heic:
    case PictureFormat::avif:
      return {};
  }
  return {};
}

bool fits(std::string_view encoded) {
  return encoded.size() <= k_max_picture_bytes && !media_type(encoded).empty();
}

models::PictureCost cost_of_fitting(std::string_view encoded, const models::ImageLimits& limits) {
  models::PictureCost cost = models::picture_cost(encoded, limits);
  // The picture shrunk, its JPEG, and the weights of the resize.
  if (cost.pixels > 0) cost.bytes += k_max_picture_pixels * 3 + 2 * k_max_picture_bytes;
  return cost;
}

Result<std::string> fitted(std::string_view encoded, const models::ImageLimits& limits) {
  auto decoded = models::decode_picture(encoded, limits);
  if (!decoded) return decoded.error();
  const models::Picture picture = shrunk(*std::move(decoded));
  for (const int quality : k_qualities) {
    auto jpeg = models::write_jpeg(picture, quality);
    if (!jpeg || jpeg->size() <= k_max_picture_bytes) return jpeg;
  }
  return Error{ErrorCode::too_large, "the picture could not be made smaller than Cohere's limit of 5 MB"};
}

}  // namespace sightline::cohere
