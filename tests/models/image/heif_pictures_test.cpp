// HEIC and AVIF files that lie, and those of kinds that are not read.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <doctest/doctest.h>
#include <vector>

#include "models/image/av1_header.h"
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

/// An item of a file that is made here; each property is a box.
struct Part {
  std::string type, data;
  std::vector<std::string> properties;
};

/// A file of these items, from 1, the first of which is the primary one; `references` are boxes.
std::string file_of(const std::string& brand, const std::vector<Part>& parts, const std::string& references = "") {
  std::string items, locations = "\x44\0"s + big_endian(parts.size(), 2), data, properties;
  std::string associations = big_endian(parts.size(), 4);
  unsigned id = 0, property = 0;
  for (const Part& part : parts) {
    items += item(++id, part.type);
    locations += big_endian(id, 2) + big_endian(1, 2) + big_endian(0, 2) + big_endian(1, 2) +
                 big_endian(data.size(), 4) + big_endian(part.data.size(), 4);
    data += part.data;
    associations += big_endian(id, 2) + big_endian(part.properties.size(), 1);
    for (const std::string& one : part.properties) {
      properties += one;
      associations += big_endian(++property, 1);
    }
  }
  const std::string meta = full_box("hdlr", std::string(4, '\0') + "pict" + std::string(13, '\0')) +
                           full_box("pitm", big_endian(1, 2)) + full_box("iinf", big_endian(parts.size(), 2) + items) +
                           full_box("iloc", locations, 1) + (references.empty() ? "" : full_box("iref", references)) +
                           box("iprp", box("ipco", properties) + full_box("ipma", associations)) + box("idat", data);
  return box("ftyp", brand + std::string(4, '\0') + "mif1" + brand) + full_box("meta", meta);
}

std::string size_box(unsigned width, unsigned height) {
  return full_box("ispe", big_endian(width, 4) + big_endian(height, 4));
}

/// The primary picture of a file, or its first tile.
Part coded_part(const std::string& name, const std::string& configuration) {
  const std::string source = picture_file(name);
  auto file = HeifFile::read(source, name);
  REQUIRE(file.ok());
  HeifFile::Id id = file->primary();
  if (file->type_of(id) == "grid") id = file->references(id, "dimg").front();
  const auto data = file->data_of(id);
  REQUIRE(data.ok());
  const auto edges = file->size_of(id);
  REQUIRE(edges);
  return {
      std::string(file->type_of(id)),
      *data,
      {box(configuration, std::string(file->property_of(id, configuration))), size_box(edges->first, edges->second)}};
}

std::string bytes_of_bits(const std::string& bits) {
  std::string bytes;
  for (std::size_t at = 0; at < bits.size(); at += 8)
    bytes += static_cast<char>(std::stoi(bits.substr(at, 8).append(8, '0').substr(0, 8), nullptr, 2));
  return bytes;
}

std::string bits_of(std::uint64_t number, int count) {
  std::string bits;
  for (int i = count - 1; i >= 0; --i) bits += (number >> i & 1) != 0 ? '1' : '0';
  return bits;
}

/// heif_animated.avif, 32 x 32, with another first picture.
std::string sequence_of(const std::string& first_picture) {
  std::string file = picture_file("heif_animated.avif");
  const std::size_t sizes = file.find("stsz") + 16, offset = file.find("stco") + 12;
  file = patched(file, sizes, big_endian(first_picture.size(), 4));
  const std::string second(0xB9, '\0');
  return patched(file, offset, big_endian(file.size() + 8, 4)) + box("mdat", first_picture + second);
}

/// The first picture of heif_animated.avif: its sequence header, and its frame.
struct FirstPicture {
  std::string header, frame;
};

FirstPicture first_picture() {
  const std::string file = picture_file("heif_animated.avif");
  const std::size_t at = file.find("\x12\0\x0A\x0D"s);
  REQUIRE(at != std::string::npos);
  return {file.substr(at + 4, 13), file.substr(at + 4 + 13, 0xC2 - 4 - 13)};
}

