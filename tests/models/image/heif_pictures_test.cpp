// HEIC and AVIF files that lie, and those of kinds that are not read.
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>

#include "models/image/heif_file.h"
#include "models/image/hevc_header.h"
#include "models/image/picture.h"
#include "picture_files.h"

namespace sightline::models {
namespace {

using namespace std::string_literals;

std::string big_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(number >> shift);
  return text;
}

std::string box(const std::string& type, const std::string& body) {
  return big_endian(body.size() + 8, 4) + type + body;
}

std::string full_box(const std::string& type, const std::string& body, unsigned version = 0) {
  return box(type, big_endian(std::uint64_t{version} << 24, 4) + body);
}

std::string item(unsigned id, const std::string& type) {
  return full_box("infe", big_endian(id, 2) + big_endian(0, 2) + type + "\0"s, 2);
}

/// A file whose item 1 has that type and, in `idat`, these data; `tiles` other items are its tiles.
std::string heif(const std::string& brand, const std::string& type, const std::string& data, unsigned tiles = 0,
                 const std::string& tile_type = "hvc1") {
  std::string items = item(1, type), references = big_endian(1, 2) + big_endian(tiles, 2);
  for (unsigned id = 2; id < tiles + 2; ++id) {
    items += item(id, tile_type);
    references += big_endian(id, 2);
  }
  const std::string locations = "\x44\0"s + big_endian(1, 2) + big_endian(1, 2) + big_endian(1, 2) + big_endian(0, 2) +
                                big_endian(1, 2) + big_endian(0, 4) + big_endian(data.size(), 4);
  const std::string properties = full_box("ispe", big_endian(64, 4) + big_endian(64, 4));
  const std::string meta =
      full_box("hdlr", std::string(4, '\0') + "pict" + std::string(13, '\0')) + full_box("pitm", big_endian(1, 2)) +
      full_box("iinf", big_endian(tiles + 1, 2) + items) + full_box("iloc", locations, 1) +
      full_box("iref", box("dimg", references)) +
      box("iprp", box("ipco", properties) + full_box("ipma", big_endian(1, 4) + big_endian(1, 2) + "\1\1")) +
      box("idat", data);
  return box("ftyp", brand + std::string(4, '\0') + "mif1") + full_box("meta", meta);
}

std::string layout(unsigned columns, unsigned rows, unsigned width, unsigned height) {
  return "\0\0"s + big_endian(rows - 1, 1) + big_endian(columns - 1, 1) + big_endian(width, 2) + big_endian(height, 2);
}

/// A picture of so many tiles of 64 x 64 pixels, each with its own copy of the data of one.
std::string tiled(unsigned columns, unsigned rows) {
  const std::string source = picture_file("heif_grid.heic");
  auto file = HeifFile::read(source, "HEIC");
  REQUIRE(file.ok());
  const auto grid = file->grid_of(file->primary());
  REQUIRE(grid.ok());
  const HeifFile::Id tile = grid->second.front();
  const auto data = file->data_of(tile);
  REQUIRE(data.ok());
  const unsigned tiles = columns * rows;
  const std::string picture = layout(columns, rows, columns * 64, rows * 64);
  const std::string properties = box("hvcC", std::string(file->property_of(tile, "hvcC"))) +
                                 full_box("ispe", big_endian(64, 4) + big_endian(64, 4));
  const auto location = [](unsigned id, unsigned construction, std::size_t offset, std::size_t bytes) {
    return big_endian(id, 2) + big_endian(construction, 2) + big_endian(0, 2) + big_endian(1, 2) +
           big_endian(offset, 4) + big_endian(bytes, 4);
  };
  const auto begin = [&](std::size_t data_at) {
    std::string items = item(1, "grid"), references = big_endian(1, 2) + big_endian(tiles, 2);
    std::string locations = "\x44\0"s + big_endian(tiles + 1, 2) + location(1, 1, 0, picture.size());
    std::string associations = big_endian(tiles, 4);
    for (unsigned i = 0; i < tiles; ++i) {
      const unsigned id = i + 2;
      items += item(id, "hvc1");
      references += big_endian(id, 2);
      locations += location(id, 0, data_at + i * data->size(), data->size());
      associations += big_endian(id, 2) + "\2\1\2"s;
    }
    return box("ftyp", "heic\0\0\0\0mif1"s) +
           full_box("meta", full_box("pitm", big_endian(1, 2)) + full_box("iinf", big_endian(tiles + 1, 2) + items) +
                                full_box("iloc", locations, 1) + full_box("iref", box("dimg", references)) +
                                box("iprp", box("ipco", properties) + full_box("ipma", associations)) +
                                box("idat", picture));
  };
  std::string all;
  for (unsigned i = 0; i < tiles; ++i) all += *data;
  return begin(begin(0).size() + 8) + box("mdat", all);
}

void check_refusal(const std::string& file, ErrorCode code, const std::string& message) {
  const auto refused = decode_picture(file, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == message);
  CHECK(refused.error().code == code);
  CHECK(picture_cost(file, {}).pixels == 0);
}

/// The file with the first `from` replaced.
std::string replaced(std::string file, const std::string& from, const std::string& to) {
  const std::size_t at = file.find(from);
  REQUIRE(at != std::string::npos);
  return file.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("thousands of tiles or items are refused before any is decoded") {
  check_refusal(heif("heic", "grid", layout(64, 64, 4096, 4096), 1900), ErrorCode::too_large,
                "HEIC has 64 x 64 = 4,096 tiles; the limit is 1,000");
  check_refusal(heif("avif", "grid", layout(50, 40, 4096, 4096), 1900), ErrorCode::too_large,
                "AVIF has 50 x 40 = 2,000 tiles; the limit is 1,000");
  check_refusal(heif("heic", "grid", layout(2, 2, 128, 128), 4000), ErrorCode::too_large,
                "HEIC has 4,001 items (tiles and the like); the limit is 2,000");
  check_refusal(heif("heic", "grid", layout(2, 2, 128, 128), 3), ErrorCode::invalid_argument,
                "HEIC is broken: it needs 2 x 2 tiles and has 3");
}

TEST_CASE("pictures of other codecs, overlays and sequences are named") {
  check_refusal(heif("heic", "iovl", "12345678"), ErrorCode::unsupported,
                "HEIC contains a picture of type [iovl]; HEVC (hvc1) and tiles of it are read");
  check_refusal(heif("mif1", "unci", "12345678"), ErrorCode::unsupported,
                "HEIC contains a picture of type [unci]; HEVC (hvc1) and tiles of it are read");
  check_refusal(heif("avif", "hvc1", "12345678"), ErrorCode::unsupported,
                "AVIF contains a picture of type [hvc1]; AV1 (av01) and tiles of it are read");
  check_refusal(heif("heic", "grid", layout(1, 2, 64, 128), 2, "jpeg"), ErrorCode::unsupported,
                "HEIC contains a picture of type [jpeg]; HEVC (hvc1) and tiles of it are read");
  check_refusal(box("ftyp", "hevc\0\0\0\0hevc"s) + box("moov", "track"), ErrorCode::unsupported,
                "HEIC is a sequence without a still picture");
}

TEST_CASE("lists that end early, or point elsewhere, are named") {
  const std::string good = heif("heic", "hvc1", "12345678");
  check_refusal(good, ErrorCode::invalid_argument, "HEIC is broken: its picture has no configuration (hvcC)");
  check_refusal(good.substr(0, good.size() - 20), ErrorCode::invalid_argument, "HEIC ends after 222 of 242 bytes");
  check_refusal(good.substr(0, 20), ErrorCode::invalid_argument,
                "HEIC ends after 20 bytes, before the list of its pictures (meta)");
  check_refusal(replaced(good, "infe", "free"), ErrorCode::invalid_argument,
                "HEIC is broken: its primary picture (item 1) does not exist");
  check_refusal(replaced(good, "pitm", "free"), ErrorCode::invalid_argument,
                "HEIC is broken: it names no primary picture (pitm)");
}

TEST_CASE("a coded picture that is larger than the limit is refused by its sequence header") {
  ImageLimits limits;
  limits.max_pixels = std::size_t{64} * 48 - 1;
  const auto refusal = [&](const char* name) {
    const auto refused = decode_picture(picture_file(name), limits);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::too_large);
    return refused.error().message;
  };
  // The encoder filled the picture up to 64 rows, and crops them.
  CHECK(refusal("heif_420.heic") == "HEIC is 64 x 64 = 4,096 pixels; the limit is 3,071");
  CHECK(refusal("heif_420.avif") == "AVIF is 64 x 48 = 3,072 pixels; the limit is 3,071");
  limits.max_pixels = std::size_t{64} * 48;
  CHECK(decode_picture(picture_file("heif_420.avif"), limits).ok());
}

TEST_CASE("a picture whose data end early is refused, and its format named") {
  for (const char* name : {"heif_420.heic", "heif_grid.heic"}) {
    const std::string file = picture_file(name);
    const auto refused = decode_picture(file.substr(0, file.size() - 10), {});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message ==
          "HEIC ends after " + grouped(file.size() - 10) + " of " + grouped(file.size()) + " bytes");
  }
  const std::string avif = picture_file("heif_420.avif");
  const auto refused = decode_picture(avif.substr(0, avif.size() - 10), {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message ==
        "AVIF ends after " + grouped(avif.size() - 10) + " of " + grouped(avif.size()) + " bytes");
}

TEST_CASE("data that items share, or that repeat a frame, do not multiply the work") {
  // Eight tiles, all of the same data: together more than the file has.
  const std::string file = picture_file("heif_grid.heic");
  const auto items = HeifFile::read(file, "HEIC");
  REQUIRE(items.ok());
  HeifFile copy = *items;
  const auto grid = copy.grid_of(copy.primary());
  REQUIRE(grid.ok());
  REQUIRE(grid->second.size() == 6);
  bool is_refused = false;
  for (int i = 0; i < 2000 && !is_refused; ++i) is_refused = !copy.data_of(grid->second.front()).ok();
  CHECK(is_refused);

  const std::string avif = picture_file("heif_420.avif");
  const auto av1 = HeifFile::read(avif, "AVIF");
  REQUIRE(av1.ok());
  HeifFile coded = *av1;
  const auto data = coded.data_of(coded.primary());
  REQUIRE(data.ok());
  // Frame headers (type 3) with a size of one byte each, before the picture: as many pictures to decode.
  std::string many;
  for (int i = 0; i < 40; ++i) many += "\x1A\1\0"s;
  const std::string longer = heif("avif", "av01", many + *data);
  check_refusal(longer, ErrorCode::too_large, "AVIF has more than 16 coded frames for one picture, the limit");
}

TEST_CASE("many tiles are decoded one after the other, as long as there is time") {
  const std::string file = tiled(20, 10);
  ImageLimits limits;
  const auto picture = decode_picture(file, limits);
  REQUIRE_MESSAGE(picture.ok(), (picture ? "" : picture.error().message));
  CHECK(picture->width() == 20 * 64);
  CHECK(picture->height() == 10 * 64);
  const std::size_t tile_row_bytes = std::size_t{3} * 64;
  for (std::size_t y = 0; y < 64; ++y) {
    const std::uint8_t* const row = picture->row(y);
    CHECK(std::equal(row, row + tile_row_bytes, picture->row(y + std::size_t{9} * 64) + 19 * tile_row_bytes));
  }
  limits.max_time = std::chrono::milliseconds(2);
  const auto refused = decode_picture(file, limits);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message ==
        "HEIC takes more than 2 ms to decode (--image-timeout): send it in a smaller size, or in another format");
}

