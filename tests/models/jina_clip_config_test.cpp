// config.json and preprocessor_config.json of jina-clip.
#include <doctest/doctest.h>
#include <string>

#include "models/model_folder/model_config.h"
#include "models/model_folder/preprocessor_config.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

/// The published file, but for keys that say nothing of the mathematics.
constexpr const char* k_published = R"({"model_type":"jina_clip","add_projections":false,"projection_dim":768,
  "text_config":{"embed_dim":768,"hf_model_name_or_path":"jinaai/jina-bert-flash-implementation",
    "hf_model_config_kwargs":{"use_flash_attn":false},"pooler_type":"mean_pooler","proj_type":null,"proj_bias":false},
  "vision_config":{"embed_dim":768,"width":768,"layers":12,"head_width":64,"image_size":224,"patch_size":16,
    "mlp_ratio":2.6667,"naive_swiglu":true,"subln":true,"rope_embeddings":true,"qkv_bias":true,"post_norm":false,
    "pt_hw_seq_len":14,"intp_freq":false,"patch_dropout":0.1,"ls_init_value":null,"x_attention":true}})";

Result<JinaClipConfig> config_of(const std::string& json) {
  const TemporaryFolder folder;
  const Result<JsonFile> file = JsonFile::read(folder.write("config.json", json));
  if (!file) return file.error();
  const Result<ModelConfig> config = read_model_config(*file);
  if (!config) return config.error();
  return std::get<JinaClipConfig>(*config);
}

template <class T>
void refuses(const Result<T>& result, ErrorCode code, const std::string& what) {
  REQUIRE_FALSE(result.ok());
  INFO(result.error().message);
  CHECK(result.error().code == code);
  CHECK(result.error().message.find(what) != std::string::npos);
}

Result<PreprocessConfig> preprocess_of(const std::string& fields, std::uint32_t image_size = 224) {
  const TemporaryFolder folder;
  folder.write("preprocessor_config.json", R"({"image_processor_type":"JinaCLIPImageProcessor",)" + fields + "}");
  return read_preprocessor_config(folder.path(), image_size);
}

}  // namespace

