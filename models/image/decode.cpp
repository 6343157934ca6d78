#include <array>
#include <optional>

#include "base/exception_error.h"
#include "models/image/bytes.h"
#include "models/image/orientation.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

bool has_mark(std::string_view file, std::size_t offset, std::string_view mark) {
  return file.size() > offset && file.substr(offset).starts_with(mark);
}

struct Format {
  Result<Picture> (*decode)(std::string_view, const ImageLimits&);
  Result<PictureCost> (*cost)(std::string_view, const ImageLimits&);
};

std::optional<Format> find_format(std::string_view file) {
  if (file.starts_with("\xFF\xD8\xFF")) return Format{decode_jpeg, cost_of_jpeg};
  if (file.starts_with("\x89PNG\r\n\x1A\n")) return Format{decode_png, cost_of_png};
  if (has_mark(file, 0, "RIFF") && has_mark(file, 8, "WEBP")) return Format{decode_webp, cost_of_webp};
  if (file.starts_with("GIF87a") || file.starts_with("GIF89a")) return Format{decode_gif, cost_of_gif};
  if (file.starts_with("BM")) return Format{decode_bmp, cost_of_bmp};
  return std::nullopt;
}

/// The name of a format that is known but not read here.
std::optional<std::string_view> foreign_format(std::string_view file) {
  using namespace std::string_view_literals;
  struct Mark {
    std::size_t offset;
    std::string_view bytes, name;
  };
  static constexpr std::array k_marks{
      Mark{0, "II*\0"sv, "TIFF"},
      Mark{0, "MM\0*"sv, "TIFF"},
      Mark{0, "II+\0"sv, "BigTIFF"},
      Mark{0, "MM\0+"sv, "BigTIFF"},
      Mark{4, "ftypavif"sv, "AVIF"},
      Mark{4, "ftypavis"sv, "AVIF"},
      Mark{4, "ftyphei"sv, "HEIC"},
      Mark{4, "ftyphev"sv, "HEIC"},
      Mark{4, "ftypmif1"sv, "HEIF"},
      Mark{4, "ftypmsf1"sv, "HEIF"},
      Mark{4, "ftyp"sv, "MP4 video"},
      Mark{0, "\0\0\0\x0CjP  "sv, "JPEG 2000"},
      Mark{0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
      Mark{0, "\0\0\0\x0CJXL "sv, "JPEG XL"},
      Mark{0, "\xFF\x0A"sv, "JPEG XL"},
      Mark{0, "\0\0\1\0"sv, "an ICO icon"},
      Mark{0, "8BPS"sv, "Photoshop"},
      Mark{0, "%PDF"sv, "PDF"},
      Mark{0, "%!PS"sv, "PostScript"},
      Mark{0, "<svg"sv, "SVG"},
      Mark{0, "<?xml"sv, "XML or SVG"},
      Mark{0, "<!DOCTYPE"sv, "HTML"},
      Mark{0, "<!doctype"sv, "HTML"},
      Mark{0, "<html"sv, "HTML"},
      Mark{0, "<HTML"sv, "HTML"},
      Mark{0, "qoif"sv, "QOI"},
      Mark{0, "DDS "sv, "DDS"},
      Mark{0, "\x76\x2F\x31\x01"sv, "OpenEXR"},
      Mark{0, "#?RADIANCE"sv, "Radiance HDR"},
      Mark{0, "\x1F\x8B"sv, "gzip"},
      Mark{0, "PK\3\4"sv, "ZIP"},
      Mark{0, "RIFF"sv, "a RIFF file other than WebP"},
      Mark{0, "data:image/"sv, "a data URI, still encoded"},
      Mark{0, "/9j/"sv, "base64, still encoded"},
      Mark{0, "iVBORw0KGgo"sv, "base64, still encoded"},
      Mark{0, "R0lGOD"sv, "base64, still encoded"},
      Mark{0, "UklGR"sv, "base64, still encoded"},
  };
  for (const Mark& mark : k_marks) {
    if (has_mark(file, mark.offset, mark.bytes)) return mark.name;
  }
  return std::nullopt;
}

/// The first bytes as hexadecimal, and as text where they are text.
std::string first_bytes(std::string_view file) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string hex, text;
  for (const char c : file.substr(0, 8)) {
    const auto byte = static_cast<std::uint8_t>(c);
    hex += hex.empty() ? "" : " ";
    hex += k_digits[byte >> 4];
    hex += k_digits[byte & 15];
    text += byte >= 0x20 && byte < 0x7F ? c : '.';
  }
  return hex + " (\"" + text + "\")";
}

Result<Picture> decode_upright(const Format& format, std::string_view file, const ImageLimits& limits) {
  Result<Picture> picture = format.decode(file, limits);
  if (!picture || !limits.apply_exif_orientation) return picture;
  return turned_upright(*std::move(picture));
}

constexpr std::string_view k_refusal = "not a picture this server reads (JPEG, PNG, WebP, GIF, BMP): it ";

}  // namespace

Result<Picture> decode_picture(std::string_view file, const ImageLimits& limits) {
  if (file.empty()) return Error{ErrorCode::invalid_argument, "picture is empty (0 bytes)"};
  if (file.size() > limits.max_bytes) {
    return Error{ErrorCode::too_large,
                 "picture has " + grouped(file.size()) + " bytes; the limit is " + grouped(limits.max_bytes)};
  }
  const std::optional<Format> format = find_format(file);
  if (!format) {
    if (const auto name = foreign_format(file)) {
      return Error{ErrorCode::unsupported, std::string(k_refusal) + "is " + std::string(*name)};
    }
    return Error{ErrorCode::invalid_argument, std::string(k_refusal) + "begins with " + first_bytes(file)};
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
  // Turning it upright takes a second picture.
  return {limits.apply_exif_orientation ? cost->bytes * 2 : cost->bytes, cost->pixels};
}

}  // namespace sightline::models
