// The files of the web page, compiled into the program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sightline::web {

/// One file: server/web/page/PATH, server/web/vendored/... as vendored/..., es_config/console/... as console/....
struct PageFile {
  std::string_view path;    ///< "modules/main.js"
  std::string_view plain;   ///< its bytes
  std::string_view packed;  ///< the same as gzip; empty: they are not fewer
  std::string_view content_type = {};
  std::string tag = {};  ///< of its bytes, for ETag
};

/// The file of that path; null: there is none.
const PageFile* find_page_file(std::string_view path);

/// All of them, by path.
const std::vector<PageFile>& page_files();

/// The media type of a file of that name; empty: no file of the page has such a name.
std::string_view page_content_type(std::string_view path);

/// As CMake has found them, without type and tag.
std::vector<PageFile> compiled_page_files();

}  // namespace sightline::web