/// A key frame of that size that is not shown, in a sequence with `wide_header`.
std::string hidden_frame(unsigned width, unsigned height) {
  std::string bits = "000010101";  // a key frame that may be shown later, with its own size
  bits += bits_of(0, 7) + bits_of(1, 8) + bits_of(width - 1, 16) + bits_of(height - 1, 16) + "0";
  bits += std::string("1") + (width > 64 ? "0" : "") + (height > 64 ? "0" : "");  // one tile
  bits += bits_of(255, 8) + "000000";                                             // quantizers, no segments
  bits += bits_of(0, 16 + 16) + "00";                                             // filters, transforms
  constexpr std::size_t k_blocks = 8000;  // the decoder does not read beyond their end
  const std::string body = bytes_of_bits(bits) + std::string(k_blocks, '\0');
  const auto digit = [&](int shift, unsigned more) { return static_cast<char>((body.size() >> shift & 127) | more); };
  return std::string("\x32") + digit(0, 128) + digit(7, 0) + body;
}

/// The sequence header of heif_animated.avif, whose frames may give sizes of 16 bits.
std::string wide_header() {
  std::string bits;
  for (const char byte : first_picture().header) bits += bits_of(static_cast<std::uint8_t>(byte), 8);
  const std::string sizes = bits_of(4, 4) + bits_of(4, 4) + bits_of(31, 5) + bits_of(31, 5);
  REQUIRE(bits.substr(29, sizes.size()) == sizes);
  bits.replace(29, sizes.size(), bits_of(15, 4) + bits_of(15, 4) + bits_of(31, 16) + bits_of(31, 16));
  const std::string body = bytes_of_bits(bits);
  return "\x0A" + big_endian(body.size(), 1) + body;
}

/// A body of `hvcC` with one sequence header, for a picture of `coded` x `coded` pixels of which `edge` x `edge` remain.
std::string configuration_of(unsigned coded, unsigned edge) {
  std::string bits = "00000001" + std::string(96, '1');
  const auto code = [&](unsigned number) {
    std::string digits;
    for (unsigned rest = number + 1; rest != 0; rest /= 2) digits.insert(0, 1, rest % 2 == 0 ? '0' : '1');
    bits += std::string(digits.size() - 1, '0') + digits;
  };
  for (const unsigned number : {0u, 1u, coded, coded}) code(number);
  bits += '1';
  for (const unsigned number : {0u, (coded - edge) / 2, 0u, (coded - edge) / 2, 0u, 0u}) code(number);
  const std::string header = "\x42\1" + bytes_of_bits(bits);
  return std::string(21, '\1') + "\3\1\x21\0\1"s + big_endian(header.size(), 2) + header;
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

TEST_CASE("AVIF is refused if its sequence header gives another size than its container") {
  const std::string avif = picture_file("heif_420.avif");
  check_refusal(replaced(avif, size_box(64, 48), size_box(32, 24)), ErrorCode::invalid_argument,
                "AVIF is broken: its sequence header gives 64 x 48 pixels, and its container 32 x 24");
  check_refusal(replaced(avif, size_box(64, 48), size_box(640, 480)), ErrorCode::invalid_argument,
                "AVIF is broken: its sequence header gives 64 x 48 pixels, and its container 640 x 480");
  // Filled up to a whole block.
  CHECK(decode_picture(replaced(avif, size_box(64, 48), size_box(63, 47)), {}).ok());

  // The size of a sequence's track.
  std::string sequence = picture_file("heif_animated.avif");
  const std::string size = "\0\x20\0\0\0\x20\0\0"s;
  for (std::size_t at; (at = sequence.find(size)) != std::string::npos;)
    sequence.replace(at, size.size(), "\0\x10\0\0\0\x10\0\0"s);
  const auto refused = decode_picture(sequence, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message ==
        "AVIF is broken: its sequence header gives 32 x 32 pixels, and its container 16 x 16");
}

TEST_CASE("each coded picture of an AVIF file is checked, whichever is decoded") {
  const Part good = coded_part("heif_420.avif", "av1C");
  CHECK(decode_picture(file_of("avif", {good, good}), {}).ok());
  Part repeated = good;
  for (int i = 0; i < 40; ++i) repeated.data.insert(0, "\x1A\1\0"s);
  check_refusal(file_of("avif", {good, repeated}), ErrorCode::too_large,
                "AVIF has more than 16 coded frames for one picture, the limit");
  Part without = good;
  without.data = "\x12\0"s;
  check_refusal(file_of("avif", {good, without}), ErrorCode::invalid_argument,
                "AVIF is broken: item 2 has no sequence header");
  without.properties.pop_back();
  check_refusal(file_of("avif", {good, without}), ErrorCode::invalid_argument,
                "AVIF is broken: item 2 has no size (ispe)");

  ImageLimits limits;
  limits.max_pixels = std::size_t{64} * 48;
  CHECK(decode_picture(file_of("avif", {good, good, good, good}), limits).ok());
  const auto refused = decode_picture(file_of("avif", {good, good, good, good, good}), limits);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "AVIF has pictures of 15,360 pixels together; the limit is 12,288");

  // Each frame costs as much as a picture.
  Part twice = good;
  twice.data.insert(0, "\x1A\1\0"s);
  CHECK(picture_cost(file_of("avif", {good}), {}).pixels == 64 * 48 * 2);
  CHECK(picture_cost(file_of("avif", {twice}), {}).pixels == 64 * 48 * 2 * 2);
}

