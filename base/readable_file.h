// Whether a file can be read.
#pragma once

#include <filesystem>
#include <string>

namespace sightline {

/// Why `file` cannot be read: "it is a folder", or the system's message. Empty if it can. Does not open the file,
/// because a pipe can be read only once.
std::string trouble_reading(const std::filesystem::path& file);

}  // namespace sightline
