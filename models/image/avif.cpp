// AVIF by libavif, as Pillow's plugin reads it: the first frame, not rotated and not cropped. The file's rotation and
// mirroring (irot, imir) are its orientation; an orientation in EXIF has no effect.
#include <algorithm>
#include <array>
#include <avif/avif.h>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/image/av1_header.h"
#include "models/image/decode_time.h"
#include "models/image/heif_file.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

constexpr std::string_view k_format = "AVIF";

/// Frames for one picture or tile. There is one, or a few of rising quality; each may cost as much as a picture.
constexpr std::size_t k_max_frames = 16;

/// The same for the first picture of a sequence. They are checked when they are decoded, so each sequence costs as much.
constexpr std::size_t k_max_first_frames = 4;

/// Frames that the decoder has in memory: one that it decodes, and those that later ones may refer to.
constexpr std::size_t k_max_kept_frames = 1 + 8;

/// Only the first frame of a sequence is read, but libavif reads the positions of all.
constexpr std::uint32_t k_max_sequence_frames = 8192;
constexpr std::uint64_t k_max_sequence_bytes = 256 << 10;

/// Other units, such as parts of a frame. The decoder writes a line to the log for each one that it does not know.
constexpr std::size_t k_max_units = 5000, k_max_metadata_units = 64;

/// The size that the container gives, and which the decoder must not exceed.
struct Size {
  std::uint32_t width = 0, height = 0;
};

std::uint64_t filled_up(std::uint64_t edge) {
  constexpr std::uint64_t k_block = 8;
  return (edge + k_block - 1) / k_block * k_block;
}

/// What the decoder allocates may be the size in the container, filled up to a whole block. libavif would scale any
/// other size, after it was decoded.
Status check_coded_size(const Av1Header& header, const Size& size) {
  const auto fits = [](std::uint64_t coded, std::uint64_t given) {
    return coded >= given && coded <= filled_up(given);
  };
  if (fits(header.width, size.width) && fits(header.height, size.height)) return {};
  return broken(k_format, "its sequence header gives " + grouped(header.width) + " x " + grouped(header.height) +
                              " pixels, and its container " + grouped(size.width) + " x " + grouped(size.height));
}

/// What a pixel consists of.
struct Samples {
  std::uint64_t halves = 0, bytes = 1;  ///< per pixel in halves, and each
};

struct Units {
  std::size_t frames = 0, headers = 0;
  std::uint64_t coded_pixels = 0;  ///< of a frame of the sequence header's size
  std::uint64_t frame_pixels = 0;  ///< the most that a frame may have
  Samples samples;
};

/// Checks open bitstream units of AV1 (5.3 of its specification), before any is decoded. Errors: too_large (too many),
/// invalid_argument (of a reserved type, or of another size).
Result<Units> check_units(std::string_view units, const Size& size, std::size_t max_frames) {
  constexpr unsigned k_sequence_header = 1, k_frame_header = 3, k_metadata = 5, k_frame = 6, k_padding = 15;
  Units found;
  std::size_t metadata = 0, count = 0;
  BoxCursor cursor(units);
  while (!cursor.rest().empty()) {
    const std::uint32_t header = cursor.u8();
    const unsigned type = header >> 3 & 15;
    if (type == 0 || (type > 8 && type != k_padding))
      return broken(k_format, "it has a bitstream unit of the reserved type " + std::to_string(type));
    if (type == k_frame_header || type == k_frame) ++found.frames;
    if (type == k_metadata) ++metadata;
    if (found.frames > max_frames) {
      return Error{ErrorCode::too_large,
                   "AVIF has more than " + std::to_string(max_frames) + " coded frames for one picture, the limit"};
    }
    if (++count > k_max_units || metadata > k_max_metadata_units)
      return Error{ErrorCode::too_large, "AVIF has too many bitstream units for one picture"};
    if ((header & 4) != 0) cursor.u8();
    const bool has_length = (header & 2) != 0;  // without it: the last one
    std::uint64_t length = has_length ? 0 : cursor.rest().size();
    for (unsigned i = 0; has_length && i < 8; ++i) {
      const std::uint32_t byte = cursor.u8();
      length |= std::uint64_t{byte & 0x7F} << (7 * i);
      if ((byte & 0x80) == 0) break;
    }
    const std::string_view body = cursor.take(length);
    if (type != k_sequence_header) continue;
    const auto sequence = read_av1_header(body);
    if (!sequence) return broken(k_format, "its sequence header cannot be read");
    if (Status status = check_coded_size(*sequence, size); !status) return status.error();
    ++found.headers;
    found.coded_pixels = std::max(found.coded_pixels, std::uint64_t{sequence->width} * sequence->height);
    found.samples.halves = std::max<std::uint64_t>(found.samples.halves, sequence->half_samples);
    if (sequence->bits > 8) found.samples.bytes = 2;
    found.frame_pixels = std::max(found.frame_pixels, sequence->most_frame_pixels);
  }
  return found;
}

