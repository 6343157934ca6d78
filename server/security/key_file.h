// Files that hold keys.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace sightline::security {

/// The text of a file of keys. `kind` names it in errors, as "secret key file". Errors: not_found (absent, a
/// folder, or not readable: which of them it is).
Result<std::string> read_key_file(const std::string& kind, const std::filesystem::path& file);

/// A warning about a file of keys that others may read or change, with what to do.
/// `kind` names it, as "secret key file". Empty if only the owner, or the owner and a group, may read it.
std::string key_file_warning(const std::string& kind, const std::filesystem::path& file);

}  // namespace sightline::security
