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

constexpr const char* k_published_v2 = R"({"model_type":"jina_clip","add_projections":false,"projection_dim":1024,
  "matryoshka_dimensions":[32,64,128,256,512,768,1024],"truncate_dim":null,
  "text_config":{"default_instruction_task":null,"default_lora_task":"retrieval.query","embed_dim":1024,
    "hf_model_config_kwargs":{"load_trained_adapters":false,"lora_adaptations":["retrieval.query"],"lora_alpha":4,
      "lora_dropout_p":0.0,"lora_main_params_trainable":false,"lora_rank":4,
      "task_instructions":{"retrieval.query":"Represent the query for retrieving evidence documents: "},
      "use_flash_attn":false},
    "hf_model_name_or_path":"jinaai/jina-embeddings-v3","pooler_type":"mean_pooler","proj_bias":false,"proj_type":null},
  "vision_config":{"embed_dim":1024,"width":1024,"layers":24,"head_width":64,"image_size":512,"patch_size":14,
    "mlp_ratio":2.6667,"naive_swiglu":true,"subln":true,"rope_embeddings":true,"qkv_bias":true,"post_norm":false,
    "pt_hw_seq_len":16,"intp_freq":true,"patch_dropout":0.1,"ls_init_value":null,"x_attention":true}})";

Result<JinaClipConfig> config_of(const std::string& json) {
  const TemporaryFolder folder;
  const Result<JsonFile> file = JsonFile::read(folder.write("config.json", json));
  if (!file) return file.error();
  const Result<ModelConfig> config = read_model_config(*file);
  if (!config) return config.error();
  return std::get<JinaClipConfig>(*config);
}

