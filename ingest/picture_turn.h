// Pictures that lie on their side.
#pragma once

#include <string_view>

namespace sightline::ingest {

/// Whether a JPEG, PNG or WebP file carries an EXIF orientation that asks for a turn or a mirror image (2 to
/// 8). The block is looked for where the server's decoders look for it. False for anything else, broken files
/// too.
bool is_turned(std::string_view file);

}  // namespace sightline::ingest
