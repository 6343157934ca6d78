#include "models/model_folder/model_fingerprint.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/base/temporary_folder.h"
#include "tests/source_folder.h"

namespace sightline::models {
namespace {

namespace fs = std::filesystem;

/// A copy of a small model that a test may change.
class Copy {
 public:
  explicit Copy(const char* model = "clip-quick-gelu-f32") {
    fs::copy(source_folder() / "tests/fixtures/models" / model, path(), fs::copy_options::recursive);
  }
  fs::path path() const { return folder_.path() / "model"; }
  std::string fingerprint(const char* dtype = "float32", bool exif = false) const {
    return *model_fingerprint(path(), dtype, exif);
  }
  /// Turns over one bit of a file's last byte.
  void spoil(const char* name) const {
    const fs::path file = path() / name;
    fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(-1, std::ios::end);
    const char last = static_cast<char>(bytes.get() ^ 1);
    bytes.seekp(-1, std::ios::end);
    bytes.put(last);
  }

 private:
  TemporaryFolder folder_;
};

TEST_CASE("a fingerprint is of what is in a folder, not of where it is") {
  const Copy one, other;
  CHECK(one.fingerprint().size() == 16);
  CHECK(one.fingerprint().find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(one.fingerprint() == other.fingerprint());
  CHECK(one.fingerprint() != Copy("jina-clip-f32").fingerprint());
}

TEST_CASE("one bit of the weights, of a configuration or of a tokenizer changes a fingerprint") {
  const std::string whole = Copy().fingerprint();
  int tried = 0;
  for (const char* file :
       {"model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt"}) {
    const Copy copy;
    if (!fs::exists(copy.path() / file)) continue;
    CAPTURE(file);
    copy.spoil(file);
    CHECK(copy.fingerprint() != whole);
    ++tried;
  }
  CHECK(tried >= 4);
  const Copy copy;
  std::ofstream(copy.path() / "tokenizer.json", std::ios::app);  // there, if it was not
  const std::string before = copy.fingerprint();
  std::ofstream(copy.path() / "added_tokens.json") << "{}";
  CHECK(copy.fingerprint() == before);  // not read beside tokenizer.json
  fs::remove(copy.path() / "tokenizer.json");
  const std::string with_tokens = copy.fingerprint();
  fs::remove(copy.path() / "added_tokens.json");
  CHECK(copy.fingerprint() != with_tokens);
}

TEST_CASE("precision and EXIF turning change a fingerprint, the model card does not") {
  const Copy copy;
  const std::string whole = copy.fingerprint();
  CHECK(copy.fingerprint("bfloat16") != whole);
  CHECK(copy.fingerprint("float32", true) != whole);
  std::ofstream(copy.path() / "README.md") << "another card\n";
  CHECK(copy.fingerprint() == whole);
}

TEST_CASE("a folder without weights has no fingerprint, and the error says what is missing") {
  const Copy copy;
  fs::remove(copy.path() / "model.safetensors");
  CHECK_FALSE(model_fingerprint(copy.path(), "float32", false));
}

}  // namespace
}  // namespace sightline::models
