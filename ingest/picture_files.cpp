#include "ingest/picture_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>

namespace sightline::ingest {
namespace fs = std::filesystem;
namespace {

bool has_picture_name(const fs::path& path) {
  constexpr std::array<std::string_view, 6> k_endings{".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"};
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return std::find(k_endings.begin(), k_endings.end(), ending) != k_endings.end();
}

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

}  // namespace

Result<FoundPictures> find_pictures(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return Error{ErrorCode::not_found, folder.string() + " is not a folder"};
  FoundPictures found;
  fs::recursive_directory_iterator entry(folder, error), end;
  while (!error && entry != end) {
    if (is_hidden(entry->path())) {
      if (entry->is_directory(error)) entry.disable_recursion_pending();
    } else if (entry->is_regular_file(error)) {
      if (has_picture_name(entry->path())) {
        const fs::path& path = entry->path();
        found.pictures.push_back(
            {path, path.lexically_relative(folder).generic_string(), entry->file_size(error)});
      } else {
        ++found.ignored;
      }
    }
    if (!error) entry.increment(error);
  }
  if (error) return Error{ErrorCode::unavailable, "cannot read " + folder.string() + ": " + error.message()};
  std::sort(found.pictures.begin(), found.pictures.end(),
            [](const PictureFile& a, const PictureFile& b) { return a.name < b.name; });
  return found;
}

Result<std::string> read_file(const fs::path& path, std::uint64_t max_bytes) {
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(path, error);
  if (error) return Error{ErrorCode::unavailable, "cannot read " + path.string() + ": " + error.message()};
  if (bytes > max_bytes) {
    return Error{ErrorCode::too_large, path.string() + " is " + std::to_string(bytes) +
                                           " bytes; the limit is " + std::to_string(max_bytes) +
                                           " (--max-picture-bytes)"};
  }
  std::ifstream in(path, std::ios::binary);
  std::string content(bytes, '\0');
  in.read(content.data(), static_cast<std::streamsize>(bytes));
  if (static_cast<std::uint64_t>(in.gcount()) != bytes) {
    return Error{ErrorCode::unavailable, "cannot read " + path.string() + ": " + std::strerror(errno)};
  }
  return content;
}

}  // namespace sightline::ingest
