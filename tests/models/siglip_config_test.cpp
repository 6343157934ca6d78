// config.json and preprocessor_config.json of SigLIP.
#include "models/model_folder/siglip_config.h"

#include <doctest/doctest.h>
#include <string>

#include "models/model_folder/model_config.h"
#include "models/model_folder/preprocessor_config.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

Result<ModelConfig> any_config_of(const std::string& json) {
  const TemporaryFolder folder;
  const Result<JsonFile> file = JsonFile::read(folder.write("config.json", json));
  if (!file) return file.error();
  return read_model_config(*file);
}

SiglipConfig config_of(const std::string& json) {
  const Result<ModelConfig> config = any_config_of(json);
  REQUIRE_MESSAGE(config.ok(), config.error().message);
  return std::get<SiglipConfig>(*config);
}

void refuses(const std::string& json, ErrorCode code, const std::string& part) {
  const Result<ModelConfig> config = any_config_of(json);
  REQUIRE_FALSE(config.ok());
  INFO(config.error().message);
  CHECK(config.error().code == code);
  CHECK(config.error().message.find("config.json") != std::string::npos);
  CHECK(config.error().message.find(part) != std::string::npos);
}

Result<PreprocessConfig> preprocess_of(const std::string& json, std::uint32_t image_size) {
  const TemporaryFolder folder;
  folder.write("preprocessor_config.json", json);
  return read_preprocessor_config(folder.path(), image_size);
}

}  // namespace

TEST_CASE("a config that names nothing but its type is SigLIP's base-patch16-224") {
  const SiglipConfig config = config_of(R"({"model_type":"siglip"})");
  CHECK(config.dims == 768);
  REQUIRE(config.text);
  CHECK(config.text->vocabulary_size == 32'000);
  CHECK(config.text->tokens == 64);
  CHECK(config.text->transformer.activation == Activation::gelu_tanh);
  CHECK(config.text->transformer.layer_norm_eps == 1e-6);
  REQUIRE(config.vision);
  CHECK(config.vision->grid.patches() == 196);
  const ModelShape shape = shape_of(config);
  CHECK(shape.text->padded);
  CHECK(shape.text->max_tokens == 64);
  CHECK(shape.image_size == 224);
}

TEST_CASE("so400m's sizes are read: heads of 72, 27 x 27 patches, 16 tokens") {
  const SiglipConfig config = config_of(R"({"model_type":"siglip",
    "text_config":{"hidden_size":1152,"intermediate_size":4304,"num_attention_heads":16,"num_hidden_layers":27,
                   "max_position_embeddings":16},
    "vision_config":{"hidden_size":1152,"image_size":384,"intermediate_size":4304,"num_attention_heads":16,
                     "num_hidden_layers":27,"patch_size":14}})");
  CHECK(config.dims == 1152);
  CHECK(config.text->tokens == 16);
  CHECK(config.vision->grid.patches() == 729);
}

TEST_CASE("halves of a SigLIP have their one tower") {
  const SiglipConfig text = config_of(R"({"model_type":"siglip_text_model","hidden_size":96,"projection_size":64})");
  CHECK(text.dims == 64);
  CHECK_FALSE(text.vision);
  const SiglipConfig vision = config_of(R"({"model_type":"siglip_vision_model","hidden_size":96})");
  CHECK(vision.dims == 96);
  CHECK_FALSE(vision.text);
}

TEST_CASE("a SigLIP that cannot be computed is refused, naming file and key") {
  refuses(R"({"model_type":"siglip","text_config":{"projection_size":512}})", ErrorCode::corrupt_data,
          "projection_size is 512");
  refuses(R"({"model_type":"siglip","vision_config":{"vision_use_head":false}})", ErrorCode::unsupported,
          "vision_use_head");
  refuses(R"({"model_type":"siglip","vision_config":{"hidden_act":"gelu_new"}})", ErrorCode::unsupported, "gelu_new");
  refuses(R"({"model_type":"siglip","text_config":{"num_attention_heads":7}})", ErrorCode::corrupt_data,
          "num_attention_heads");
}

TEST_CASE("SigLIP2 NaFlex is refused with what it would need and what to use instead") {
  refuses(R"({"model_type":"siglip2"})", ErrorCode::unsupported, "patch grids of any shape");
  refuses(R"({"model_type":"siglip2"})", ErrorCode::unsupported, "google/siglip2-base-patch16-224");
}

TEST_CASE("SigLIP's pictures are resized to the exact size without a crop, by the filter that is named") {
  const auto usual = preprocess_of(R"({"image_processor_type":"SiglipImageProcessor","do_convert_rgb":null})", 224);
  REQUIRE_MESSAGE(usual.ok(), usual.error().message);
  CHECK(usual->resize == PreprocessConfig::Resize::exact);
  CHECK_FALSE(usual->crop);
  CHECK(usual->mean[0] == 0.5f);
  CHECK(usual->std[2] == 0.5f);
  CHECK(usual->filter == PreprocessConfig::Filter::bicubic);
  const auto second = preprocess_of(
      R"({"image_processor_type":"SiglipImageProcessorFast","resample":2,"size":{"height":384,"width":384}})", 384);
  REQUIRE(second.ok());
  CHECK(second->filter == PreprocessConfig::Filter::bilinear);
  CHECK(second->resize_width == 384);
  CHECK_FALSE(preprocess_of(R"({"image_processor_type":"SiglipImageProcessor"})", 384).ok());
}
