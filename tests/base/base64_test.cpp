#include "base/base64.h"

#include <doctest/doctest.h>

#include "base/sha256.h"

using namespace sightline;

TEST_CASE("RFC 4648's test vectors encode and decode") {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : vectors) {
    CHECK(base64_encode(std::string_view(plain)) == encoded);
    CHECK(base64_decode(encoded).value() == plain);
  }
}

TEST_CASE("every byte value survives the round trip at every length of the last group") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  for (const std::size_t length : {253, 254, 255, 256}) {
    CHECK(base64_decode(base64_encode(bytes.substr(0, length))).value() == bytes.substr(0, length));
  }
}

TEST_CASE("padding may be absent and line breaks are skipped") {
  CHECK(base64_decode("Zm9vYg").value() == "foob");
  CHECK(base64_decode("Zm9v\r\nYmFy\n").value() == "foobar");
  CHECK(base64_decode("Z\nm9vYg==\n").value() == "foob");
}

TEST_CASE("what is not base64 is refused, naming the offset") {
  CHECK(base64_decode("Zm9v!mFy").error().message == "not base64: '!' at offset 4");
  CHECK(base64_decode("Zm9vYg==x").error().message == "not base64: 'x' at offset 8");
  CHECK(base64_decode("Zm9v\x01").error().message == "not base64: byte 1 at offset 4");
  CHECK_FALSE(base64_decode("Z").ok());
  CHECK_FALSE(base64_decode("Zg=").ok());
  CHECK_FALSE(base64_decode("Zg===").ok());
  CHECK_FALSE(base64_decode("====").ok());
  CHECK_FALSE(base64_decode("Zm9v_-8=").ok());
}

TEST_CASE("SHA-256 gives the published digest") {
  Sha256 parts;
  parts.update(std::string_view("a"));
  parts.update(std::string_view());
  parts.update(std::string_view("bc"));
  CHECK(parts.finish_hex() == sha256_hex("abc"));
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