std::string_view brand_of(std::string_view file) {
  return file.substr(std::min<std::size_t>(file.size(), 8), 4);
}

/// libavif's view of the file. In a sequence it checks the units that it passes on.
struct Source {
  explicit Source(std::string_view bytes) : file(bytes) {
    io.read = &Source::read;
    io.sizeHint = bytes.size();
    io.persistent = AVIF_TRUE;
    io.data = this;
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  static avifResult read(avifIO* io, std::uint32_t, std::uint64_t offset, std::size_t size, avifROData* out) {
    auto& source = *static_cast<Source*>(io->data);
    if (offset > source.file.size()) return AVIF_RESULT_IO_ERROR;
    const std::string_view part = source.file.substr(offset, size);
    if (source.sequence && source.checked) source.checked = source.check_first(part);
    if (!source.checked) return AVIF_RESULT_IO_ERROR;
    *out = {reinterpret_cast<const std::uint8_t*>(part.data()), part.size()};
    return AVIF_RESULT_OK;
  }

  /// Checks the frames of a sequence's first picture, or of its alpha.
  Status check_first(std::string_view units) const {
    const auto found = check_units(units, sequence->size, k_max_first_frames);
    if (!found) return found.error();
    const Samples &coded = found->samples, &given = sequence->samples;
    if (coded.halves <= given.halves && coded.bytes <= given.bytes) return {};
    return broken(k_format, "its sequence header gives more colours or a greater depth than its container (av1C)");
  }

  /// What the container says of a sequence.
  struct Sequence {
    Size size;
    Samples samples;
  };

  std::string_view file;
  avifIO io{};
  std::optional<Sequence> sequence;  ///< set once its frames are read
  Status checked;
};

struct Destroy {
  void operator()(avifDecoder* decoder) const { avifDecoderDestroy(decoder); }
  void operator()(avifImage* image) const { avifImageDestroy(image); }
};

class AvifReader {
 public:
  AvifReader(std::string_view file, const ImageLimits& limits) : file_(file), limits_(limits), source_(file) {}

