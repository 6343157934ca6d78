#include <optional>

#include "base/exception_error.h"
#include "base/file_kind.h"
#include "models/image/bytes.h"
#include "models/image/orientation.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

struct Format {
  Result<Picture> (*decode)(std::string_view, const ImageLimits&);
  Result<PictureCost> (*cost)(std::string_view, const ImageLimits&);
};

std::optional<Format> find_format(std::string_view file) {
  const auto format = picture_format(file);
  if (!format) return {};
  switch (*format) {
    case PictureFormat::jpeg:
      return Format{decode_jpeg, cost_of_jpeg};
    case PictureFormat::png:
      return Format{decode_png, cost_of_png};
    case PictureFormat::webp:
      return Format{decode_webp, cost_of_webp};
    case PictureFormat::gif:
      return Format{decode_gif, cost_of_gif};
    case PictureFormat::bmp:
      return Format{decode_bmp, cost_of_bmp};
    case PictureFormat::heic:
      return Format{decode_heic, cost_of_heic};
    case PictureFormat::avif:
      return Format{decode_avif, cost_of_avif};
  }
  return {};
}

Result<Picture> decode_upright(const Format& format, std::string_view file, const ImageLimits& limits) {
  Result<Picture> picture = format.decode(file, limits);
  if (!picture || !limits.apply_exif_orientation) return picture;
  return turned_upright(*std::move(picture));
}

std::string refusal(std::string_view what) {
  return "not a supported picture (" + std::string(k_picture_formats) + "): it " + std::string(what);
}

}  // namespace

Result<Picture> decode_picture(std::string_view file, const ImageLimits& limits) {
  if (file.empty()) return Error{ErrorCode::invalid_argument, "picture is empty (0 bytes)"};
  if (file.size() > limits.max_bytes) {
    return Error{ErrorCode::too_large,
                 "picture has " + grouped(file.size()) + " bytes; the limit is " + grouped(limits.max_bytes)};
  }
  const std::optional<Format> format = find_format(file);
  if (!format) {
    if (const auto name = other_kind(file)) {
      return Error{ErrorCode::unsupported, refusal("is ") + std::string(*name)};
    }
    return Error{ErrorCode::invalid_argument, refusal("begins with ") + first_bytes(file)};
  }
  try {
    return decode_upright(*format, file, limits);
  } catch (...) {
    return error_of_exception("decoding it");
  }
}

PictureCost picture_cost(std::string_view file, const ImageLimits& limits) {
  const std::optional<Format> format = find_format(file);
  if (!format || file.size() > limits.max_bytes) return {};
  const Result<PictureCost> cost = format->cost(file, limits);
  if (!cost) return {};
  // Rotating it upright needs a second picture.
  return {limits.apply_exif_orientation ? cost->bytes * 2 : cost->bytes, cost->pixels};
}

}  // namespace sightline::models
