// JPEG by libjpeg-turbo with its defaults (accurate integer DCT, fancy upsampling): Pillow's pixels.
#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <jerror.h>
#include <jpeglib.h>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "models/image/bytes.h"
#include "models/image/decode_time.h"
#include "models/image/orientation.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

constexpr int k_exif_marker = JPEG_APP0 + 1;

/// One decompression. libjpeg reports errors by longjmp: each member that calls it sets the target, and has no object
/// with a destructor while libjpeg runs.
class JpegReader {
 public:
  JpegReader(std::string_view file, const ImageLimits& limits)
      : file_(file), max_scans_(limits.max_scans), draft_edge_(limits.draft_edge), time_(limits.max_time) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) {
      auto* reader = static_cast<JpegReader*>(info->client_data);
      info->err->format_message(info, reader->message_.data());
      reader->failure_ = info->err->msg_code == JERR_OUT_OF_MEMORY ? Outcome::no_memory : Outcome::broken;
      std::longjmp(reader->target_, 1);
    };
    errors_.output_message = [](j_common_ptr) {};
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  enum class Outcome { done, cut_short, broken, no_memory, too_many_scans, too_slow };

  Outcome read_header(bool with_exif) {
    if (setjmp(target_) != 0) return failure_;
    jpeg_create_decompress(&info_);
    set_source();
    info_.progress = &progress_;
    progress_.progress_monitor = [](j_common_ptr info) {
      auto* reader = static_cast<JpegReader*>(info->client_data);
      if (reader->info_.input_scan_number > reader->max_scans_) {
        reader->failure_ = Outcome::too_many_scans;
      } else if (reader->time_.is_over()) {
        reader->failure_ = Outcome::too_slow;
      } else {
        return;
      }
      std::longjmp(reader->target_, 1);
    };
    if (with_exif) jpeg_save_markers(&info_, k_exif_marker, 0xFFFF);
    if (jpeg_read_header(&info_, TRUE) == JPEG_SUSPENDED) return Outcome::cut_short;
    many_scans_ = jpeg_has_multiple_scans(&info_);
    set_draft();
    return Outcome::done;
  }

  Outcome start() {
    if (setjmp(target_) != 0) return failure_;
    info_.out_color_space = components() == 1 ? JCS_GRAYSCALE : components() == 3 ? JCS_RGB : JCS_CMYK;
    return jpeg_start_decompress(&info_) ? Outcome::done : Outcome::cut_short;
  }

  /// Reads the next row, components() bytes per pixel.
  Outcome read_row(std::uint8_t* row) {
    if (setjmp(target_) != 0) return failure_;
    JSAMPROW rows[] = {row};
    return jpeg_read_scanlines(&info_, rows, 1) == 1 ? Outcome::done : Outcome::cut_short;
  }

  /// After the last row: reads up to the end mark, if there is one. Without it the picture is still complete, as in
  /// Pillow: some cameras and phones omit it, or write their own data in its place.
  Outcome finish() {
    if (setjmp(target_) != 0) return failure_;
    jpeg_finish_decompress(&info_);
    return Outcome::done;
  }

  // In the file.
  std::uint32_t width() const { return info_.image_width; }
  std::uint32_t height() const { return info_.image_height; }
  // As decoded.
  std::uint32_t output_width() const { return info_.output_width; }
  std::uint32_t output_height() const { return info_.output_height; }
  int components() const { return info_.num_components; }
  std::uint32_t rows_read() const { return info_.output_scanline; }
  const char* message() const { return message_.data(); }
  int max_scans() const { return max_scans_; }
  Error too_slow() const { return time_.error("JPEG"); }

  /// After `read_header`: the cost of decoding. A file of several scans is stored as coefficients as a whole, and each
  /// scan is a pass over them.
  PictureCost cost() {
    PictureCost cost = cost_of_size(output_width(), output_height());
    cost.pixels = std::uint64_t{width()} * height();  // a draft saves little of the work
    if (!many_scans_) return cost;
    for (int i = 0; i < info_.num_components; ++i) {
      const jpeg_component_info& component = info_.comp_info[i];
      const auto whole = [](std::uint64_t blocks, int factor) { return (blocks + factor - 1) / factor * factor; };
      cost.bytes += whole(component.width_in_blocks, component.h_samp_factor) *
                    whole(component.height_in_blocks, component.v_samp_factor) * sizeof(JBLOCK);
    }
    constexpr std::uint64_t k_scans_that_cost_a_decode = 8;
    cost.pixels += cost.pixels * scans() / k_scans_that_cost_a_decode;
    return cost;
  }

  /// After `read_header`: how many scans there are, counted up to one more than there may be.
  std::uint64_t scans() const {
    const Bytes file(file_);
    constexpr std::uint32_t k_stuffed = 0, k_tem = 1, k_rst0 = 0xD0, k_rst7 = 0xD7, k_eoi = 0xD9, k_sos = 0xDA,
                            k_fill = 0xFF;
    std::uint64_t scans = 1;  // the header ends within the first scan
    std::size_t at = file_.size() - source_.bytes_in_buffer;
    while (scans <= static_cast<unsigned>(max_scans_)) {
      at = file_.find('\xFF', at);
      if (at == std::string_view::npos) break;
      const std::uint32_t marker = file.u8(at + 1);
      if (marker == k_eoi) break;
      if (marker == k_sos) ++scans;
      const bool is_alone = marker == k_stuffed || marker == k_tem || (marker >= k_rst0 && marker <= k_rst7);
      at += marker == k_fill ? 1 : is_alone ? 2 : 2 + std::max(file.u16_be(at + 2), 2u);
    }
    return scans;
  }

  bool has_many_scans() const { return many_scans_; }
  bool has_too_many_scans() { return many_scans_ && scans() > static_cast<unsigned>(max_scans_); }

  int orientation() const {
    for (const jpeg_marker_struct* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (marker->marker == k_exif_marker && data.starts_with("Exif")) return exif_orientation(data);
    }
    return 1;
  }

 private:
  /// libjpeg's smaller inverse transforms give 1/8, 1/4 or 1/2 of each edge, rounded up.
  void set_draft() {
    const std::uint64_t edge = std::max(info_.image_width, info_.image_height);
    info_.scale_num = info_.scale_denom = 1;
    for (const unsigned part : {8u, 4u, 2u}) {
      if (draft_edge_ == 0 || edge / part < draft_edge_) continue;
      info_.scale_denom = part;
      break;
    }
    jpeg_calc_output_dimensions(&info_);
  }

  /// Provides the whole file at once. When libjpeg requests more, it is suspended: libjpeg's own source would add an
  /// end mark, and the rest of the picture would be grey.
  void set_source() {
    source_.init_source = [](j_decompress_ptr) {};
    source_.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = [](j_decompress_ptr) {};
    source_.skip_input_data = [](j_decompress_ptr info, long count) {
      jpeg_source_mgr& source = *info->src;
      const std::size_t skipped = std::min(source.bytes_in_buffer, static_cast<std::size_t>(std::max(count, 0L)));
      source.next_input_byte += skipped;
      source.bytes_in_buffer -= skipped;
    };
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(file_.data());
    source_.bytes_in_buffer = file_.size();
    info_.src = &source_;
  }

  std::string_view file_;
  const int max_scans_;
  const std::uint32_t draft_edge_;
  DecodeTime time_;
  bool many_scans_ = false;
  Outcome failure_ = Outcome::broken;  // the result after a jump to `target_`
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_source_mgr source_{};
  std::jmp_buf target_{};
  std::array<char, JMSG_LENGTH_MAX> message_{};
};