TEST_CASE("AV1's sequence header gives the size and the depth") {
  struct Case {
    const char* name;
    int bits;
    unsigned half_samples;
  };
  for (const Case& test :
       {Case{"heif_420.avif", 8, 3}, Case{"heif_422.avif", 8, 4}, Case{"heif_444.avif", 8, 6},
        Case{"heif_grey.avif", 8, 2}, Case{"heif_10bit.avif", 10, 3}, Case{"heif_10bit_444.avif", 10, 6},
        Case{"heif_10bit_grey.avif", 10, 2}, Case{"heif_12bit.avif", 12, 3}, Case{"heif_12bit_422.avif", 12, 4},
        Case{"heif_12bit_444.avif", 12, 6}, Case{"heif_12bit_grey.avif", 12, 2}, Case{"heif_gbr.avif", 8, 6}}) {
    CAPTURE(test.name);
    const std::string data = coded_part(test.name, "av1C").data;
    REQUIRE(data.substr(0, 3) == "\x12\0\x0A"s);
    const std::string_view unit = std::string_view(data).substr(4, static_cast<std::uint8_t>(data[3]));
    const auto header = read_av1_header(unit);
    REQUIRE(header);
    CHECK(header->width == 64);
    CHECK(header->height == 48);
    CHECK(header->most_frame_pixels == 64 * 48);
    CHECK(header->bits == test.bits);
    CHECK(header->half_samples == test.half_samples);
    for (std::size_t length = 0; length < 6; ++length) CHECK_FALSE(read_av1_header(unit.substr(0, length)));
  }
  // Of a picture in a sequence: frames may give their own size, of up to five bits along an edge.
  const std::string sequence = picture_file("heif_animated.avif");
  const std::size_t at = sequence.find("\x12\0\x0A"s);
  REQUIRE(at != std::string::npos);
  const auto header = read_av1_header(std::string_view(sequence).substr(at + 4, 64));
  REQUIRE(header);
  CHECK(header->width == 32);
  CHECK(header->height == 32);
  CHECK(header->most_frame_pixels == 32 * 32);
  CHECK(header->half_samples == 3);
}

TEST_CASE("frames of a sequence before the first picture are few, and no larger than it") {
  const FirstPicture first = first_picture();
  const std::string start = "\x12\0"s, plain = "\x0A\x0D" + first.header;
  const auto refusal = [](const std::string& picture) {
    const auto refused = decode_picture(sequence_of(picture), {});
    REQUIRE_FALSE(refused.ok());
    return refused.error().message;
  };
  CHECK(decode_picture(sequence_of(start + plain + first.frame), {}).ok());
  CHECK(decode_picture(sequence_of(start + wide_header() + first.frame), {}).ok());
  CHECK(decode_picture(sequence_of(start + wide_header() + hidden_frame(32, 32) + first.frame), {}).ok());
  CHECK(refusal(start + wide_header() + hidden_frame(4096, 2304) + first.frame).starts_with("AVIF is broken: "));

  std::string many;
  for (int i = 0; i < 4; ++i) many += "\x1A\1\0"s;
  CHECK(refusal(start + plain + many + first.frame) == "AVIF has more than 4 coded frames for one picture, the limit");
}