TEST_CASE("the published jina-clip-v1 config has its text tower's sizes by default") {
  const auto config = config_of(k_published);
  REQUIRE_MESSAGE(config.ok(), config.error().message);
  CHECK(config->dims == 768);
  const TransformerConfig& text = config->text.transformer;
  CHECK(text.width == 768);
  CHECK(text.heads == 12);
  CHECK(text.layers == 12);
  CHECK(text.mlp_width == 3072);
  CHECK(text.layer_norm_eps == 1e-12);
  CHECK(text.activation == Activation::gelu);
  CHECK(config->text.vocabulary_size == 30'528);
  CHECK(config->text.token_types == 2);
  const TransformerConfig& vision = config->vision.transformer;
  CHECK(vision.width == 768);
  CHECK(vision.heads == 12);
  CHECK(vision.mlp_width == 2048);
  CHECK(vision.layer_norm_eps == 1e-6);
  CHECK(config->vision.tokens() == 197);
  CHECK(config->vision.rotary_step == 1);
}

TEST_CASE("hf_model_config_kwargs stand above text_config, and both above the defaults") {
  const auto config = config_of(
      replaced(replaced(k_published, "\"use_flash_attn\":false", "\"num_hidden_layers\":4"), "\"pooler_type\"",
               "\"num_hidden_layers\":3,\"intermediate_size\":100,\"vocab_size\":500,\"pooler_type\""));
  REQUIRE_MESSAGE(config.ok(), config.error().message);
  CHECK(config->text.transformer.layers == 4);
  CHECK(config->text.transformer.mlp_width == 100);
  CHECK(config->text.transformer.heads == 12);
  CHECK(config->text.vocabulary_size == 500);
}

TEST_CASE("with intp_freq the rotary positions of the first training are spread over the grid") {
  const auto config = config_of(replaced(replaced(k_published, "\"intp_freq\":false", "\"intp_freq\":true"),
                                         "\"pt_hw_seq_len\":14", "\"pt_hw_seq_len\":16"));
  REQUIRE(config.ok());
  CHECK(config->vision.rotary_step == doctest::Approx(16.0 / 14));
  refuses(config_of(replaced(k_published, "\"pt_hw_seq_len\":14", "\"pt_hw_seq_len\":16")), ErrorCode::corrupt_data,
          "vision_config.pt_hw_seq_len is 16");
}

TEST_CASE("what jina-clip-v1 is not is unsupported, naming the key") {
  const auto changed = [](const std::string& from, const std::string& to, const std::string& key) {
    INFO(to);
    refuses(config_of(replaced(k_published, from, to)), ErrorCode::unsupported, "config.json: " + key);
  };
  changed("\"add_projections\":false", "\"add_projections\":true", "top level.add_projections");
  changed("\"subln\":true", "\"subln\":false", "vision_config.subln");
  changed("\"naive_swiglu\":true", "\"naive_swiglu\":false", "vision_config.naive_swiglu");
  changed("\"qkv_bias\":true", "\"qkv_bias\":false", "vision_config.qkv_bias");
  changed("\"rope_embeddings\":true", "\"rope_embeddings\":false", "vision_config.rope_embeddings");
  changed("\"post_norm\":false", "\"post_norm\":true", "vision_config.post_norm");
  changed("\"ls_init_value\":null", "\"ls_init_value\":0.1", "vision_config.ls_init_value");
  changed("\"proj_type\":null", "\"proj_type\":\"linear\"", "text_config.proj_type");
  changed("mean_pooler", "cls_pooler", "text_config.pooler_type");
  changed("\"use_flash_attn\":false", "\"use_qk_norm\":true", "text_config.hf_model_config_kwargs.use_qk_norm");
  changed("\"use_flash_attn\":false", "\"hidden_act\":\"relu\"", "text_config.hf_model_config_kwargs.hidden_act");
}

TEST_CASE("jina-clip-v2 is refused with what it would need") {
  const std::string v2 = replaced(k_published, "jinaai/jina-bert-flash-implementation", "jinaai/jina-embeddings-v3");
  refuses(config_of(v2), ErrorCode::unsupported, "jina-clip-v2 would need the XLM-RoBERTa tower");
  refuses(config_of(v2), ErrorCode::unsupported, "use jinaai/jina-clip-v1");
}

TEST_CASE("sizes that cannot be are refused before memory is taken") {
  const auto changed = [](const std::string& from, const std::string& to, const std::string& what) {
    refuses(config_of(replaced(k_published, from, to)), ErrorCode::corrupt_data, what);
  };
  changed("\"head_width\":64", "\"head_width\":100", "head_width");
  changed("\"head_width\":64", "\"head_width\":6", "multiple of 4");
  changed("\"head_width\":64", "\"head_width\":800", "head_width");
  changed("\"projection_dim\":768", "\"projection_dim\":512", "text_config.embed_dim is 768");
  changed("\"patch_size\":16", "\"patch_size\":0", "patch_size is 0");
  changed("\"mlp_ratio\":2.6667", "\"mlp_ratio\":1e9", "mlp_ratio");
  changed("\"use_flash_attn\":false", "\"num_hidden_layers\":4000000", "num_hidden_layers");
}

TEST_CASE("JinaCLIPImageProcessor's keys are read") {
  const auto usual = preprocess_of(R"("size":224,"resize_mode":"shortest","interpolation":"bicubic",
    "mean":[0.1,0.2,0.3],"std":[0.4,0.5,0.6])");
  REQUIRE_MESSAGE(usual.ok(), usual.error().message);
  CHECK(usual->resize == PreprocessConfig::Resize::shortest_edge);
  CHECK(usual->filter == PreprocessConfig::Filter::bicubic);
  CHECK(usual->crop);
  CHECK(usual->crop_rule == PreprocessConfig::CropRule::half_even);
  CHECK(usual->mean == std::array<float, 3>{0.1f, 0.2f, 0.3f});
  CHECK(usual->std == std::array<float, 3>{0.4f, 0.5f, 0.6f});
  const auto squash = preprocess_of(R"("size":[96,96],"resize_mode":"squash","interpolation":"bilinear")", 96);
  REQUIRE_MESSAGE(squash.ok(), squash.error().message);
  CHECK(squash->resize == PreprocessConfig::Resize::exact);
  CHECK(squash->resize_width == 96);
  CHECK(squash->filter == PreprocessConfig::Filter::bilinear);
  CHECK_FALSE(squash->crop);
  refuses(preprocess_of(R"("size":224,"resize_mode":"longest")"), ErrorCode::unsupported, "resize_mode");
  refuses(preprocess_of(R"("size":224,"interpolation":"random")"), ErrorCode::unsupported, "interpolation");
  refuses(preprocess_of(R"("size":[224,336])"), ErrorCode::unsupported, "size");
  refuses(preprocess_of(R"("size":336)"), ErrorCode::corrupt_data, "224 x 224");
}
