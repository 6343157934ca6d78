#include <doctest/doctest.h>

#include "picture_files.h"

namespace sightline::models {
namespace {

Error error_of(const std::string& bytes, ImageLimits limits = {}) {
  const auto window = preprocess_image(bytes, PreprocessConfig(), limits);
  REQUIRE_FALSE(window.ok());
  return window.error();
}

void check_error(const std::string& bytes, ErrorCode code, const std::string& message) {
  const Error error = error_of(bytes);
  CHECK(error.code == code);
  CHECK(error.message == message);
}

constexpr const char* k_refusal = "not a supported picture (JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF): it ";

}  // namespace

TEST_CASE("each broken file is refused by the name of its fault") {
  struct Case {
    const char* file;
    ErrorCode code;
    std::string message;
  };
  const std::vector<Case> cases{
      {"bad_bit_depth.png", ErrorCode::invalid_argument, "PNG is broken: invalid bit depth"},
      {"bomb_60000.png", ErrorCode::too_large,
       "PNG is 60,000 x 60,000 = 3,600,000,000 pixels; the limit is 50,000,000"},
      {"bomb_wide.png", ErrorCode::too_large,
       "PNG is 2,147,483,647 x 1 = 2,147,483,647 pixels; the limit is 50,000,000"},
      {"gif_zero.gif", ErrorCode::invalid_argument, "GIF ends after 13 bytes, before its first picture is complete"},
      {"html.jpg", ErrorCode::unsupported, std::string(k_refusal) + "is HTML"},
      {"huffman.jpg", ErrorCode::invalid_argument, "JPEG is broken: Bogus Huffman table definition"},
      {"no_idat.png", ErrorCode::invalid_argument, "PNG is broken: it has no picture data (IDAT)"},
      {"noise.bin", ErrorCode::invalid_argument,
       std::string(k_refusal) + "begins with 42 6d 75 ea fa 88 bb 70 (\"Bmu....p\")"},
      {"one_byte.png", ErrorCode::invalid_argument, std::string(k_refusal) + "begins with 89 (\".\")"},
      {"pdf.jpg", ErrorCode::unsupported, std::string(k_refusal) + "is PDF"},
      {"progressive_no_end.jpg", ErrorCode::invalid_argument,
       "JPEG ends after 12,412 bytes, without the end mark, which a picture in several scans (progressive) must have"},
      {"riff_lies.webp", ErrorCode::invalid_argument, "WebP ends after 80 of 4,294,967,288 bytes"},
      {"short_pixels.png", ErrorCode::invalid_argument, "PNG is broken: IDAT stream too short"},
      {"sof_65535.jpg", ErrorCode::invalid_argument,
       "JPEG is broken: Maximum supported image dimension is 65500 pixels"},
      {"sof_components.jpg", ErrorCode::invalid_argument, "JPEG is broken: Bogus marker length"},
      {"sof_zero.jpg", ErrorCode::invalid_argument, "JPEG is broken: Empty JPEG image (DNL not supported)"},
      {"soi_only.jpg", ErrorCode::invalid_argument, "JPEG is broken: JPEG datastream contains no image"},
      {"text.png", ErrorCode::invalid_argument,
       std::string(k_refusal) + "begins with 74 68 69 73 20 69 73 20 (\"this is \")"},
      {"tiff.png", ErrorCode::unsupported, std::string(k_refusal) + "is TIFF"},
      {"vector.png", ErrorCode::unsupported, std::string(k_refusal) + "is SVG"},
      {"wrong_text_checksum.png", ErrorCode::invalid_argument,
       "PNG is broken: the checksum of the chunk tEXt at byte 33 is wrong"},
      {"zero.jpg", ErrorCode::invalid_argument, "picture is empty (0 bytes)"},
      {"zero_width.png", ErrorCode::invalid_argument, "PNG is 0 x 100 pixels: it contains no picture"},
  };
  for (const Case& broken : cases) {
    CAPTURE(broken.file);
    check_error(picture_file(std::string("bad/") + broken.file), broken.code, broken.message);
  }
}

TEST_CASE("a picture that is cut short says how much of it there is") {
  const auto first_half = [](const char* name) {
    const std::string bytes = picture_file(name);
    return bytes.substr(0, bytes.size() / 2);
  };
  check_error(first_half("jpeg_q30.jpg"), ErrorCode::invalid_argument,
              "JPEG ends after 2,672 bytes, at row 110 of 241");
  check_error(picture_file("jpeg_q30.jpg").substr(0, 30), ErrorCode::invalid_argument,
              "JPEG ends after 30 bytes, inside its header");
  check_error(first_half("rgb_223x225.png"), ErrorCode::invalid_argument,
              "PNG ends after 53,553 of at least 65,581 bytes");
  check_error(first_half("webp_lossy.webp"), ErrorCode::invalid_argument, "WebP ends after 7,506 of 15,012 bytes");
  check_error(first_half("made_gif_local.gif"), ErrorCode::invalid_argument,
              "GIF ends after 1,702 bytes, before its first picture is complete");
  check_error(first_half("made_bmp_24_1.bmp"), ErrorCode::invalid_argument, "BMP ends after 3,431 of 6,861 bytes");
  check_error(first_half("made_rle8_0.bmp").substr(0, 1400), ErrorCode::invalid_argument,
              "BMP is broken: its run lengths end at pixel 310 of 2,257");
}

TEST_CASE("bytes and pixels over the operator's limits are refused before decoding") {
  ImageLimits limits;
  limits.max_bytes = 1000;
  CHECK(error_of(picture_file("jpeg_q30.jpg"), limits).message == "picture has 5,344 bytes; the limit is 1,000");
  CHECK(error_of(picture_file("jpeg_q30.jpg"), limits).code == ErrorCode::too_large);
  limits.max_bytes = 1 << 20;
  limits.max_pixels = 317 * 241 - 1;
  CHECK(error_of(picture_file("jpeg_q30.jpg"), limits).message ==
        "JPEG is 317 x 241 = 76,397 pixels; the limit is 76,396");
  limits.max_pixels = 317 * 241;
  CHECK(preprocess_image(picture_file("jpeg_q30.jpg"), PreprocessConfig(), limits).ok());
}

TEST_CASE("a picture bomb of every format is refused by what its header says") {
  const std::string edge_le("\xA8\x61\0\0", 4);  // 25,000
  const std::string size = "25,000 x 25,000 = 625,000,000 pixels; the limit is 50,000,000";
  check_error(png_file(25000, 25000, ""), ErrorCode::too_large, "PNG is " + size);
  check_error(patched(bmp_file(4, 4, 0), 18, edge_le + edge_le), ErrorCode::too_large, "BMP is " + size);
  // A GIF's frame may be larger than its screen: both are counted.
  const std::string gif = picture_file("made_gif_nopal.gif");
  check_error(patched(gif, 6, "\xA8\x61\xA8\x61"), ErrorCode::too_large, "GIF is " + size);
  check_error(patched(gif, 18, "\xA8\x61\xA8\x61"), ErrorCode::too_large, "GIF is " + size);
  // JPEG: the frame header of pillow_hopper.jpg gives 128 x 128.
  std::string jpeg = picture_file("pillow_hopper.jpg");
  const std::size_t frame = jpeg.find(std::string("\xFF\xC0\x00\x11\x08\x00\x80\x00\x80", 9));
  REQUIRE(frame != std::string::npos);
  check_error(patched(jpeg, frame + 5, "\x61\xA8\x61\xA8"), ErrorCode::too_large, "JPEG is " + size);
  // WebP's canvas is 24 bits an edge, less one.
  const std::string webp = picture_file("pillow_made_webpanim.webp");
  REQUIRE(webp.substr(12, 4) == "VP8X");
  const std::string canvas("\xA7\x61\0\xA7\x61\0", 6);
  check_error(patched(webp, 24, canvas), ErrorCode::too_large, "WebP is " + size);
}

TEST_CASE("an edge of more than a million pixels is refused, however thin the picture") {
  check_error(png_file(1'000'001, 2, ""), ErrorCode::too_large,
              "PNG is 1,000,001 x 2 pixels; the limit for an edge is 1,000,000");
  check_error(png_file(0xFFFFFFFF, 0xFFFFFFFF, ""), ErrorCode::too_large,
              "PNG is 4,294,967,295 x 4,294,967,295 = 18,446,744,065,119,617,025 pixels; the limit is 50,000,000");
}

TEST_CASE("a window that no crop bounds is bounded all the same") {
  PreprocessConfig config;
  config.crop = false;
  const auto window = preprocess_image(bmp_file(80, 1, 9), config, ImageLimits());
  REQUIRE(window.ok());
  CHECK(window->width == 17920);
  const auto refused = preprocess_image(bmp_file(200'000, 1, 9), config, ImageLimits());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(refused.error().message ==
        "picture of 200,000 x 1 would be resized to 44,800,000 x 224 pixels; the limit is 4,194,304");
}

TEST_CASE("known foreign formats, and pictures still encoded as text, are named") {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> foreign{
      {"II*\0____"s, "is TIFF"},
      {"MM\0*____"s, "is TIFF"},
      {"\0\0\0\x18"
       "ftypmp42"s,
       "is MP4 video"},
      {"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "is SVG"},
      {"<?xml version=\"1.0\"?>", "is XML or SVG"},
      {"%PDF-1.7", "is PDF"},
      {"8BPS\0\1"s, "is Photoshop"},
      {"\0\0\1\0\1\0"s, "is an ICO icon"},
      {"RIFF\4\0\0\0WAVE"s, "is a RIFF file other than WebP"},
      {"RIFF", "is a RIFF file other than WebP"},
      {"data:image/png;base64,iVBORw0KGgo", "is a data URL"},
      {"/9j/4AAQSkZJRg==", "is base64 text"},
      {"iVBORw0KGgoAAAANSUhEUg==", "is base64 text"},
      {"AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWlj", "is base64 text"},
  };
  for (const auto& [bytes, name] : foreign) check_error(bytes, ErrorCode::unsupported, k_refusal + name);
}

TEST_CASE("BMP variants outside the common ones are refused by what is unusual") {
  const std::string bmp = bmp_file(4, 4, 0);
  check_error(patched(bmp, 14, "\x29"), ErrorCode::unsupported, "BMP has a header of 41 bytes, which is not read");
  check_error(patched(bmp, 28, "\x02"), ErrorCode::unsupported, "BMP has 2 bits a pixel, which is not read");
  check_error(patched(bmp, 30, "\x04"), ErrorCode::unsupported,
              "BMP has compression 4 at 24 bits a pixel, which is not read");
  check_error(patched(patched(bmp, 28, "\x10"), 30, "\x03"), ErrorCode::unsupported,
              "BMP has unusual bit fields, which is not read");
  check_error(patched(bmp, 18, "\xFB\xFF\xFF\xFF"), ErrorCode::invalid_argument, "BMP is broken: its width is -5");
  check_error(patched(bmp, 10, "\xFF\xFF\xFF\xFF"), ErrorCode::invalid_argument,
              "BMP ends after 102 of 4,294,967,343 bytes");
}

}  // namespace sightline::models
