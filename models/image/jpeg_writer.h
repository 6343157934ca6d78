// Writes JPEG files.
#pragma once

#include <string>

#include "base/result.h"
#include "models/image/picture.h"

namespace sightline::models {

/// Errors: unsupported (an edge over JPEG's 65,500 pixels), internal (libjpeg's errors, such as out of memory).
Result<std::string> write_jpeg(const Picture& picture, int quality);

}  // namespace sightline::models
