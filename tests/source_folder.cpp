#include "tests/source_folder.h"

namespace sightline {

// Only this file is compiled with the path, so that a compiler cache serves the others in every checkout.
std::filesystem::path source_folder() {
  return SIGHTLINE_SOURCE_FOLDER;
}

}  // namespace sightline
