#include "server/security/secret_box.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <unistd.h>

#include "base/base64.h"

using namespace sightline;
using security::SecretBox;

namespace {

const std::string k_first(64, 'a'), k_second(64, 'b');

/// A file that is gone with the test.
struct KeyFile {
  explicit KeyFile(const std::string& text) {
    static int made = 0;
    path = std::filesystem::temp_directory_path() /
           ("sightline-key-" + std::to_string(getpid()) + "-" + std::to_string(++made));
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  }
  ~KeyFile() { std::filesystem::remove(path); }
  std::filesystem::path path;
};

SecretBox box_of(const std::string& text) {
  const KeyFile file(text);
  auto box = SecretBox::read(file.path);
  REQUIRE_MESSAGE(box.ok(), (box.ok() ? "" : box.error().message));
  return *box;
}

Error error_of(const std::string& text) {
  const KeyFile file(text);
  const auto box = SecretBox::read(file.path);
  REQUIRE(!box.ok());
  return box.error();
}

}  // namespace

TEST_CASE("a sealed secret opens again, shows nothing, and is another text each time") {
  const SecretBox box = box_of(k_first);
  const std::string words = "hush, not a word";  // never by chance within base64, which has no blanks
  for (const std::string& secret : {words, std::string(), std::string(100'000, '\0')}) {
    std::set<std::string> seen;
    for (int i = 0; i < 10; ++i) {
      const auto sealed = box.seal(secret, "endpoint:clip");
      REQUIRE(sealed.ok());
      CHECK(sealed->starts_with("v1:"));
      CHECK(sealed->find(words) == std::string::npos);
      CHECK(seen.insert(*sealed).second);
      const auto opened = box.open(*sealed, "endpoint:clip");
      REQUIRE(opened.ok());
      CHECK(*opened == secret);
    }
  }
}

TEST_CASE("a text sealed by another program after the same recipe opens") {
  // AES-256-GCM test case 16 of McGrew and Viega's specification.
  const SecretBox box = box_of("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const auto bytes = [](std::string_view hex) {
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return out;
  };
  const std::string sealed = bytes("cafebabefacedbaddecaf888") +
                             bytes(
                                 "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                                 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662") +
                             bytes("76fc6ece0f4e1768cddf8853bb2d551b");
  const auto opened = box.open("v1:" + base64_encode(sealed), bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
  REQUIRE(opened.ok());
  CHECK(*opened == bytes("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                         "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"));
}

TEST_CASE("a sealed secret does not open elsewhere, altered, cut, or with another key") {
  const SecretBox box = box_of(k_first);
  const std::string sealed = *box.seal("hush", "endpoint:clip");
  CHECK(box.open(sealed, "endpoint:other").error().code == ErrorCode::corrupt_data);
  CHECK(box_of(k_second).open(sealed, "endpoint:clip").error().message ==
        "the key of the secret key file does not decrypt it");
  CHECK(box.open("v2:" + sealed.substr(3), "endpoint:clip").error().code == ErrorCode::unsupported);
  const std::string raw = *base64_decode(sealed.substr(3));
  for (std::size_t i = 0; i < raw.size(); ++i) {
    std::string altered = raw;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    CHECK(!box.open("v1:" + base64_encode(altered), "endpoint:clip").ok());
    CHECK(!box.open("v1:" + base64_encode(std::string_view(raw).substr(0, i)), "endpoint:clip").ok());
  }
  CHECK(!box.open("v1:?", "endpoint:clip").ok());
  CHECK(!box.open("", "endpoint:clip").ok());
}

TEST_CASE("the first key seals and all keys open, so that a key can be changed") {
  const SecretBox old_box = box_of(k_second), both = box_of(k_first + "\n" + k_second + "\n");
  const std::string old_text = *old_box.seal("hush", "c"), new_text = *both.seal("hush", "c");
  CHECK(*both.open(old_text, "c") == "hush");
  CHECK(*both.open(new_text, "c") == "hush");
  CHECK(*box_of(k_first).open(new_text, "c") == "hush");
  CHECK(!old_box.open(new_text, "c").ok());
  const auto error = box_of(k_first + "\n" + std::string(64, 'c')).open(old_text, "c").error();
  CHECK(error.message == "none of the 2 keys of the secret key file decrypts it");
}

TEST_CASE("keys are read as hexadecimal or base64, with comments and blanks around them") {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes += '\xaa';
  const std::string sealed = *box_of(k_first).seal("hush", "c");
  CHECK(*box_of("# made today\r\n\n  " + base64_encode(bytes) + " \r\n").open(sealed, "c") == "hush");
  CHECK(*box_of(std::string(64, 'A')).open(sealed, "c") == "hush");
}

TEST_CASE("a key file that is missing, empty or wrong is refused without showing what is in it") {
  const auto missing = SecretBox::read("/nonexistent/key").error();
  CHECK(missing.code == ErrorCode::not_found);
  CHECK(missing.message ==
        "cannot read the secret key file /nonexistent/key: No such file or directory; make one with: "
        "openssl rand -hex 32 > FILE && "
        "chmod 600 FILE");
  CHECK(SecretBox::read(std::filesystem::temp_directory_path()).error().code == ErrorCode::not_found);
  CHECK(error_of("").message.find("holds no key") != std::string::npos);
  CHECK(error_of("# nothing\n").message.find("holds no key") != std::string::npos);
  for (const std::string& wrong : {std::string(63, 'a'), std::string(65, 'a'), std::string(63, 'a') + "g",
                                   std::string("correct horse battery staple")}) {
    const auto error = error_of(k_first + "\n" + wrong + "\n");
    CHECK(error.code == ErrorCode::invalid_argument);
    CHECK(error.message.find("line 2: a key must have 32 bytes") != std::string::npos);
    CHECK(error.message.find(wrong) == std::string::npos);
  }
}

TEST_CASE("a key file that others may read is used with a warning") {
  const KeyFile file(k_first);
  CHECK(SecretBox::read(file.path)->warning().empty());
  std::filesystem::permissions(file.path, std::filesystem::perms(0644));
  CHECK(SecretBox::read(file.path)->warning().find("chmod 600 " + file.path.string()) != std::string::npos);
}
