// What a file is, by its first bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sightline {

/// The formats of pictures that are read.
enum class PictureFormat { jpeg, png, webp, gif, bmp };

/// `jpeg`, `png` ...
std::string_view name_of(PictureFormat format);
/// `image/jpeg`, `image/png` ...
std::string_view media_type_of(PictureFormat format);

/// By the mark that a file of the format begins with: what is meant to be a picture is one of this format.
std::optional<PictureFormat> picture_format(std::string_view bytes);

/// As many bytes as `sure_picture_format` takes.
inline constexpr std::size_t k_sure_bytes = 30;
/// The same where nothing says that it is a picture: by all that the first 30 bytes must hold. Of less
/// nothing is sure.
std::optional<PictureFormat> sure_picture_format(std::string_view bytes);

/// The format of a picture in bare base64, surely, by its beginning. Blanks before it and in it do not count.
std::optional<PictureFormat> base64_picture_format(std::string_view text);

/// The same by its mark alone, where a text is no more likely than a picture.
std::optional<PictureFormat> marked_base64_picture_format(std::string_view text);

/// The name of another kind of file, as a message calls it: "HTML", "a ZIP archive", "a Git LFS pointer".
std::optional<std::string_view> other_kind(std::string_view bytes);

/// The first bytes as hexadecimal, and as text where they are text: `89 50 4e 47 ... (".PNG....")`.
std::string first_bytes(std::string_view bytes);

}  // namespace sightline
