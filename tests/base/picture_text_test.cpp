// Data URLs, kinds of files, and what a string is.
#include "base/picture_text.h"

#include <doctest/doctest.h>
#include <string>

#include "base/base64.h"
#include "base/data_url.h"
#include "base/file_kind.h"

using namespace sightline;
using namespace std::string_view_literals;

namespace {

const std::string k_jpeg("\xFF\xD8\xFF\xE0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xFF\xDB\0C\0+/>?\0\0\0\0\0\0\0"sv);
const std::string k_payload = base64_encode(k_jpeg);

std::string decoded(const std::string& text) {
  const auto url = read_data_url(text);
  REQUIRE(url);
  const auto bytes = decode_payload(*url);
  REQUIRE_MESSAGE(bytes.ok(), bytes.error().message);
  return *bytes;
}

std::string url_safe(std::string text) {
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

}  // namespace

TEST_CASE("a data URL is read whatever its header holds besides ;base64") {
  const std::string long_name(3000, 'x');
  for (const std::string header :
       {"data:image/jpeg;base64", "data:;base64", "data:application/octet-stream;base64", "DATA:IMAGE/JPEG;BASE64",
        "data:image/jpeg;charset=utf-8;base64", "data:image/jpeg; name=my house.jpg ;base64",
        "data:image/jpeg;name=\"a,b;c.jpg\";base64", "data:image/jpeg;name=a,b.jpg;base64", "data:image/jpeg; base64 ",
        "data: image/jpeg ;base64", "data:image/jpeg;base64;charset=utf-8", "data:base64", "data:house;base64"}) {
    CAPTURE(header);
    CHECK(decoded(header + "," + k_payload) == k_jpeg);
  }
  CHECK(decoded("data:image/jpeg;name=" + long_name + ";base64," + k_payload) == k_jpeg);
  for (const char* before : {" ", "\n", "\r\n\t", "\xEF\xBB\xBF", "\xEF\xBB\xBF\n"}) {
    CHECK(decoded(before + ("data:image/jpeg;base64," + k_payload) + "\n ") == k_jpeg);
  }
}

TEST_CASE("a payload may have whitespace, the URL-safe alphabet and percent-encoding") {
  const std::string header = "data:image/jpeg;base64,";
  CHECK(decoded(header + " " + k_payload.substr(0, 10) + "\r\n\t" + k_payload.substr(10)) == k_jpeg);
  CHECK(decoded(header + url_safe(k_payload)) == k_jpeg);
  CHECK(decoded(header + k_payload.substr(0, k_payload.find('='))) == k_jpeg);
  std::string encoded;
  for (const char c : k_payload) encoded += c == '+' ? "%2B" : c == '/' ? "%2f" : c == '=' ? "%3D" : std::string(1, c);
  CHECK(decoded(header + encoded) == k_jpeg);
  CHECK(decoded("data:image/jpeg,%FF%D8%FF%e0+x") == "\xFF\xD8\xFF\xE0+x");
  CHECK(decoded("data:text/plain,a%20house") == "a house");
  CHECK(decoded("data:,") == "");
}

TEST_CASE("a data URL without its comma is one all the same, and broken") {
  for (const std::string text : {"data:image/jpeg;base64", "data:image/png;base64iVBORw0KGgo", "data:;base64"}) {
    const auto url = read_data_url(text);
    REQUIRE(url);
    CHECK_FALSE(url->has_comma);
    CHECK(decode_payload(*url).error().message.find("no comma") != std::string::npos);
  }
  CHECK(read_data_url("data:" + k_payload));
}

TEST_CASE("a text that begins with data: stays a text") {
  for (const char* text :
       {"data:", "data", "data: the house has two rooms, a garden and a pool", "Data: 3 rooms, 80 m2",
        "data:house,garden", "data:rooms/baths,3", "data:image/", "data:image/png",
        "data:image/png is how such a URI begins, ;base64 or not", "data;base64,AAAA", "metadata:image/png;base64,AAAA",
        "data:text, and more", "data: image/png, a format of pictures"}) {
    CAPTURE(text);
    CHECK_FALSE(read_data_url(text));
    CHECK(kind_of_text(text) == TextKind::text);
  }
}

TEST_CASE("invalid base64 is refused with its offset, and spaces that replaced + are named") {
  const auto fault = [](const std::string& text) { return decode_payload(*read_data_url(text)).error().message; };
  CHECK(fault("data:;base64,AA*A") == "not base64: '*' at offset 2");
  CHECK(fault("data:;base64,AAAAA") == "not base64: the last group of the 5 characters is incomplete");
  std::string lost = k_payload + k_payload.substr(0, 40);
  std::erase(lost, '=');
  for (char& c : lost) c = c == '+' ? 'A' : c;
  lost[7] = lost[33] = lost[60] = ' ';
  CHECK(fault("data:;base64," + lost).find("where + was") != std::string::npos);
  lost[20] = '+';
  CHECK(fault("data:;base64," + lost).find("where + was") == std::string::npos);
}

TEST_CASE("lines of one length may end in a space") {
  std::string lines;
  for (int i = 0; i < 5; ++i) lines += std::string(76, 'A') + " ";
  CHECK(base64_decode_leniently(lines + "AAAA").value() == std::string(288, '\0'));
  CHECK(base64_decode_leniently("\n    " + std::string(76, 'A') + "\n    " + std::string(40, 'A')).ok());
}

TEST_CASE("bare base64 of a picture is detected by its beginning, short or other text is not") {
  CHECK(kind_of_text(k_payload) == TextKind::base64_picture);
  CHECK(kind_of_text("\n" + k_payload.substr(0, 20) + "\n" + k_payload.substr(20)) == TextKind::base64_picture);
  CHECK(kind_of_text(url_safe(k_payload)) == TextKind::base64_picture);
  CHECK(kind_of_text("/9j/4AAQSkZJRg") == TextKind::text);
  CHECK(kind_of_text(std::string(4000, 'A')) == TextKind::text);
  CHECK(kind_of_text("") == TextKind::text);
}

TEST_CASE("links to pictures are distinguished from texts about them") {
  for (const char* address :
       {"https://x.org/house.jpg", "HTTP://x.org/house", "s3://bucket/a/house.png", "gs://b/h", "file:///home/me/h.png",
        "file:/home/h.png", "/home/me/house.jpg", "/home/me/my house.JPEG", "C:\\pics\\my house.jpg", "c:/pics/h.webp",
        "\\\\server\\share\\h.gif", "./h.bmp", "../h.heic", "~/h.avif", "house.jpg", "photos/house.TIFF",
        "  https://x.org/house.jpg\n"}) {
    CAPTURE(address);
    CHECK(is_picture_address(address));
    CHECK(kind_of_text(address) == TextKind::picture_address);
  }
  for (const char* text :
       {"a photo of a house", "house", ".jpg", "my house.jpg", "see https://x.org/house.jpg", "/home/me/notes.txt",
        "jpg", "and/or", "C:\\pics", "://", "house.jpg is mine", "a/b", "what is a .png"}) {
    CAPTURE(text);
    CHECK_FALSE(is_picture_address(text));
  }
}

TEST_CASE("formats are detected from 30 bytes, and not from fewer") {
  std::string png("\x89PNG\r\n\x1A\n");
  CHECK(picture_format(png) == PictureFormat::png);
  CHECK_FALSE(sure_picture_format(png));
  png.resize(30);
  CHECK(sure_picture_format(png) == PictureFormat::png);
  CHECK_FALSE(sure_picture_format(std::string(30, '\0')));
  CHECK_FALSE(sure_picture_format("BM and some more bytes that are no header"));
}

TEST_CASE("HEIC and AVIF are detected by their brands") {
  const auto file = [](const std::string& brand, const std::string& others = "") {
    return std::string("\0\0\0", 3) + static_cast<char>(16 + others.size()) + "ftyp" + brand + std::string(4, '\0') +
           others;
  };
  for (const char* brand : {"heic", "heix", "hevc", "mif1", "msf1"})
    CHECK(picture_format(file(brand)) == PictureFormat::heic);
  for (const char* brand : {"avif", "avis"}) CHECK(picture_format(file(brand)) == PictureFormat::avif);
  CHECK(picture_format(file("mif1", "miafavif")) == PictureFormat::avif);
  CHECK(picture_format(file("mif1", "miafheic")) == PictureFormat::heic);
  CHECK_FALSE(picture_format(file("mp42")));
  CHECK_FALSE(picture_format(file("isom", "avif")));
  CHECK_FALSE(
      picture_format("\0\0\0\x1C"
                     "ftyphei"sv));
  CHECK(media_type_of(PictureFormat::heic) == "image/heic");
  CHECK(name_of(PictureFormat::avif) == "avif");
  // A text that is not declared to be a picture must have a plausible first box.
  CHECK(sure_picture_format(file("heic", "mif1heicmiafMiHB")) == PictureFormat::heic);
  CHECK_FALSE(sure_picture_format("very" + file("heic", "mif1heicmiafMiHB").substr(4)));
  CHECK(base64_picture_format(base64_encode(file("avif", "avifmif1miafMA1B"))) == PictureFormat::avif);
  CHECK_FALSE(base64_picture_format("AAAA and some more words that are no picture at all"));
}

TEST_CASE("other kinds of files are named by their first bytes") {
  CHECK(other_kind("%PDF-1.7") == "PDF");
  CHECK(other_kind("\0\0\0\x1C"
                   "ftypmp42"sv) == "MP4 video");
  CHECK(other_kind("\xEF\xBB\xBF\n <!DOCTYPE HTML>") == "HTML");
  CHECK(other_kind("  <SVG xmlns=") == "SVG");
  CHECK(other_kind("version https://git-lfs.github.com/spec/v1\n") == "a Git LFS pointer");
  CHECK_FALSE(other_kind("a house"));
}
