#include "models/image/jpeg_writer.h"

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <jpeglib.h>

namespace sightline::models {
namespace {

/// One compression. libjpeg reports errors by longjmp: `write` has no object with a destructor while libjpeg
/// runs.
class JpegWriter {
 public:
  JpegWriter() {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) {
      auto* const writer = static_cast<JpegWriter*>(info->client_data);
      info->err->format_message(info, writer->message_.data());
      std::longjmp(writer->target_, 1);
    };
    errors_.output_message = [](j_common_ptr) {};
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&info_);
    std::free(file_);
  }

  bool write(const Picture& picture, int quality) {
    if (setjmp(target_) != 0) return false;
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &file_, &size_);
    info_.image_width = picture.width();
    info_.image_height = picture.height();
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      JSAMPROW rows[] = {const_cast<JSAMPROW>(picture.row(info_.next_scanline))};  // only read
      jpeg_write_scanlines(&info_, rows, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }

  std::string file() const { return {reinterpret_cast<const char*>(file_), size_}; }
  const char* message() const { return message_.data(); }

 private:
  jpeg_compress_struct info_{};
  jpeg_error_mgr errors_{};
  unsigned char* file_ = nullptr;
  unsigned long size_ = 0;
  std::jmp_buf target_{};
  std::array<char, JMSG_LENGTH_MAX> message_{};
};

}  // namespace

Result<std::string> write_jpeg(const Picture& picture, int quality) {
  if (picture.width() > JPEG_MAX_DIMENSION || picture.height() > JPEG_MAX_DIMENSION) {
    return Error{ErrorCode::unsupported, "the picture is too long for a JPEG (" + std::to_string(picture.width()) +
                                             " x " + std::to_string(picture.height()) + " pixels)"};
  }
  JpegWriter writer;
  if (!writer.write(picture, quality)) {
    return Error{ErrorCode::internal, std::string("the picture could not be written as JPEG: ") + writer.message()};
  }
  return writer.file();
}

}  // namespace sightline::models
