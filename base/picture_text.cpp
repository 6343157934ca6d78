#include "base/picture_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/ascii_lower.h"
#include "base/data_url.h"
#include "base/file_kind.h"

namespace sightline {
namespace {

constexpr std::size_t k_npos = std::string_view::npos;
constexpr std::size_t k_longest_address = 4096;

bool ends_as_picture(std::string_view path) {
  static constexpr std::array<std::string_view, 16> k_endings{".jpg",  ".jpeg", ".jpe", ".jfif", ".png",  ".apng",
                                                              ".webp", ".gif",  ".bmp", ".heic", ".heif", ".avif",
                                                              ".tif",  ".tiff", ".svg", ".jxl"};
  const std::string end = ascii_lower(path.substr(path.size() - std::min<std::size_t>(path.size(), 5)));
  return std::any_of(k_endings.begin(), k_endings.end(), [&](std::string_view ending) {
    return path.size() > ending.size() && std::string_view(end).ends_with(ending);
  });
}

bool has_blank(std::string_view text) {
  return text.find_first_of(" \t\r\n\f\v") != k_npos;
}

/// `scheme://...` without whitespace, with a scheme of RFC 3986.
bool is_lone_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  return colon != k_npos && colon > 0 && text.size() > colon + 3 && !has_blank(text) &&
         std::isalpha(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '-' || c == '.'; });
}

bool begins_as_path(std::string_view text) {
  constexpr std::array<std::string_view, 9> k_beginnings{"/", "./", "../", "~/", "\\", ".\\", "..\\", "file:", "~\\"};
  const bool drive = text.size() > 2 && std::isalpha(static_cast<unsigned char>(text[0])) && text[1] == ':' &&
                     (text[2] == '\\' || text[2] == '/');
  return drive || std::any_of(k_beginnings.begin(), k_beginnings.end(),
                              [&](std::string_view beginning) { return text.starts_with(beginning); });
}

}  // namespace

bool is_picture_address(std::string_view text) {
  text = without_outer_blanks(text);
  if (text.size() > k_longest_address || text.find('\n') != k_npos) return false;
  if (is_lone_url(text)) return true;
  return ends_as_picture(text) && (begins_as_path(text) || !has_blank(text));
}

TextKind kind_of_text(std::string_view text) {
  if (read_data_url(text)) return TextKind::data_url;
  if (base64_picture_format(text)) return TextKind::base64_picture;
  return is_picture_address(text) ? TextKind::picture_address : TextKind::text;
}

}  // namespace sightline
