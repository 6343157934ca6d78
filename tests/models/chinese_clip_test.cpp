// Chinese-CLIP, compared with transformers' own results (tests/fixtures/make_bert.py).
#include <doctest/doctest.h>
#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "models/embedder.h"
#include "models/model_folder/model_folder.h"
#include "tests/base/has_text.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/folder_copy.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

Result<std::unique_ptr<Embedder>> load(const std::filesystem::path& folder, std::uint32_t max_tokens = 0) {
  Embedder::Options options;
  options.folder = folder.string();
  options.threads = 1;
  options.max_tokens = max_tokens;
  return Embedder::load(options);
}

std::string fault_of(const char* file, const char* from, const char* to, ErrorCode code) {
  const FolderCopy copy("chinese-clip");
  copy.edit(file, from, to);
  const auto loaded = load(copy.path());
  REQUIRE_FALSE(loaded.ok());
  INFO(loaded.error().message);
  CHECK(loaded.error().code == code);
  return loaded.error().message;
}

}  // namespace

TEST_CASE("Chinese-CLIP's texts and pictures are embedded as transformers embeds them") {
  const ExpectedVectors expected = expected_vectors("chinese-clip");
  const auto loaded = load(fixture("chinese-clip"));
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  Embedder& model = **loaded;
  CHECK(model.info().architecture == "chinese-clip");
  CHECK(model.info().dims == 24);
  CHECK(model.info().max_tokens == 52);
  CHECK(model.info().image_size == 64);
  CHECK(model.info().logit_scale == doctest::Approx(14.28).epsilon(0.001));
  has(model.info().preprocessing, "RGB, resized to 64 bicubic (Pillow), mean 0.481455");
  REQUIRE(model.warm_up().ok());
  CHECK(expected.texts.size() > 20);
  CHECK(expected.images.size() == 6);
  ExpectedBatch batch;
  for (const ExpectedText& text : expected.texts) {
    CAPTURE(text.text);
    CHECK(batch.add(model, text).ids == text.ids);
  }
  for (const ExpectedImage& image : expected.images) batch.add(model, image);
  batch.check(model);
}

TEST_CASE("Chinese-CLIP's windows are those of its image processor, byte for byte") {
  rapidjson::Document json;
  json.Parse(content_of(fixture("chinese-clip") / "expected.json"));
  const auto loaded = load(fixture("chinese-clip"));
  REQUIRE(loaded.ok());
  for (const auto& image : json["images"].GetArray()) {
    CAPTURE(image["file"].GetString());
    const auto window = (*loaded)->prepare_image(content_of(fixture("pictures") / image["file"].GetString()));
    REQUIRE(window.ok());
    Sha256 digest;
    digest.update(std::as_bytes(std::span(window->rgb)));
    CHECK(digest.finish_hex() == image["sha256"].GetString());
  }
}

TEST_CASE("the names of Chinese-CLIP's image processors are those of all versions, with CLIP's defaults") {
  for (const char* name : {"ChineseCLIPImageProcessor", "ChineseCLIPImageProcessorFast", "ChineseCLIPImageProcessorPil",
                           "ChineseCLIPFeatureExtractor"}) {
    const FolderCopy copy("chinese-clip");
    copy.write("preprocessor_config.json",
               R"({"image_processor_type":")" + std::string(name) +
                   R"(","size":{"shortest_edge":64},"crop_size":{"height":64,"width":64}})");
    const auto loaded = load(copy.path());
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    has((*loaded)->info().preprocessing, "shortest edge 64 bicubic (Pillow), centre crop 64");
  }
}

TEST_CASE("a text of Chinese-CLIP may have as many tokens as there are positions") {
  CHECK((*load(fixture("chinese-clip"), 128))->info().max_tokens == 128);
  has(load(fixture("chinese-clip"), 129).error().message, "takes from 2 to 128");
}

TEST_CASE("a Chinese-CLIP whose configuration and tensors do not fit is refused by name") {
  has(fault_of("config.json", "\"projection_dim\": 24", "\"projection_dim\": 32", ErrorCode::corrupt_data),
      "text_projection.weight is F16 [24, 48], config.json requires a float [32, 48]");
  has(fault_of("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", ErrorCode::corrupt_data),
      "text_model.encoder.layer.2.attention.self.query.weight");
  has(fault_of("config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"", ErrorCode::unsupported),
      "text_config.hidden_act is \"relu\"; only gelu");
  has(fault_of("config.json", "\"type_vocab_size\": 2", "\"type_vocab_size\": 3", ErrorCode::corrupt_data),
      "token_type_embeddings.weight is F16 [2, 48]");
  has(fault_of("config.json", "\"image_size\": 64", "\"image_size\": 96", ErrorCode::corrupt_data),
      "preprocessor_config.json: top level does not give the 96 x 96 pixels");
}
