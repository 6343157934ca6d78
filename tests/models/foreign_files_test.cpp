// What downloads and clones leave where a model's files should be.
#include <doctest/doctest.h>
#include <string>

#include "models/embedder.h"
#include "models/files/foreign_file.h"
#include "models/files/json_file.h"
#include "models/model_folder/checkpoint.h"
#include "models/tokenizer/tokenizer.h"
#include "tests/base/has_text.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;
using namespace std::string_literals;

namespace {

// As `git clone` leaves it where Git LFS is not installed:
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
const std::string k_pointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:0000000000000000000000000000000000000000000000000000000000000000\nsize 605157884\n";

std::string fault(const std::string& name, const std::string& content) {
  const TemporaryFolder folder;
  folder.write(name, content);
  const auto opened = read_text_file(folder.path() / name, 1 << 20);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == ErrorCode::corrupt_data);
  CHECK(opened.error().message.starts_with((folder.path() / name).string() + " is "));
  return opened.error().message;
}

/// A model of the fixtures, with one file replaced.
std::string load_fault(const std::string& name, const std::string& content) {
  const TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(fixture("clip-quick-gelu-f32")))
    folder.write(entry.path().filename().string(), content_of(entry.path()));
  folder.write(name, content);
  Embedder::Options options;
  options.folder = folder.path().string();
  const auto loaded = Embedder::load(options);
  REQUIRE_FALSE(loaded.ok());
  return loaded.error().message;
}

}  // namespace

TEST_CASE("a Git LFS pointer is named in place of every file of a model, with the way to the file") {
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"}) {
    CAPTURE(name);
    const std::string message = load_fault(name, k_pointer);
    has(message, std::string(name) + " is a Git LFS pointer and not the file itself");
    has(message, "git lfs pull");
    has(message, "605157884 bytes");
  }
}

TEST_CASE("other files in place of a model's are named by what they are") {
  has(fault("config.json", "<!DOCTYPE html><html>"), "is a web page (HTML): the download returned a page");
  has(fault("config.json", "\n<html lang=en>"), "is a web page");
  has(fault("tokenizer.json", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"), "XML");
  has(fault("model.safetensors", "PK\3\4\x14\0\0\0\x08\0"s + "model/config.json"), "is a ZIP archive: extract it");
  has(fault("model.safetensors", "PK\3\4\0\0\x08\x08\0\0\0\0"s + "archive/data.pkl"),
      "is a PyTorch checkpoint (a pickle");
  has(fault("model.safetensors", "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19."s),
      "is a PyTorch checkpoint");
  has(fault("model.safetensors", "\x1F\x8B\x08\0\0\0\0\0\0\x03"s), "is compressed with gzip: extract it");
  has(fault("model.safetensors", "GGUF\3\0\0\0"s), "is a file of the format GGUF");
  has(fault("model.safetensors", "\x89HDF\r\n\x1A\n"), "is a file of the format HDF5");
  has(fault("vocab.txt", ""), "is empty (0 bytes): its download failed");
}

TEST_CASE("a hub's error text is shown, with what a gated model takes") {
  const std::string gated =
      "Access to model google/siglip2 is restricted and you are not in the authorized list. Visit ... to "
      "ask.";
  has(fault("config.json", gated), "is the error text of a model hub, \"Access to model google/siglip2 is restricted");
  has(fault("config.json", "{\"error\":\"" + gated + "\"}"), "for a gated model, accept its licence");
  has(fault("config.json", "Entry not found"), "\"Entry not found\"");
  has(fault("model.safetensors", "Invalid username or password."), "HF_TOKEN");
}

TEST_CASE("a true file is not taken for another kind by chance") {
  const auto accepts = [](const std::string& bytes) {
    return refuse_foreign_file("model.safetensors", bytes, bytes.size()).ok();
  };
  // Headers of 35,615 and 640 bytes: the lengths are the marks of gzip and of a pickle.
  CHECK(accepts("\x1F\x8B\0\0\0\0\0\0{\"a\":"s));
  CHECK(accepts("\x80\x02\0\0\0\0\0\0{\"a\":"s));
  CHECK(accepts("{\"model_type\":\"clip\"}"));
  CHECK(accepts("#version: 0.2\ni n\n"));
  CHECK(accepts("\n\x0E\n\5<unk>\x15\0\0\0\0\x18\2"s));  // spiece.model
  CHECK(accepts("[PAD]\n[unused0]\n"));
}

TEST_CASE("a folder of another layout is named with the folder or file to take") {
  const TemporaryFolder folder;
  folder.write("modules.json", "[{\"idx\":0,\"path\":\"0_CLIPModel\"}]");
  std::filesystem::create_directory(folder.path() / "0_CLIPModel");
  folder.write("0_CLIPModel/config.json", "{\"model_type\":\"clip\"}");
  Embedder::Options options;
  options.folder = folder.path().string();
  const auto loaded = Embedder::load(options);
  REQUIRE_FALSE(loaded.ok());
  has(loaded.error().message, "is a folder of sentence-transformers (modules.json)");
  has(loaded.error().message, (folder.path() / "0_CLIPModel").string() + "; use that folder");

  const TemporaryFolder flax;
  flax.write("config.json", "{\"model_type\":\"clip\"}");
  flax.write("flax_model.msgpack", "x");
  has(Checkpoint::open(flax.path()).error().message, "has its weights only as flax_model.msgpack");
}
