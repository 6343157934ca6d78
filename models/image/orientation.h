// EXIF orientation: how to rotate and mirror a picture so that its top is up.
#pragma once

#include <string_view>

#include "models/image/picture.h"

namespace sightline::models {

/// The orientation, 1 to 8, of an EXIF block (TIFF inside, with or without a leading "Exif\0\0"); 1 if it has none or
/// is damaged: a picture is never refused for its EXIF.
int exif_orientation(std::string_view exif);

/// `picture`, rotated and mirrored according to its `orientation`; the result's orientation is 1.
Picture turned_upright(Picture picture);

}  // namespace sightline::models
