#include "base/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

#include "base/ascii_lower.h"
#include "base/base64.h"
#include "base/json/reader.h"

namespace sightline {
namespace {

using namespace std::string_view_literals;

struct Mark {
  std::size_t offset;
  std::string_view bytes, name;
};

constexpr std::array k_marks{
    Mark{0, "II*\0"sv, "TIFF"},
    Mark{0, "MM\0*"sv, "TIFF"},
    Mark{0, "II+\0"sv, "BigTIFF"},
    Mark{0, "MM\0+"sv, "BigTIFF"},
    Mark{4, "ftyp"sv, "MP4 video"},
    Mark{0, "\x1A\x45\xDF\xA3"sv, "WebM or Matroska video"},
    Mark{0, "\0\0\0\x0CjP  "sv, "JPEG 2000"},
    Mark{0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
    Mark{0, "\0\0\0\x0CJXL "sv, "JPEG XL"},
    Mark{0, "\xFF\x0A"sv, "JPEG XL"},
    Mark{0, "\0\0\1\0"sv, "an ICO icon"},
    Mark{0, "8BPS"sv, "Photoshop"},
    Mark{0, "%PDF"sv, "PDF"},
    Mark{0, "%!PS"sv, "PostScript"},
    Mark{0, "qoif"sv, "QOI"},
    Mark{0, "DDS "sv, "DDS"},
    Mark{0, "\x76\x2F\x31\x01"sv, "OpenEXR"},
    Mark{0, "#?RADIANCE"sv, "Radiance HDR"},
    Mark{0, "\x1F\x8B"sv, "gzip"},
    Mark{0, "PK\3\4"sv, "a ZIP archive"},
    Mark{0, "Rar!\x1A\7"sv, "a RAR archive"},
    Mark{0, "7z\xBC\xAF\x27\x1C"sv, "a 7-Zip archive"},
    Mark{0,
         "\xFD"
         "7zXZ"sv,
         "xz"},
    Mark{0, "\x28\xB5\x2F\xFD"sv, "zstd"},
    Mark{257, "ustar"sv, "a tar archive"},
    Mark{0, "RIFF"sv, "a RIFF file other than WebP"},
    Mark{0, "version https://git-lfs"sv, "a Git LFS pointer"},
    Mark{0, "GGUF"sv, "GGUF"},
    Mark{0, "\x89HDF\r\n\x1A\n"sv, "HDF5"},
    Mark{0, "/9j/"sv, "base64 text"},
    Mark{0, "iVBORw0KGgo"sv, "base64 text"},
    Mark{0, "R0lGOD"sv, "base64 text"},
    Mark{0, "UklGR"sv, "base64 text"},
    Mark{6, "Z0eX"sv, "base64 text"},  // the letters of `ftyp` in HEIC and AVIF
};

/// Matched in any case, after whitespace and a byte order mark.
constexpr std::array k_words{
    Mark{0, "data:"sv, "a data URL"},
    Mark{0, "<svg"sv, "SVG"},
    Mark{0, "<?xml"sv, "XML or SVG"},
    Mark{0, "<!doctype svg"sv, "SVG"},
    Mark{0, "<!doctype html"sv, "HTML"},
    Mark{0, "<html"sv, "HTML"},
    Mark{0, "<head"sv, "HTML"},
    Mark{0, "<!doctype"sv, "HTML"},
    Mark{0, "<!--"sv, "HTML, XML or SVG"},
};

bool has_mark(std::string_view file, const Mark& mark) {
  return file.size() > mark.offset && file.substr(mark.offset).starts_with(mark.bytes);
}

/// Where a HEIF file names what it is: its first brand, then a version and the brands it is compatible with.
constexpr std::size_t k_ftyp_at = 4, k_brand_at = 8, k_other_brands_at = 16, k_brand_bytes = 4;

std::uint32_t first_box_bytes(std::string_view file) {
  std::uint32_t bytes = 0;
  for (const char c : file.substr(0, 4)) bytes = bytes << 8 | static_cast<std::uint8_t>(c);
  return bytes;
}

std::optional<PictureFormat> heif_format(std::string_view file) {
  if (file.size() < k_brand_at + k_brand_bytes || file.substr(k_ftyp_at, 4) != "ftyp") return {};
  constexpr std::array k_avif{"avif"sv, "avis"sv}, k_any{"mif1"sv, "msf1"sv};
  constexpr std::array k_heic{"heic"sv, "heix"sv, "heim"sv, "heis"sv, "hevc"sv, "hevx"sv, "hevm"sv, "hevs"sv};
  const auto is_among = [](const auto& brands, std::string_view brand) {
    return std::find(brands.begin(), brands.end(), brand) != brands.end();
  };
  const std::string_view first = file.substr(k_brand_at, k_brand_bytes);
  if (is_among(k_avif, first)) return PictureFormat::avif;
  if (is_among(k_heic, first)) return PictureFormat::heic;
  if (!is_among(k_any, first)) return {};
  const std::size_t end = std::min<std::size_t>({file.size(), first_box_bytes(file), 512});
  for (std::size_t at = k_other_brands_at; at + k_brand_bytes <= end; at += k_brand_bytes) {
    if (is_among(k_avif, file.substr(at, k_brand_bytes))) return PictureFormat::avif;
  }
  return PictureFormat::heic;
}

std::string_view without_blanks(std::string_view text) {
  text = json::without_byte_order_mark(text);
  return text.substr(std::min(text.size(), text.find_first_not_of(" \t\r\n\f")));
}

}  // namespace

std::string_view name_of(PictureFormat format) {
  constexpr std::array k_names{"jpeg"sv, "png"sv, "webp"sv, "gif"sv, "bmp"sv, "heic"sv, "avif"sv};
  return k_names[static_cast<std::size_t>(format)];
}

std::string_view media_type_of(PictureFormat format) {
  constexpr std::array k_types{"image/jpeg"sv, "image/png"sv,  "image/webp"sv, "image/gif"sv,
                               "image/bmp"sv,  "image/heic"sv, "image/avif"sv};
  return k_types[static_cast<std::size_t>(format)];
}

std::optional<PictureFormat> picture_format(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xD8\xFF")) return PictureFormat::jpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1A\n")) return PictureFormat::png;
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8).starts_with("WEBP"))
    return PictureFormat::webp;
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return PictureFormat::gif;
  if (bytes.starts_with("BM")) return PictureFormat::bmp;
  return heif_format(bytes);
}

