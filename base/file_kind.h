// What a file is, by its first bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sightline {

/// The formats of pictures that are read.
enum class PictureFormat { jpeg, png, webp, gif, bmp, heic, avif };

/// `jpeg`, `png` ...
std::string_view name_of(PictureFormat format);
/// `image/jpeg`, `image/png` ...
std::string_view media_type_of(PictureFormat format);

/// All formats, for messages: "JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF".
inline constexpr std::string_view k_picture_formats = "JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF";

/// Detected by the magic bytes alone, for input that is declared to be a picture. A HEIF file is AVIF if its brands
/// (`ftyp`) include AVIF, and HEIC otherwise.
std::optional<PictureFormat> picture_format(std::string_view bytes);

/// The number of bytes that `sure_picture_format` requires.
inline constexpr std::size_t k_sure_bytes = 30;
/// The same for input that is not declared to be a picture: checks all of the first 30 bytes. With fewer bytes
/// there is no result.
std::optional<PictureFormat> sure_picture_format(std::string_view bytes);

/// The format of a picture in bare base64, with certainty, from its beginning. Whitespace is ignored.
std::optional<PictureFormat> base64_picture_format(std::string_view text);

/// The same by its magic bytes alone, where a picture is at least as likely as a text.
std::optional<PictureFormat> marked_base64_picture_format(std::string_view text);

/// The name of another kind of file, for messages: "HTML", "a ZIP archive", "a Git LFS pointer".
std::optional<std::string_view> other_kind(std::string_view bytes);

/// The first bytes as hexadecimal, and as text where they are text: `89 50 4e 47 ... (".PNG....")`.
std::string first_bytes(std::string_view bytes);

}  // namespace sightline
