// Files of pictures, of any format, rotated upright or not.
#include "models/image/picture.h"

#include "fuzz/target.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::text_of(data, size);
  models::ImageLimits limits;
  limits.max_pixels = 1'000'000;
  limits.max_scans = 20;
  limits.max_time = std::chrono::milliseconds(2000);
  for (const bool upright : {false, true}) {
    limits.apply_exif_orientation = upright;
    if (upright) limits.background = models::Background{10, 20, 30};
    models::picture_cost(file, limits);  // reads headers of its own
    const auto picture = models::decode_picture(file, limits);
    if (!picture) {
      fuzz::require(!picture.error().message.empty(), "a refusal says why");
      continue;
    }
    fuzz::require(picture->width() > 0 && picture->height() > 0, "a picture has pixels");
    fuzz::require(std::uint64_t{picture->width()} * picture->height() <= limits.max_pixels,
                  "a picture within the limit");
    std::uint64_t sum = 0;  // a sanitizer would find an uninitialised or missing row
    for (std::size_t y = 0; y < picture->height(); ++y) {
      for (std::size_t x = 0; x < picture->row_bytes(); ++x) sum += picture->row(y)[x];
    }
    fuzz::require(sum <= 255 * picture->size_bytes(), "bytes");
  }
  return 0;
}
