// A model whose pictures are embedded by one folder and whose texts by another.
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/embedder.h"
#include "models/model_folder/model_fingerprint.h"
#include "models/model_folder/model_folder.h"
#include "tests/base/has_text.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/folder_copy.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

constexpr const char* k_clip = "clip-quick-gelu-f32";  // vectors of 32 numbers
constexpr const char* k_texts = "multilingual-clip";   // the same

Result<std::unique_ptr<Embedder>> load(const std::filesystem::path& pictures, const std::filesystem::path& texts,
                                       const char* dtype = "float32", std::uint32_t max_tokens = 0) {
  Embedder::Options options;
  options.folder = pictures.string();
  options.text_folder = texts.string();
  options.dtype = dtype;
  options.threads = 1;
  options.max_tokens = max_tokens;
  return Embedder::load(options);
}

std::string load_fault(const std::filesystem::path& pictures, const std::filesystem::path& texts, ErrorCode code) {
  const auto loaded = load(pictures, texts);
  REQUIRE_FALSE(loaded.ok());
  INFO(loaded.error().message);
  CHECK(loaded.error().code == code);
  return loaded.error().message;
}

std::uint64_t bytes_of(const std::filesystem::path& folder, const char* file) {
  return std::filesystem::file_size(folder / file);
}

/// Weights, without the header's length and the header.
std::uint64_t elements(const Checkpoint& checkpoint, std::string_view unwanted) {
  std::uint64_t count = 0;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (!name.starts_with(unwanted) && tensor.dtype != Dtype::i64) count += tensor.elements();
  }
  return count;
}

std::string fingerprint(const FolderCopy& pictures, const FolderCopy& texts) {
  const auto made = model_fingerprint(pictures.path(), texts.path(), "float32", false);
  REQUIRE_MESSAGE(made.ok(), made.error().message);
  return *made;
}

}  // namespace

TEST_CASE("a pair has the texts' vectors of one folder and the pictures' of the other") {
  const auto loaded = load(fixture(k_clip), fixture(k_texts));
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  Embedder& model = **loaded;
  REQUIRE(model.warm_up().ok());
  ExpectedBatch batch;
  const ExpectedVectors texts = expected_vectors(k_texts), pictures = expected_vectors(k_clip);
  for (std::size_t i = 0; i < 20; ++i) {  // alternately
    batch.add(model, texts.texts[10 * i]);
    if (i < pictures.images.size()) batch.add(model, pictures.images[i]);
  }
  batch.check(model);
}

TEST_CASE("a pair is described by both folders") {
  const FolderCopy pictures(k_clip);
  pictures.write("README.md", "---\nlicense: mit\n---\n\nA small CLIP.\n");
  const auto loaded = load(pictures.path(), fixture(k_texts));
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  const ModelInfo& info = (*loaded)->info();
  CHECK(info.architecture == "clip+distilbert");
  CHECK(info.license == "pictures: mit; texts: apache-2.0");
  CHECK(info.description == "pictures: A small CLIP; texts: A small multilingual text tower for tests");
  CHECK(info.folder == pictures.path().string());
  CHECK(info.text_folder == fixture(k_texts).string());
  CHECK(info.dims == 32);
  CHECK(info.max_tokens == 128);
  CHECK(info.image_size == 224);
  CHECK(info.has_text);
  CHECK(info.has_image);
  CHECK(info.logit_scale > 1);
  CHECK(info.weight_bytes == bytes_of(pictures.path(), "model.safetensors") +
                                 bytes_of(fixture(k_texts), "model.safetensors") +
                                 bytes_of(fixture(k_texts), "2_Dense/model.safetensors"));
  const auto clip = read_model_folder(fixture(k_clip)), texts = read_model_folder(fixture(k_texts));
  CHECK(info.parameters == elements(clip->checkpoint, "text_") + elements(texts->checkpoint, "none"));
  // The limit is the text tower's.
  CHECK((*load(pictures.path(), fixture(k_texts), "float32", 160))->info().max_tokens == 160);
  has(load(pictures.path(), fixture(k_texts), "float32", 161).error().message, "takes from 2 to 160");
}