TEST_CASE("a sequence whose pictures have more samples than its container gives is refused") {
  std::string file = picture_file("heif_animated.avif");
  const std::string given = "av1C\x81\0\x0C\0"s, grey = "av1C\x81\0\x1C\0"s;
  for (std::size_t at; (at = file.find(given)) != std::string::npos;) file.replace(at, grey.size(), grey);
  const auto refused = decode_picture(file, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message ==
        "AVIF is broken: its sequence header gives more colours or a greater depth than its container (av1C)");
}

TEST_CASE("frames that the decoder keeps for later ones cost memory, sizes of other items do not") {
  const Part good = coded_part("heif_420.avif", "av1C");
  const auto bytes = [](const Part& part) { return picture_cost(file_of("avif", {part}), {}).bytes; };
  const std::size_t one = bytes(good), frame = std::size_t{64} * 48 * 3 / 2;
  Part more = good;
  more.data.insert(0, "\x1A\1\0"s);
  CHECK(bytes(more) == one + frame);
  for (int i = 0; i < 7; ++i) more.data.insert(0, "\x1A\1\0"s);
  CHECK(bytes(more) == one + 8 * frame);
  for (int i = 0; i < 7; ++i) more.data.insert(0, "\x1A\1\0"s);
  CHECK(bytes(more) == one + 8 * frame);  // no more than eight are kept

  // A size of an item of another kind does not let frames be as large.
  Part wide = good;
  const std::size_t header = wide.data.find("\x12\0\x0A"s);
  REQUIRE(header == 0);
  const std::size_t length = static_cast<std::uint8_t>(wide.data[3]);
  const Part other{"hvc1", "data", {size_box(7000, 7000)}};
  wide.data = "\x12\0"s + wide_header() + wide.data.substr(4 + length);
  wide.properties.back() = size_box(32, 32);
  CHECK(picture_cost(file_of("avif", {wide, other}), {}).pixels == 32 * 32 * 2);
}

TEST_CASE("a long list of a sequence's frames is refused") {
  const std::string file = box("ftyp", "avis\0\0\0\0avis"s) + box("moov", std::string(256 << 10, '\0'));
  check_refusal(file, ErrorCode::too_large, "AVIF has a list of frames (moov) of 262,152 bytes; the limit is 262,144");
}

TEST_CASE("the positions of unknown items cost no time") {
  const std::uint64_t entries = 100'000;
  std::string locations = "\0\0"s + big_endian(entries, 4);
  for (std::uint64_t i = 0; i < entries; ++i)
    locations += big_endian(99, 4) + big_endian(0, 4) + big_endian(1000, 2);  // parts of no bytes
  const std::string file =
      box("ftyp", "heic\0\0\0\0mif1"s) +
      full_box("meta", full_box("pitm", big_endian(1, 2)) + full_box("iinf", big_endian(1, 2) + item(1, "hvc1")) +
                           full_box("iloc", locations, 2));
  const std::clock_t begin = std::clock();
  check_refusal(file, ErrorCode::invalid_argument, "HEIC is broken: its picture has no configuration (hvcC)");
  CHECK(std::clock() - begin < CLOCKS_PER_SEC / 2);  // a hundred million steps twice
}

TEST_CASE("slices that repeat are refused before they are decoded") {
  Part part = coded_part("heif_grid.heic", "hvcC");
  REQUIRE(decode_picture(file_of("heic", {part}), {}).ok());
  const std::string slice = big_endian(4, 4) + "\x26\1\x20\0"s;  // not the first one of a frame
  std::string few = part.data, many = part.data;
  for (int i = 0; i < 17; ++i) few += slice;
  for (int i = 0; i < 600; ++i) many += slice;
  part.data = many;
  const auto refusal = [&](std::size_t max_pixels) {
    ImageLimits limits;
    limits.max_pixels = max_pixels;
    const auto refused = decode_picture(file_of("heic", {part}), limits);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::too_large);
    return refused.error().message;
  };
  CHECK(refusal(50'000'000) == "HEIC has too many slices for one picture");
  part.data = few;
  CHECK(refusal(std::size_t{64} * 64) == "HEIC has too many slices for one picture");
}

