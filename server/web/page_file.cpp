#include "server/web/page_file.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"

namespace sightline::web {
namespace {

constexpr std::pair<std::string_view, std::string_view> k_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".woff2", "font/woff2"},
    {".console", "text/plain; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {".LICENSE", "text/plain; charset=utf-8"},
};

std::vector<PageFile> make_page_files() {
  std::vector<PageFile> files = compiled_page_files();
  for (PageFile& file : files) {
    file.content_type = page_content_type(file.path);
    file.tag = sha256_hex(file.plain).substr(0, 32);
    if (file.packed.size() >= file.plain.size()) file.packed = {};
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

}  // namespace

std::string_view page_content_type(std::string_view path) {
  for (const auto& [ending, type] : k_types) {
    if (path.ends_with(ending)) return type;
  }
  const auto name = path.substr(path.rfind('/') + 1);
  return name.find('.') == std::string_view::npos ? "text/plain; charset=utf-8" : "";  // LICENSE, SHA256SUMS
}

const std::vector<PageFile>& page_files() {
  static const std::vector<PageFile> files = make_page_files();
  return files;
}

const PageFile* find_page_file(std::string_view path) {
  const auto& files = page_files();
  const auto found = std::lower_bound(files.begin(), files.end(), path,
                                      [](const PageFile& file, std::string_view wanted) { return file.path < wanted; });
  return found != files.end() && found->path == path ? &*found : nullptr;
}

}  // namespace sightline::web
