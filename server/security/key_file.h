// Files that hold keys.
#pragma once

#include <filesystem>
#include <string>

namespace sightline::security {

/// What the operator should know about a file of keys that others may read, or change: what to do about it.
/// `kind` names it, as "secret key file". Empty if only the owner, or the owner and a group, may read it.
std::string key_file_warning(const std::string& kind, const std::filesystem::path& file);

}  // namespace sightline::security