  /// Reads all but the samples.
  Status read_header() {
    if (Status status = check_items(); !status) return status;
    decoder_.reset(avifDecoderCreate());
    if (decoder_ == nullptr) throw std::bad_alloc();
    decoder_->maxThreads = 1;
    decoder_->ignoreExif = decoder_->ignoreXMP = AVIF_TRUE;
    limit_frames(most_pixels_);
    decoder_->imageCountLimit = k_max_sequence_frames;
    // As Pillow: encoders omit `pixi`, and `clap` is not applied.
    decoder_->strictFlags &= ~static_cast<avifStrictFlags>(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    avifDecoderSetIO(decoder_.get(), &source_.io);
    avifResult result = avifDecoderSetSource(
        decoder_.get(), is_sequence_ ? AVIF_DECODER_SOURCE_TRACKS : AVIF_DECODER_SOURCE_PRIMARY_ITEM);
    if (result == AVIF_RESULT_OK) result = avifDecoderParse(decoder_.get());
    if (result == AVIF_RESULT_OK && is_sequence_) result = measure_sequence();
    if (result != AVIF_RESULT_OK) return failure(result);
    return check_size(k_format, image().width, image().height, limits_);
  }

  PictureCost cost() const {
    // The container may give others than those that the decoder will find.
    const Samples given = given_samples();
    const Samples samples{std::max(given.halves, samples_.halves), std::max(given.bytes, samples_.bytes)};
    const std::uint64_t alpha = decoder_->alphaPresent ? 2 : 0;
    PictureCost cost = cost_of_size(image().width, image().height);
    // Beside the samples in the decoder: joined from tiles or with eight bits; alpha also as RGBA.
    const std::uint64_t pixels = cost.pixels, half_bytes = (samples.halves + alpha) * samples.bytes + 4 * alpha;
    cost.bytes += (pixels * half_bytes + 1) / 2 + kept_bytes_;
    constexpr std::uint64_t k_times_a_jpeg = 2;  // measured
    cost.pixels = std::max(pixels, coded_pixels_) * frames_ * k_times_a_jpeg;
    return cost;
  }

  Result<Picture> read(DecodeTime& time) {
    if (Status status = read_header(); !status) return status.error();
    const std::uint32_t width = image().width, height = image().height;
    if (is_sequence_) source_.sequence = Source::Sequence{{width, height}, given_samples()};
    const avifResult decoded = avifDecoderNextImage(decoder_.get());
    if (!source_.checked) return source_.checked.error();
    if (decoded != AVIF_RESULT_OK) return failure(decoded);
    if (image().width != width || image().height != height)
      return broken(k_format, "its picture does not have the size that its header gives");
    if (time.is_over_now()) return time.error(k_format);
    Picture picture(width, height);
    if (limits_.apply_exif_orientation) picture.orientation = orientation_;
    const avifResult converted = decoder_->alphaPresent ? convert_with_alpha(picture) : convert(picture);
    return converted == AVIF_RESULT_OK ? Result<Picture>(std::move(picture)) : failure(converted);
  }

 private:
  const avifImage& image() const { return *decoder_->image; }

  /// What the container says.
  Samples given_samples() const {
    constexpr std::array<std::uint64_t, AVIF_PIXEL_FORMAT_COUNT> k_halves{2, 6, 4, 3, 2};
    constexpr std::uint64_t k_alpha_halves = 3;  // a track of alpha may have unused colours, 4:2:0
    const std::uint64_t least = is_sequence_ && decoder_->alphaPresent ? k_alpha_halves : 0;
    return {std::max(k_halves.at(image().yuvFormat), least), image().depth > 8 ? std::uint64_t{2} : std::uint64_t{1}};
  }

  /// libavif refuses items and tracks, and its decoder frames, of more pixels.
  void limit_frames(std::uint64_t pixels) {
    decoder_->imageSizeLimit =
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(pixels, 1, AVIF_DEFAULT_IMAGE_SIZE_LIMIT));
  }

  /// The frames of a sequence are read when they are decoded: they may be as large as its track, which is known now,
  /// and as many as are allowed.
  avifResult measure_sequence() {
    most_pixels_ = filled_up(image().width) * filled_up(image().height);
    limit_frames(most_pixels_);
    frames_ = k_max_first_frames;
    const Samples samples = given_samples();
    coded_pixels_ = most_pixels_ * (decoder_->alphaPresent ? 2 : 1);
    kept_bytes_ = coded_pixels_ * frames_ * samples.halves * samples.bytes / 2;
    return avifDecoderReset(decoder_.get());  // passes the limit on
  }

  /// Finds out what libavif will decode, and checks it. A sequence is one by its first brand; with a brand of neither
  /// kind, by its tracks.
  Status check_items() {
    auto file = HeifFile::read(file_, k_format);
    const std::string_view brand = brand_of(file_);
    is_sequence_ = brand == "avis" || (brand != "avif" && bytes_of_boxes(file_, "moov") != 0);
    if (is_sequence_) return check_sequence();
    if (!file) return file.error();
    HeifFile items = *std::move(file);
    orientation_ = container_orientation(items);
    if (const auto size = items.size_of(items.primary())) {
      if (Status status = check_size(k_format, size->first, size->second, limits_); !status) return status;
    }
    if (Status status = check_types(items, items.primary()); !status) return status;
    const auto alpha = items.alpha_of(items.primary());
    if (alpha) {
      if (Status status = check_types(items, *alpha); !status) return status;
    }
    return check_coded(items);
  }