void grey_to_rgb(const std::uint8_t* grey, std::uint32_t width, std::uint8_t* rgb) {
  for (std::uint32_t x = 0; x < width; ++x, rgb += 3) std::memset(rgb, grey[x], 3);
}

/// Inks are stored inverted, as Adobe writes them and Pillow assumes for every file. Then Pillow's convert("RGB"):
/// channel = K' - ink * K' / 255 rounded, with K' = 255 - K.
void inverted_cmyk_to_rgb(const std::uint8_t* cmyk, std::uint32_t width, std::uint8_t* rgb) {
  for (std::uint32_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int channel = 0; channel < 3; ++channel) {
      const int product = (255 - cmyk[channel]) * white + 128;
      rgb[channel] = static_cast<std::uint8_t>(std::clamp(white - (((product >> 8) + product) >> 8), 0, 255));
    }
  }
}

Error failure(const JpegReader& reader, JpegReader::Outcome outcome, std::size_t file_bytes) {
  using Outcome = JpegReader::Outcome;
  if (outcome == Outcome::broken) return broken("JPEG", reader.message());
  if (outcome == Outcome::no_memory) throw std::bad_alloc();
  if (outcome == Outcome::too_slow) return reader.too_slow();
  if (outcome == Outcome::too_many_scans) {
    return {ErrorCode::too_large, "JPEG has more than " + std::to_string(reader.max_scans()) +
                                      " scans, the limit (--max-image-scans): save it with fewer"};
  }
  std::string message = "JPEG ends after " + grouped(file_bytes) + " bytes, ";
  if (reader.height() == 0) {
    message += "inside its header";
  } else if (reader.has_many_scans()) {
    message += "without the end mark, which a picture in several scans (progressive) must have";
  } else {
    message += "at row " + grouped(reader.rows_read()) + " of " + grouped(reader.output_height());
  }
  return {ErrorCode::invalid_argument, message};
}

