#include "ingest/picture_turn.h"

#include "base/file_kind.h"
#include "models/image/bytes.h"
#include "models/image/heif_file.h"
#include "models/image/orientation.h"

namespace sightline::ingest {
namespace {

using models::Bytes;

/// In the first APP1 segment that begins with "Exif", before the picture's data.
std::string_view exif_of_jpeg(std::string_view file) {
  constexpr std::uint32_t k_app1 = 0xE1, k_start_of_scan = 0xDA, k_end = 0xD9;
  const Bytes bytes(file);
  for (std::size_t at = 2; at + 4 <= file.size();) {
    if (bytes.u8(at) != 0xFF) return {};
    const std::uint32_t marker = bytes.u8(at + 1);
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    const std::size_t length = bytes.u16_be(at + 2);
    if (marker == k_start_of_scan || marker == k_end || length < 2) return {};
    const std::string_view data = file.substr(at + 4, length - 2);
    if (marker == k_app1 && data.starts_with("Exif")) return data;
    at += 2 + length;
  }
  return {};
}

/// In the last eXIf chunk before the end of the picture's data.
std::string_view exif_of_png(std::string_view file) {
  const Bytes bytes(file);
  std::string_view exif;
  bool in_data = false;
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = bytes.u32_be(at);
    const std::string_view type = file.substr(at + 4, 4);
    if (in_data && type != "IDAT") break;
    in_data = type == "IDAT";
    if (type == "eXIf") exif = file.substr(at + 8, length);
    at += 12 + length;
  }
  return exif;
}

/// In the chunk EXIF, which may follow the picture.
std::string_view exif_of_webp(std::string_view file) {
  const Bytes bytes(file);
  for (std::size_t at = 12; at + 8 <= file.size();) {
    const std::size_t length = bytes.u32_le(at + 4);
    if (file.substr(at, 4) == "EXIF") return file.substr(at + 8, length);
    at += 8 + length + length % 2;
  }
  return {};
}

}  // namespace

bool is_turned(std::string_view file) {
  std::string_view exif;
  const auto format = picture_format(file);
  if (format == PictureFormat::avif) {
    const auto items = models::HeifFile::read(file, "AVIF");
    return items && models::container_orientation(*items) != 1;
  }
  if (format == PictureFormat::jpeg) exif = exif_of_jpeg(file);
  if (format == PictureFormat::png) exif = exif_of_png(file);
  if (format == PictureFormat::webp) exif = exif_of_webp(file);
  return models::exif_orientation(exif) != 1;
}

}  // namespace sightline::ingest