  Status check_sequence() {
    most_pixels_ = limits_.max_pixels;
    const std::uint64_t bytes = bytes_of_boxes(file_, "moov");
    if (bytes <= k_max_sequence_bytes) return {};
    return Error{ErrorCode::too_large, "AVIF has a list of frames (moov) of " + grouped(bytes) +
                                           " bytes; the limit is " + grouped(k_max_sequence_bytes)};
  }

  /// A picture is coded by AV1, or its tiles are.
  static Status check_types(HeifFile& items, HeifFile::Id item) {
    std::vector<HeifFile::Id> coded{item};
    if (items.type_of(item) == "grid") {
      auto grid = items.grid_of(item);
      if (!grid) return grid.error();
      coded = std::move(grid->second);
    }
    for (const HeifFile::Id id : coded) {
      if (items.type_of(id) != "av01") {
        return Error{ErrorCode::unsupported, "AVIF contains a picture of type " + items.shown_type_of(id) +
                                                 "; AV1 (av01) and tiles of it are read"};
      }
    }
    return {};
  }

  /// Checks all coded pictures of the file: libavif chooses among several alphas in its own way.
  Status check_coded(HeifFile& items) {
    std::vector<Units> coded;
    for (const HeifFile::Id id : items.ids()) {
      const auto given = items.size_of(id);
      // libavif refuses a picture in tiles of more pixels than its limit.
      if (given && items.type_of(id) == "grid") {
        const std::uint64_t pixels = std::uint64_t{given->first} * given->second;
        most_pixels_ = std::max(most_pixels_, std::min<std::uint64_t>(pixels, limits_.max_pixels));
      }
      if (items.type_of(id) != "av01") continue;
      if (!given) return broken(k_format, "item " + grouped(id) + " has no size (ispe)");
      const Size size{given->first, given->second};
      if (Status status = check_size(k_format, size.width, size.height, limits_); !status) return status;
      const auto data = items.data_of(id);
      if (!data) return data.error();
      const auto units = check_units(*data, size, k_max_frames);
      if (!units) return units.error();
      if (units->headers == 0) return broken(k_format, "item " + grouped(id) + " has no sequence header");
      frames_ = std::max(frames_, units->frames);
      samples_.halves = std::max(samples_.halves, units->samples.halves);
      samples_.bytes = std::max(samples_.bytes, units->samples.bytes);
      most_pixels_ = std::max(most_pixels_, units->coded_pixels);
      coded.push_back(*units);
    }
    // The decoder refuses frames of more pixels than the largest picture.
    for (const Units& units : coded) {
      const std::uint64_t pixels = std::min(units.frame_pixels, most_pixels_);
      const std::uint64_t half_bytes = units.samples.halves * units.samples.bytes;
      coded_pixels_ += pixels;
      kept_bytes_ += pixels * std::clamp<std::uint64_t>(units.frames, 1, k_max_kept_frames) * half_bytes / 2;
    }
    constexpr std::uint64_t k_most = 4;  // tiles beyond the picture, alpha, small copies
    if (coded_pixels_ / k_most <= limits_.max_pixels) return {};
    return Error{ErrorCode::too_large, "AVIF has pictures of " + grouped(coded_pixels_) +
                                           " pixels together; the limit is " + grouped(limits_.max_pixels * k_most)};
  }