TEST_CASE("a sequence gives its first frame") {
  const auto first = decode_picture(picture_file("heif_animated.avif"), {});
  REQUIRE(first.ok());
  CHECK(first->width() == 32);
}

TEST_CASE("AVIF is turned by its container where that is asked for, HEIC always") {
  ImageLimits upright;
  upright.apply_exif_orientation = true;
  const auto stored = decode_picture(picture_file("heif_orientation_6.avif"), {});
  const auto turned = decode_picture(picture_file("heif_orientation_6.avif"), upright);
  REQUIRE(stored.ok());
  REQUIRE(turned.ok());
  CHECK(stored->width() == 64);
  CHECK(turned->width() == 48);
  for (const auto& limits : {ImageLimits(), upright}) {
    const auto heic = decode_picture(picture_file("heif_orientation_6.heic"), limits);
    REQUIRE(heic.ok());
    CHECK(heic->width() == 48);
    CHECK(heic->height() == 64);
    CHECK(heic->orientation == 1);
  }
}

TEST_CASE("transparent pictures show a background where there is one") {
  ImageLimits limits;
  limits.background = std::array<std::uint8_t, 3>{10, 20, 30};
  for (const char* name : {"heif_alpha.heic", "heif_alpha.avif"}) {
    CAPTURE(name);
    const auto without = decode_picture(picture_file(name), {}), with = decode_picture(picture_file(name), limits);
    REQUIRE(without.ok());
    REQUIRE(with.ok());
    // The first pixel is transparent, as far as the encoder kept that.
    for (std::size_t c = 0; c < 3; ++c) CHECK(std::abs(with->row(0)[c] - (*limits.background)[c]) <= 4);
    CHECK_FALSE(std::equal(with->row(0), with->row(0) + with->size_bytes(), without->row(0)));
  }
}

TEST_CASE("a sequence header gives the size, the depth and the colours") {
  const auto items = HeifFile::read(std::string_view(), "HEIC");
  CHECK_FALSE(items.ok());
  const std::string bytes = picture_file("heif_10bit.heic");
  const auto file = HeifFile::read(bytes, "HEIC");
  REQUIRE(file.ok());
  const std::string_view configuration = file->property_of(file->primary(), "hvcC");
  const std::size_t at = configuration.find("\x42\1");  // an SPS
  REQUIRE(at != std::string_view::npos);
  const auto header = read_hevc_header(configuration.substr(at));
  REQUIRE(header);
  CHECK(header->width == 64);
  CHECK(header->height == 64);
  CHECK(header->bits == 10);
  CHECK(header->chroma_format == 1);
  for (std::size_t length = 0; length < 20; ++length) read_hevc_header(configuration.substr(at, length));
  CHECK_FALSE(read_hevc_header(configuration.substr(at, 10)));
}

}  // namespace sightline::models