const JinaTextConfig& text_of(const JinaClipConfig& config) {
  return std::get<JinaTextConfig>(config.text);
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
  const TransformerConfig& text = text_of(*config).transformer;
  CHECK(text.width == 768);
  CHECK(text.heads == 12);
  CHECK(text.layers == 12);
  CHECK(text.mlp_width == 3072);
  CHECK(text.layer_norm_eps == 1e-12);
  CHECK(text.activation == Activation::gelu);
  CHECK(text_of(*config).vocabulary_size == 30'528);
  CHECK(text_of(*config).token_types == 2);
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
  CHECK(text_of(*config).transformer.layers == 4);
  CHECK(text_of(*config).transformer.mlp_width == 100);
  CHECK(text_of(*config).transformer.heads == 12);
  CHECK(text_of(*config).vocabulary_size == 500);
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

TEST_CASE("the published jina-clip-v2 config has its text tower's sizes by default") {
  const auto config = config_of(k_published_v2);
  REQUIRE_MESSAGE(config.ok(), config.error().message);
  CHECK(config->dims == 1024);
  CHECK(config->is_version_2());
  CHECK(config->matryoshka_dims == std::vector<std::uint32_t>{32, 64, 128, 256, 512, 768, 1024});
  const auto& text = std::get<XlmRobertaTextConfig>(config->text);
  CHECK(text.transformer.width == 1024);
  CHECK(text.transformer.heads == 16);
  CHECK(text.transformer.layers == 24);
  CHECK(text.transformer.mlp_width == 4096);
  CHECK(text.transformer.layer_norm_eps == 1e-5);
  CHECK(text.transformer.activation == Activation::gelu);
  CHECK(text.vocabulary_size == 250'002);
  CHECK(text.token_types == 1);
  CHECK(text.rotary_base == 20'000);
  CHECK(text.adapter.sets == 1);
  CHECK(text.adapter.used == 0);
  CHECK(text.adapter.rank == 4);
  CHECK(text.adapter.scale == 1);
  CHECK(config->vision.transformer.mlp_width == 2730);
  CHECK(config->vision.grid.edge() == 36);
  CHECK(config->vision.tokens() == 1297);
  CHECK(config->vision.rotary_step == doctest::Approx(16.0 / 36));
}

TEST_CASE("jina-clip-v2's adapter is the one of default_lora_task, scaled by alpha / rank") {
  const auto config =
      config_of(replaced(replaced(k_published_v2, R"(["retrieval.query"])", R"(["a","retrieval.query","b"])"),
                         "\"lora_alpha\":4", "\"lora_alpha\":10"));
  REQUIRE_MESSAGE(config.ok(), config.error().message);
  const AdapterConfig& adapter = std::get<XlmRobertaTextConfig>(config->text).adapter;
  CHECK(adapter.sets == 3);
  CHECK(adapter.used == 1);
  CHECK(adapter.scale == 2.5);
}

TEST_CASE("the lengths of vectors are those of matryoshka_dimensions") {
  const std::string list = "[32,64,128,256,512,768,1024]";
  const auto other = config_of(replaced(k_published_v2, list, "[100,7,100]"));
  REQUIRE_MESSAGE(other.ok(), other.error().message);
  CHECK(other->matryoshka_dims == std::vector<std::uint32_t>{7, 100, 1024});
  const auto absent = config_of(replaced(k_published_v2, list, "null"));
  REQUIRE(absent.ok());
  CHECK(absent->matryoshka_dims == std::vector<std::uint32_t>{32, 64, 128, 256, 512, 768, 1024});
  CHECK(config_of(k_published)->matryoshka_dims.empty());
  for (const char* wrong : {"[]", "[0]", "[1025]", "[\"a\"]", "512"}) {
    refuses(config_of(replaced(k_published_v2, list, wrong)), ErrorCode::corrupt_data,
            "top level.matryoshka_dimensions");
  }
}

TEST_CASE("what jina-clip-v2 is not is refused, naming the key") {
  const auto changed = [](const std::string& from, const std::string& to, const std::string& key,
                          ErrorCode code = ErrorCode::unsupported) {
    INFO(to);
    refuses(config_of(replaced(k_published_v2, from, to)), code, "config.json: " + key);
  };
  const std::string flash = "\"use_flash_attn\":false", kwargs = "text_config.hf_model_config_kwargs.";
  changed("jinaai/jina-embeddings-v3", "BAAI/bge-m3", "text_config.hf_model_name_or_path is \"BAAI/bge-m3\"");
  changed("\"add_projections\":false", "\"add_projections\":true", "top level.add_projections");
  changed("\"truncate_dim\":null", "\"truncate_dim\":512", "top level.truncate_dim");
  changed("\"default_instruction_task\":null", "\"default_instruction_task\":\"retrieval.query\"",
          "text_config.default_instruction_task");
  changed("\"default_lora_task\":\"retrieval.query\"", "\"default_lora_task\":null", "text_config.default_lora_task");
  changed("\"default_lora_task\":\"retrieval.query\"", "\"default_lora_task\":\"separation\"",
          "text_config.default_lora_task is \"separation\", which is not among", ErrorCode::corrupt_data);
  changed("\"lora_adaptations\":[\"retrieval.query\"]", "\"lora_adaptations\":null", "text_config.default_lora_task",
          ErrorCode::corrupt_data);
  changed("\"lora_adaptations\":[\"retrieval.query\"]", "\"lora_adaptations\":[]", kwargs + "lora_adaptations",
          ErrorCode::corrupt_data);
  changed("\"lora_adaptations\":[\"retrieval.query\"]", "\"lora_adaptations\":[1]", kwargs + "lora_adaptations",
          ErrorCode::corrupt_data);
  changed("\"lora_rank\":4", "\"lora_rank\":0", kwargs + "lora_rank", ErrorCode::corrupt_data);
  changed("mean_pooler", "cls_pooler", "text_config.pooler_type");
  changed("\"proj_type\":null", "\"proj_type\":\"linear\"", "text_config.proj_type");
  changed(flash, "\"position_embedding_type\":\"absolute\"", kwargs + "position_embedding_type");
  changed(flash, "\"rotary_emb_interleaved\":true", kwargs + "rotary_emb_interleaved");
  changed(flash, "\"rotary_emb_fraction\":0.5", kwargs + "rotary_emb_fraction");
  changed(flash, "\"rotary_emb_scale_base\":512", kwargs + "rotary_emb_scale_base");
  changed(flash, "\"use_qk_norm\":true", kwargs + "use_qk_norm");
  changed(flash, "\"hidden_act\":\"quick_gelu\"", kwargs + "hidden_act");
  changed(flash, "\"pad_token_id\":0", kwargs + "pad_token_id");
  changed(flash, "\"num_attention_heads\":1024", kwargs + "num_attention_heads", ErrorCode::corrupt_data);
  changed(flash, "\"hidden_size\":512", "text_config.embed_dim", ErrorCode::corrupt_data);
  changed("\"subln\":true", "\"subln\":false", "vision_config.subln");
}

TEST_CASE("sizes that cannot be are refused before memory is taken") {
  const auto changed = [](const std::string& from, const std::string& to, const std::string& what) {
    refuses(config_of(replaced(k_published, from, to)), ErrorCode::corrupt_data, what);
  };
  changed("\"head_width\":64", "\"head_width\":100", "head_width");
  changed("\"head_width\":64", "\"head_width\":6", "multiple of 4");
  changed("\"head_width\":64", "\"head_width\":800", "head_width");
  changed("\"head_width\":64", "\"head_width\":768",
          "makes heads of 768 numbers; the rotary embedding needs a multiple of 4, at most 512");
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