  Error failure(avifResult result) const {
    if (result == AVIF_RESULT_OUT_OF_MEMORY) throw std::bad_alloc();
    if (result == AVIF_RESULT_TRUNCATED_DATA) {
      return {ErrorCode::invalid_argument,
              "AVIF ends after " + grouped(file_.size()) + " bytes, before its first picture is complete"};
    }
    const bool has_text = decoder_ != nullptr && decoder_->diag.error[0] != '\0';
    const std::string text = has_text ? decoder_->diag.error : avifResultToString(result);
    if (result == AVIF_RESULT_NO_CODEC_AVAILABLE)
      return {ErrorCode::unsupported, "AVIF cannot be decoded here: libavif has no AV1 decoder"};
    if (result == AVIF_RESULT_NOT_IMPLEMENTED || result == AVIF_RESULT_UNSUPPORTED_DEPTH)
      return {ErrorCode::unsupported, "AVIF is of a kind that is not supported: " + text};
    return broken(k_format, text);
  }

  avifRGBImage target(avifRGBFormat format, std::uint8_t* pixels) const {
    avifRGBImage rgb{};
    avifRGBImageSetDefaults(&rgb, decoder_->image);
    rgb.depth = 8;
    rgb.format = format;
    rgb.pixels = pixels;
    rgb.rowBytes = rgb.width * (format == AVIF_RGB_FORMAT_RGBA ? 4 : 3);
    return rgb;
  }

  avifResult convert(Picture& picture) const {
    avifRGBImage rgb = target(AVIF_RGB_FORMAT_RGB, picture.row(0));
    return to_rgb(rgb, image().yuvFormat != AVIF_PIXEL_FORMAT_YUV400);
  }

  /// `is_shallow`: libyuv has a function for such samples with eight bits only. Then libavif 1.4 reduces those of 10 and
  /// 12 bits to eight before it converts them; other versions do not, and give other colours.
  avifResult to_rgb(avifRGBImage& rgb, bool is_shallow) const {
    if (image().depth == 8 || !is_shallow || !has_fast_matrix()) return avifImageYUVToRGB(decoder_->image, &rgb);
    const std::unique_ptr<avifImage, Destroy> shallow = with_eight_bits();
    return shallow == nullptr ? AVIF_RESULT_OUT_OF_MEMORY : avifImageYUVToRGB(shallow.get(), &rgb);
  }

  /// Whether libyuv converts from this colour matrix.
  bool has_fast_matrix() const {
    switch (image().matrixCoefficients) {
      case AVIF_MATRIX_COEFFICIENTS_BT709:
      case AVIF_MATRIX_COEFFICIENTS_UNSPECIFIED:
      case AVIF_MATRIX_COEFFICIENTS_BT470BG:
      case AVIF_MATRIX_COEFFICIENTS_BT601:
      case AVIF_MATRIX_COEFFICIENTS_BT2020_NCL:
        return true;
      case AVIF_MATRIX_COEFFICIENTS_CHROMA_DERIVED_NCL: {
        constexpr std::array<avifColorPrimaries, 5> k_known{
            AVIF_COLOR_PRIMARIES_BT709, AVIF_COLOR_PRIMARIES_UNSPECIFIED, AVIF_COLOR_PRIMARIES_BT470BG,
            AVIF_COLOR_PRIMARIES_BT601, AVIF_COLOR_PRIMARIES_BT2020};
        return std::find(k_known.begin(), k_known.end(), image().colorPrimaries) != k_known.end();
      }
      default:
        return false;
    }
  }