TEST_CASE("a tile may not be coded larger than the first one") {
  const Part tile = coded_part("heif_grid.heic", "hvcC");
  Part larger = tile;
  larger.properties.front() = box("hvcC", configuration_of(4096, 64));
  const auto grid_of = [&](const Part& second) {
    return file_of("heic", {{"grid", layout(2, 1, 128, 64), {}}, tile, second},
                   box("dimg", big_endian(1, 2) + big_endian(2, 2) + big_endian(2, 2) + big_endian(3, 2)));
  };
  CHECK(decode_picture(grid_of(tile), {}).ok());
  const auto refused = decode_picture(grid_of(larger), {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "HEIC is broken: its tiles differ in size or format");
}

TEST_CASE("tiles that are cropped between samples of chroma are named, and such a crop has its cost") {
  const Part whole = coded_part("heif_grid.heic", "hvcC");
  Part tile = whole;
  std::string crop;  // 62 columns from the second one
  for (const unsigned number : {62u, 1u, 64u, 1u, 0u, 1u, 0u, 1u}) crop += big_endian(number, 4);
  tile.properties.push_back(box("clap", crop));
  const std::string grid = file_of("heic", {{"grid", layout(1, 1, 62, 64), {}}, tile},
                                   box("dimg", big_endian(1, 2) + big_endian(1, 2) + big_endian(2, 2)));
  const auto refused = decode_picture(grid, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::unsupported);
  CHECK(refused.error().message == "HEIC has tiles that are turned or cropped at odd positions, which is not read");
  const auto bytes = [](const Part& part) { return picture_cost(file_of("heic", {part}), {}).bytes; };
  CHECK(bytes(tile) >= bytes(whole) + std::size_t{64} * 64 * 6);
}

TEST_CASE("an alpha of another size is not decoded, and one of the same size has its cost") {
  const Part picture = coded_part("heif_grid.heic", "hvcC");
  const std::string kind = full_box("auxC", "urn:mpeg:hevc:2015:auxid:1\0"s);
  const std::string reference = box("auxl", big_endian(2, 2) + big_endian(1, 2) + big_endian(1, 2));
  ImageLimits limits;
  limits.background = Background{10, 20, 30};
  const Part other{"hvc1", "no picture", {box("hvcC", configuration_of(4096, 4096)), kind}};
  const std::string with_other = file_of("heic", {picture, other}, reference);
  CHECK(decode_picture(with_other, limits).ok());
  CHECK(picture_cost(with_other, limits).pixels == 64 * 64 * 4);

  Part alpha = picture;
  alpha.properties.push_back(kind);
  const std::string with_alpha = file_of("heic", {picture, alpha}, reference);
  CHECK(decode_picture(with_alpha, limits).ok());
  CHECK(picture_cost(with_alpha, limits).pixels == 64 * 64 * 4 * 2);
  CHECK(picture_cost(with_alpha, {}).pixels == 64 * 64 * 4);
}

TEST_CASE("long configurations of HEIC are refused") {
  Part part = coded_part("heif_grid.heic", "hvcC");
  part.properties.front() = box("hvcC", std::string(300'000, '\0'));
  check_refusal(file_of("heic", {part}), ErrorCode::too_large,
                "HEIC has a configuration (hvcC) of 300,000 bytes; the limit is 262,144");
  std::string configuration = configuration_of(64, 64);
  const std::string header = configuration.substr(26);  // its length, and itself
  configuration = configuration.substr(0, 24) + big_endian(256, 2);
  for (int i = 0; i < 256; ++i) configuration += header;
  part.properties.front() = box("hvcC", configuration);
  check_refusal(file_of("heic", {part}), ErrorCode::invalid_argument,
                "HEIC is broken: its configuration (hvcC) has more than 255 parameter sets");
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
