// Where the checkout is, for tests that read its files.
#pragma once

#include <filesystem>

namespace sightline {

/// The root of the checkout that the tests were built from.
std::filesystem::path source_folder();

}  // namespace sightline