  /// A copy with samples of eight bits; null: no memory.
  std::unique_ptr<avifImage, Destroy> with_eight_bits() const {
    const avifImage& deep = image();
    std::unique_ptr<avifImage, Destroy> copy(avifImageCreate(deep.width, deep.height, 8, deep.yuvFormat));
    const auto planes = static_cast<avifPlanesFlags>(deep.alphaPlane == nullptr ? AVIF_PLANES_YUV : AVIF_PLANES_ALL);
    if (copy == nullptr || avifImageAllocatePlanes(copy.get(), planes) != AVIF_RESULT_OK) return nullptr;
    copy->alphaPremultiplied = deep.alphaPremultiplied;
    copy->yuvRange = deep.yuvRange;
    copy->yuvChromaSamplePosition = deep.yuvChromaSamplePosition;
    copy->colorPrimaries = deep.colorPrimaries;
    copy->transferCharacteristics = deep.transferCharacteristics;
    copy->matrixCoefficients = deep.matrixCoefficients;
    avifPixelFormatInfo format{};
    avifGetPixelFormatInfo(deep.yuvFormat, &format);
    const auto reduce = [&](const std::uint8_t* from, std::uint32_t from_stride, std::uint8_t* to,
                            std::uint32_t to_stride, std::uint32_t width, std::uint32_t height) {
      for (std::size_t y = 0; y < height; ++y) {
        const auto* row = reinterpret_cast<const std::uint16_t*>(from + y * from_stride);
        std::transform(row, row + width, to + y * to_stride, [&](std::uint16_t sample) {
          return static_cast<std::uint8_t>(std::min(sample >> (deep.depth - 8), 255));
        });
      }
    };
    for (std::size_t p = 0; p < AVIF_PLANE_COUNT_YUV; ++p) {
      if (deep.yuvPlanes[p] == nullptr || copy->yuvPlanes[p] == nullptr) continue;
      const std::uint32_t shift_x = p == 0 ? 0 : static_cast<std::uint32_t>(format.chromaShiftX);
      const std::uint32_t shift_y = p == 0 ? 0 : static_cast<std::uint32_t>(format.chromaShiftY);
      reduce(deep.yuvPlanes[p], deep.yuvRowBytes[p], copy->yuvPlanes[p], copy->yuvRowBytes[p],
             (deep.width + shift_x) >> shift_x, (deep.height + shift_y) >> shift_y);
    }
    if (deep.alphaPlane != nullptr)
      reduce(deep.alphaPlane, deep.alphaRowBytes, copy->alphaPlane, copy->alphaRowBytes, deep.width, deep.height);
    return copy;
  }

  /// Pillow reads RGBA, and convert("RGB") drops the alpha.
  avifResult convert_with_alpha(Picture& picture) const {
    std::vector<std::uint8_t> rgba(std::size_t{4} * picture.width() * picture.height());
    avifRGBImage rgb = target(AVIF_RGB_FORMAT_RGBA, rgba.data());
    const bool is_shallow = image().yuvFormat == AVIF_PIXEL_FORMAT_YUV400 ||
                            (image().depth == 12 && image().yuvFormat != AVIF_PIXEL_FORMAT_YUV420);
    const avifResult result = to_rgb(rgb, is_shallow);
    if (result != AVIF_RESULT_OK) return result;
    for (std::uint32_t y = 0; y < picture.height(); ++y) {
      const std::uint8_t* from = rgba.data() + std::size_t{4} * picture.width() * y;
      std::uint8_t* to = picture.row(y);
      if (limits_.background) {
        lay_over(*limits_.background, from, picture.width(), to);
        continue;
      }
      drop_alpha(from, picture.width(), to);
    }
    return result;
  }

  std::string_view file_;
  const ImageLimits& limits_;
  Source source_;
  std::unique_ptr<avifDecoder, Destroy> decoder_;  // uses `source_`
  bool is_sequence_ = false;
  int orientation_ = 1;
  Samples samples_;                 // the most of a coded item
  std::size_t frames_ = 1;          // of the item that has most
  std::uint64_t most_pixels_ = 0;   // of the picture, or of a coded item
  std::uint64_t coded_pixels_ = 0;  // of all items
  std::uint64_t kept_bytes_ = 0;    // in the decoders of all items
};

}  // namespace

Result<PictureCost> cost_of_avif(std::string_view file, const ImageLimits& limits) {
  AvifReader reader(file, limits);
  if (Status status = reader.read_header(); !status) return status.error();
  return reader.cost();
}

/// Its time is limited only by the number of pixels: the library cannot be interrupted.
Result<Picture> decode_avif(std::string_view file, const ImageLimits& limits) {
  DecodeTime time(limits.max_time);
  return AvifReader(file, limits).read(time);
}

}  // namespace sightline::models
