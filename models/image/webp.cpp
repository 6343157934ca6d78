// WebP by libwebp. For an animation the first frame, on a black canvas (or on limits.background).
#include <algorithm>
#include <memory>
#include <new>
#include <vector>
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

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

struct WebpFile {
  Demuxer demuxer{nullptr, &WebPDemuxDelete};
  std::uint32_t width = 0, height = 0;  // of the canvas
  Frame frame;                          // the first
  WebPBitstreamFeatures features{};     // of the first
};

/// Reads everything except the picture data.
Status read_header(std::string_view file, const ImageLimits& limits, WebpFile& webp) {
  constexpr std::uint64_t k_riff_header_bytes = 8;
  const std::uint64_t need = k_riff_header_bytes + Bytes(file).u32_le(4);
  if (file.size() < need) return cut_short("WebP", file.size(), need);

  const WebPData data{reinterpret_cast<const std::uint8_t*>(file.data()), file.size()};
  webp.demuxer.reset(WebPDemux(&data));
  if (webp.demuxer == nullptr) return broken("WebP", "its chunks are inconsistent");
  webp.width = WebPDemuxGetI(webp.demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  webp.height = WebPDemuxGetI(webp.demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (Status status = check_size("WebP", webp.width, webp.height, limits); !status) return status;

  const WebPIterator& it = webp.frame.iterator;
  if (!WebPDemuxGetFrame(webp.demuxer.get(), 1, &webp.frame.iterator) || !it.complete ||
      WebPGetFeatures(it.fragment.bytes, it.fragment.size, &webp.features) != VP8_STATUS_OK) {
    return broken("WebP", "it has no picture data");
  }
  return {};
}

bool lies_inside(const WebPIterator& frame, const Picture& canvas) {
  return frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 && frame.height > 0 &&
         std::int64_t{frame.x_offset} + frame.width <= canvas.width() &&
         std::int64_t{frame.y_offset} + frame.height <= canvas.height();
}

/// Decodes a frame to `out`, whose rows are `stride` bytes apart.
VP8StatusCode decode_to(const WebPIterator& frame, WEBP_CSP_MODE mode, std::uint8_t* out, std::size_t stride,
                        std::size_t bytes) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return VP8_STATUS_INVALID_PARAM;
  config.output.colorspace = mode;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {out, static_cast<int>(stride), bytes};
  return WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
}

/// Decodes a frame into a place of the picture.
VP8StatusCode decode_frame(const WebPIterator& frame, Picture& picture) {
  std::uint8_t* const corner = picture.row(frame.y_offset) + std::size_t{3} * frame.x_offset;
  const auto bytes = static_cast<std::size_t>(picture.row(0) + picture.size_bytes() - corner);
  return decode_to(frame, MODE_RGB, corner, picture.row_bytes(), bytes);
}

/// The same, over `background`.
VP8StatusCode lay_frame(const WebPIterator& frame, const Background& background, Picture& picture) {
  const std::size_t stride = std::size_t{4} * frame.width;
  std::vector<std::uint8_t> rgba(stride * frame.height);
  const VP8StatusCode decoded = decode_to(frame, MODE_RGBA, rgba.data(), stride, rgba.size());
  if (decoded != VP8_STATUS_OK) return decoded;
  for (int y = 0; y < frame.height; ++y) {
    lay_over(background, rgba.data() + stride * y, frame.width,
             picture.row(frame.y_offset + y) + std::size_t{3} * frame.x_offset);
  }
  return decoded;
}

}  // namespace

Result<PictureCost> cost_of_webp(std::string_view file, const ImageLimits& limits) {
  WebpFile webp;
  if (Status status = read_header(file, limits, webp); !status) return status.error();
  constexpr int k_lossless = 2;
  const std::uint64_t bytes_per_pixel = webp.features.format == k_lossless ? 4 : 1;  // colours, or their alpha
  const std::uint64_t alpha_bytes = limits.background && webp.features.has_alpha ? 4 : 0;
  return cost_of_size(webp.width, webp.height, bytes_per_pixel + alpha_bytes);
}

/// Its time is limited only by the number of pixels: the library cannot be interrupted.
Result<Picture> decode_webp(std::string_view file, const ImageLimits& limits) {
  WebpFile webp;
  if (Status status = read_header(file, limits, webp); !status) return status.error();
  const WebPIterator& it = webp.frame.iterator;
  Picture picture(webp.width, webp.height);
  if (!lies_inside(it, picture) || webp.features.width != it.width || webp.features.height != it.height) {
    return broken("WebP", "its first frame does not have the size that its header gives");
  }
  const bool fills_canvas = it.width == static_cast<int>(webp.width) && it.height == static_cast<int>(webp.height);
  if (!fills_canvas) fill(picture, limits.background.value_or(Background{}));
  const bool lays_over = limits.background && webp.features.has_alpha;
  const VP8StatusCode decoded = lays_over ? lay_frame(it, *limits.background, picture) : decode_frame(it, picture);
  if (decoded == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (decoded != VP8_STATUS_OK) return broken("WebP", "its picture data cannot be decoded");
  if (limits.apply_exif_orientation) picture.orientation = read_orientation(webp.demuxer.get());
  return picture;
}

}  // namespace sightline::models