std::optional<PictureFormat> sure_picture_format(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < k_sure_bytes) return {};
  const std::optional<PictureFormat> format = picture_format(bytes);
  // A JPEG's first marker is followed by another one.
  if (format == PictureFormat::jpeg && (at(3) < 0xC0 || at(3) == 0xFF)) return {};
  if (format == PictureFormat::heic || format == PictureFormat::avif) {
    const std::uint32_t box = first_box_bytes(bytes);
    const bool is_list_of_brands = box >= k_other_brands_at && box <= 1024 && box % k_brand_bytes == 0;
    return is_list_of_brands ? format : std::nullopt;
  }
  if (format != PictureFormat::bmp) return format;
  // Two letters prove nothing: BMP's reserved bytes are zero and its second header has one of a few sizes.
  const auto sizes = {12, 40, 52, 56, 64, 108, 124};
  const bool bmp = at(6) + at(7) + at(8) + at(9) == 0 && at(15) + at(16) + at(17) == 0 &&
                   std::find(sizes.begin(), sizes.end(), at(14)) != sizes.end();
  return bmp ? format : std::nullopt;
}

std::optional<PictureFormat> base64_picture_format(std::string_view text) {
  // Enough for the first bytes, with a line break among them. In nearly every text the first characters already show
  // that it is not base64.
  constexpr std::size_t k_characters = 60, k_digits = k_sure_bytes / 3 * 4;
  text = without_blanks(text);
  constexpr std::string_view k_firsts = "/_iURQ";  // of JPEG, PNG, RIFF, GIF and BMP
  constexpr std::string_view k_heif = "AAA";       // the size of its first box
  if (text.size() < k_digits) return {};
  if (k_firsts.find(text.front()) == std::string_view::npos && !text.starts_with(k_heif)) return {};
  std::string digits;
  for (const char c : text.substr(0, k_characters)) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    if (digits.size() < k_digits) digits += c;
  }
  const auto bytes = base64_decode_leniently(digits);
  return bytes ? sure_picture_format(*bytes) : std::nullopt;
}

std::optional<PictureFormat> marked_base64_picture_format(std::string_view text) {
  constexpr std::size_t k_characters = 16, k_bytes = 12;  // enough for all magic bytes
  const auto bytes = base64_decode_leniently(without_blanks(text).substr(0, k_characters));
  return bytes && bytes->size() >= k_bytes ? picture_format(*bytes) : std::nullopt;
}

std::optional<std::string_view> other_kind(std::string_view bytes) {
  for (const Mark& mark : k_marks) {
    if (has_mark(bytes, mark)) return mark.name;
  }
  const std::string_view text = without_blanks(bytes.substr(0, 1024));
  for (const Mark& word : k_words) {
    if (starts_with_any_case(text, word.bytes)) return word.name;
  }
  return {};
}

std::string first_bytes(std::string_view bytes) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string hex, text;
  for (const char c : bytes.substr(0, 8)) {
    const auto byte = static_cast<std::uint8_t>(c);
    hex += hex.empty() ? "" : " ";
    hex += k_digits[byte >> 4];
    hex += k_digits[byte & 15];
    text += byte >= 0x20 && byte < 0x7F ? c : '.';
  }
  return hex + " (\"" + text + "\")";
}

}  // namespace sightline
