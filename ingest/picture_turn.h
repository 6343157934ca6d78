// Pictures that lie on their side.
#pragma once

#include <string_view>

namespace sightline::ingest {

/// Whether a JPEG, PNG or WebP file carries an EXIF orientation that asks for a turn or a mirror image (2 to
/// 8), or an AVIF file the like in its own form (`irot`, `imir`). They are looked for where the server's decoders
/// look for them. False for anything else, broken files too, and for HEIC, which is always turned.
bool is_turned(std::string_view file);

}  // namespace sightline::ingest
