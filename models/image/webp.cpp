// WebP through libwebp; of an animation the first frame, on a black canvas.
#include <algorithm>
#include <cstring>
#include <memory>
#include <webp/decode.h>
#include <webp/demux.h>

#include "models/image/bytes.h"
#include "models/image/orientation.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

/// Owns the iterators that libwebp's demuxer fills.
struct Frame {
  WebPIterator iterator{};
  ~Frame() { WebPDemuxReleaseIterator(&iterator); }
};

int read_orientation(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk{};
  const int found = WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk);
  const int orientation =
      found ? exif_orientation({reinterpret_cast<const char*>(chunk.chunk.bytes), chunk.chunk.size}) : 1;
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

bool lies_inside(const WebPIterator& frame, const Picture& canvas) {
  return frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 && frame.height > 0 &&
         std::int64_t{frame.x_offset} + frame.width <= canvas.width() &&
         std::int64_t{frame.y_offset} + frame.height <= canvas.height();
}

}  // namespace

Result<Picture> decode_webp(std::string_view file, const ImageLimits& limits) {
  constexpr std::uint64_t k_riff_header_bytes = 8;
  const std::uint64_t need = k_riff_header_bytes + Bytes(file).u32_le(4);
  if (file.size() < need) return cut_short("WebP", file.size(), need);

  const WebPData data{reinterpret_cast<const std::uint8_t*>(file.data()), file.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&data), &WebPDemuxDelete);
  if (demuxer == nullptr) return broken("WebP", "its chunks do not fit together");
  const std::uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const std::uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (Status status = check_size("WebP", width, height, limits); !status) return status.error();

  Frame frame;
  WebPBitstreamFeatures features{};
  const WebPIterator& it = frame.iterator;
  if (!WebPDemuxGetFrame(demuxer.get(), 1, &frame.iterator) || !it.complete ||
      WebPGetFeatures(it.fragment.bytes, it.fragment.size, &features) != VP8_STATUS_OK) {
    return broken("WebP", "it has no picture data");
  }
  Picture picture(width, height);
  if (!lies_inside(it, picture) || features.width != it.width || features.height != it.height) {
    return broken("WebP", "its first frame does not have the size that its header gives");
  }
  const bool fills_canvas = it.width == static_cast<int>(width) && it.height == static_cast<int>(height);
  if (!fills_canvas) std::memset(picture.row(0), 0, picture.size_bytes());
  std::uint8_t* corner = picture.row(it.y_offset) + std::size_t{3} * it.x_offset;
  const std::size_t room = picture.row(0) + picture.size_bytes() - corner;
  if (WebPDecodeRGBInto(it.fragment.bytes, it.fragment.size, corner, room,
                        static_cast<int>(picture.row_bytes())) == nullptr) {
    return broken("WebP", "its picture data cannot be decoded");
  }
  if (limits.apply_exif_orientation) picture.orientation = read_orientation(demuxer.get());
  return picture;
}

}  // namespace sightline::models