Status read_checked_header(JpegReader& reader, std::string_view file, const ImageLimits& limits) {
  using Outcome = JpegReader::Outcome;
  const Outcome outcome = reader.read_header(limits.apply_exif_orientation);
  if (outcome != Outcome::done) return failure(reader, outcome, file.size());
  if (Status status = check_size("JPEG", reader.width(), reader.height(), limits); !status) return status;
  if (reader.has_too_many_scans()) return failure(reader, Outcome::too_many_scans, file.size());
  return {};
}

}  // namespace

Result<PictureCost> cost_of_jpeg(std::string_view file, const ImageLimits& limits) {
  JpegReader reader(file, limits);
  if (Status status = read_checked_header(reader, file, limits); !status) return status.error();
  return reader.cost();
}

Result<Picture> decode_jpeg(std::string_view file, const ImageLimits& limits) {
  using Outcome = JpegReader::Outcome;
  JpegReader reader(file, limits);
  if (Status status = read_checked_header(reader, file, limits); !status) return status.error();
  const int components = reader.components();
  if (components != 1 && components != 3 && components != 4) {
    return Error{ErrorCode::unsupported, "JPEG has " + std::to_string(components) +
                                             " colour components; grey (1), colour (3) and CMYK (4) are supported"};
  }
  if (const Outcome outcome = reader.start(); outcome != Outcome::done) return failure(reader, outcome, file.size());

  Picture picture(reader.output_width(), reader.output_height());
  picture.orientation = reader.orientation();
  std::vector<std::uint8_t> native(components == 3 ? 0 : std::size_t{picture.width()} * components);
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    const Outcome outcome = reader.read_row(components == 3 ? picture.row(y) : native.data());
    if (outcome != Outcome::done) return failure(reader, outcome, file.size());
    if (components == 1) grey_to_rgb(native.data(), picture.width(), picture.row(y));
    if (components == 4) inverted_cmyk_to_rgb(native.data(), picture.width(), picture.row(y));
  }
  if (const Outcome outcome = reader.finish(); outcome != Outcome::done) return failure(reader, outcome, file.size());
  return picture;
}

}  // namespace sightline::models