TEST_CASE("the text tower of the pictures' folder is not needed") {
  // Damaged or absent, it does not matter: its tensors and its tokenizer are not read.
  const FolderCopy pictures(k_clip);
  std::filesystem::remove(pictures.path() / "tokenizer.json");
  pictures.edit("config.json", "\"hidden_size\": 48", "\"hidden_size\": 96");
  CHECK_FALSE(load(pictures.path(), "").ok());
  const auto loaded = load(pictures.path(), fixture(k_texts));
  CHECK_MESSAGE(loaded.ok(), loaded.error().message);
}

TEST_CASE("the texts of a whole CLIP may be paired, and those of other layouts") {
  struct Case {
    const char *pictures, *texts, *architecture;
  };
  for (const auto& [pictures, texts, architecture] :
       {Case{k_clip, k_clip, "clip+clip"}, Case{k_clip, "sentence-bert", "clip+bert"},
        Case{"open-clip-gelu", "open-clip-quick-gelu", "clip+clip"},
        Case{"open-clip-gelu", "chinese-clip", "clip+chinese-clip"},
        Case{"chinese-clip", "open-clip-gelu", "chinese-clip+clip"}}) {
    INFO(pictures, " ", texts);
    const auto loaded = load(fixture(pictures), fixture(texts));
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    CHECK((*loaded)->info().architecture == architecture);
    CHECK((*loaded)->warm_up().ok());
  }
}

TEST_CASE("lower precisions are checked over texts and pictures of a pair") {
  for (const char* dtype : {"bfloat16", "int8"}) {
    CAPTURE(dtype);
    const auto loaded = load(fixture(k_clip), fixture(k_texts), dtype);
    if (!loaded.ok() && loaded.error().message.find("is not supported") != std::string::npos) continue;
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    CHECK((*loaded)->info().precision_check->lowest_cosine > 0.99);
    CHECK((*loaded)->info().precision_check->inputs == 10);
    CHECK((*loaded)->info().dtype == dtype);
  }
}

TEST_CASE("folders that do not fit are refused by name") {
  const std::string lengths =
      load_fault(fixture("clip-gelu-f16"), fixture(k_texts), ErrorCode::invalid_argument);  // 40 numbers
  has(lengths, "vectors of texts from " + fixture(k_texts).string() + " have 32 numbers");
  has(lengths, "vectors of pictures from " + fixture("clip-gelu-f16").string() + " have 40");
  has(load_fault(fixture(k_texts), fixture(k_texts), ErrorCode::unsupported),
      fixture(k_texts).string() + " embeds no pictures");
  const FolderCopy vision("clip-quick-gelu-f32");
  vision.edit("config.json", "CLIPModel", "CLIPVisionModelWithProjection");
  has(load_fault(fixture(k_clip), vision.path(), ErrorCode::unsupported), vision.path().string() + " embeds no texts");
  const FolderCopy half(k_texts);
  std::filesystem::remove(half.path() / "2_Dense/model.safetensors");
  has(load_fault(fixture(k_clip), half.path(), ErrorCode::not_found), "the download was not finished");
  has(load_fault(fixture(k_clip), half.path() / "nowhere", ErrorCode::not_found), "nowhere");
}

TEST_CASE("a pair's fingerprint is of both folders, and differs from theirs") {
  const FolderCopy pictures(k_clip), texts(k_texts), same(k_texts);
  const std::string whole = fingerprint(pictures, texts);
  CHECK(whole.size() == 16);
  CHECK(whole == fingerprint(pictures, same));
  CHECK(whole != *model_fingerprint(pictures.path(), "float32", false));
  CHECK(whole != *model_fingerprint(texts.path(), "float32", false));
  CHECK(whole != *model_fingerprint(pictures.path(), texts.path(), "int8", false));
  CHECK(whole != *model_fingerprint(pictures.path(), texts.path(), "float32", true));
  pictures.write("config.json", content_of(pictures.path() / "config.json") + " ");
  const std::string other_pictures = fingerprint(pictures, texts);
  CHECK(other_pictures != whole);
  texts.write("2_Dense/config.json", content_of(texts.path() / "2_Dense/config.json") + " ");
  CHECK(fingerprint(pictures, texts) != other_pictures);
}

TEST_CASE("a model without a text tower of its own keeps the fingerprint it had") {
  CHECK(*model_fingerprint(fixture("clip-gelu-f16"), "float32", false) == "d726addfd1a7f254");
  CHECK(*model_fingerprint(fixture("open-clip-gelu"), "float32", false) == "008f788be12d62cc");
}
