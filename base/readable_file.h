// Whether a file can be read.
#pragma once

#include <filesystem>
#include <string>

namespace sightline {

/// Why `file` cannot be read: "it is a folder", or what the system says. Empty if it can. It is not opened, as a pipe
/// can be read only once.
std::string trouble_reading(const std::filesystem::path& file);

}  // namespace sightline
