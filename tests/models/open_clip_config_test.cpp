// open_clip_config.json.
#include "models/model_folder/open_clip_config.h"

#include <doctest/doctest.h>
#include <sstream>
#include <string>

#include "base/sha256.h"
#include "models/model_folder/model_config.h"
#include "models/model_folder/timm_towers.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

/// Of published models, as OpenCLIP 3.3 has them.
constexpr const char* k_vit_h = R"({"embed_dim": 1024, "quick_gelu": true,
  "vision_cfg": {"image_size": 378, "layers": 32, "width": 1280, "head_width": 80, "patch_size": 14},
  "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 1024, "heads": 16, "layers": 24}})";
constexpr const char* k_siglip2 = R"({"embed_dim": 768, "init_logit_bias": -10, "custom_text": true,
  "vision_cfg": {"image_size": 224, "timm_model_name": "vit_base_patch16_siglip_224", "timm_model_pretrained": false,
                 "timm_pool": "map", "timm_proj": "none"},
  "text_cfg": {"context_length": 64, "vocab_size": 256000, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP2",
               "tokenizer_kwargs": {"clean": "canonicalize"}, "width": 768, "heads": 12, "layers": 12,
               "no_causal_mask": true, "proj_bias": true, "pool_type": "last", "norm_kwargs": {"eps": 1e-06},
               "act_kwargs": {"approximate": "tanh"}}})";
constexpr const char* k_so400m = R"({"embed_dim": 1152, "init_logit_bias": -10, "custom_text": true,
  "vision_cfg": {"image_size": 384, "timm_model_name": "vit_so400m_patch14_siglip_384", "timm_model_pretrained": false,
                 "timm_pool": "map", "timm_proj": "none"},
  "text_cfg": {"context_length": 64, "vocab_size": 32000, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
               "tokenizer_kwargs": {"clean": "canonicalize"}, "width": 1152, "heads": 16, "layers": 27,
               "mlp_ratio": 3.7362, "no_causal_mask": true, "proj_bias": true, "pool_type": "last",
               "norm_kwargs": {"eps": 1e-06}}})";
constexpr const char* k_eva_l = R"({"embed_dim": 768, "custom_text": true,
  "vision_cfg": {"image_size": 336, "timm_model_name": "eva02_large_patch14_clip_336", "timm_model_pretrained": false,
                 "timm_pool": "token", "timm_proj": null},
  "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 768, "heads": 12, "layers": 12}})";

JsonFile file_of(const TemporaryFolder& folder, const std::string& model, const std::string& preprocess) {
  auto json = JsonFile::read(folder.write(k_open_clip_config_file, "{\"model_cfg\":" + model + preprocess + "}"));
  REQUIRE_MESSAGE(json.ok(), json.error().message);
  return *std::move(json);
}

Result<OpenClipConfig> read(const std::string& model) {
  const TemporaryFolder folder;
  return read_open_clip_config(file_of(folder, model, ""));
}

OpenClipConfig config_of(const std::string& model) {
  const auto config = read(model);
  REQUIRE_MESSAGE(config.ok(), config.error().message);
  return *config;
}

void refuses(const std::string& model, ErrorCode code, const std::string& part) {
  const auto config = read(model);
  INFO(model);
  REQUIRE_FALSE(config.ok());
  INFO(config.error().message);
  CHECK(config.error().code == code);
  CHECK(config.error().message.find("open_clip_config.json: model_cfg") != std::string::npos);
  CHECK(config.error().message.find(part) != std::string::npos);
}

/// `model` with `keys` put at the beginning of an object.
std::string with(const std::string& model, const std::string& object, const std::string& keys) {
  const std::string start = object.empty() ? "{" : "\"" + object + "\": {";
  return replaced(model, start, start + keys + ", ");
}

Result<PreprocessConfig> preprocess_of(const std::string& object, std::uint32_t image_size = 224) {
  const TemporaryFolder folder;
  return read_open_clip_preprocess(file_of(folder, "{}", object.empty() ? "" : ", \"preprocess_cfg\":" + object),
                                   image_size);
}

}  // namespace

TEST_CASE("a ViT's sizes and activation follow from its configuration") {
  const OpenClipConfig config = config_of(k_vit_h);
  const auto& vision = std::get<ClipVisionConfig>(config.vision);
  CHECK(vision.transformer.heads == 16);
  CHECK(vision.transformer.mlp_width == 5120);
  CHECK(vision.transformer.activation == Activation::quick_gelu);
  CHECK(vision.transformer.layer_norm_eps == 1e-5);
  CHECK(vision.tokens() == 27 * 27 + 1);
  const auto& text = std::get<ClipTextConfig>(config.text);
  CHECK(text.transformer.mlp_width == 4096);
  CHECK_FALSE(text.eos_token_id);
  CHECK(config.dims == 1024);
  CHECK_FALSE(config.custom_text);
  CHECK_FALSE(config.has_logit_bias);
  const ModelShape shape = shape_of(config);
  CHECK(std::string(shape.architecture) == "clip");
  CHECK_FALSE(shape.text->padded);
}

TEST_CASE("an almost empty configuration has OpenCLIP's defaults") {
  const OpenClipConfig config = config_of(R"({"embed_dim": 512, "vision_cfg": {}, "text_cfg": {}})");
  const auto& vision = std::get<ClipVisionConfig>(config.vision);
  CHECK(vision.transformer.width == 768);
  CHECK(vision.transformer.activation == Activation::gelu);
  CHECK(vision.grid.patch_size == 16);
  CHECK(vision.grid.image_size == 224);
  CHECK(std::get<ClipTextConfig>(config.text).max_tokens == 77);
}

TEST_CASE("SigLIP's towers have the sizes and the activation of timm's name") {
  const OpenClipConfig base = config_of(k_siglip2);
  const auto& vision = std::get<SiglipVisionConfig>(base.vision);
  CHECK(vision.transformer.activation == Activation::gelu);
  CHECK(vision.transformer.layer_norm_eps == 1e-6);
  const auto& text = std::get<SiglipTextConfig>(base.text);
  CHECK(text.transformer.activation == Activation::gelu_tanh);
  CHECK(text.tokens == 64);
  CHECK(base.has_logit_bias);
  CHECK(std::string(shape_of(base).architecture) == "siglip");
  CHECK(shape_of(base).text->padded);
  const OpenClipConfig large = config_of(k_so400m);
  CHECK(std::get<SiglipVisionConfig>(large.vision).grid.patches() == 729);
  CHECK(std::get<SiglipVisionConfig>(large.vision).transformer.mlp_width == 4304);
  CHECK(std::get<SiglipTextConfig>(large.text).transformer.mlp_width == 4304);
  CHECK(std::get<SiglipTextConfig>(large.text).transformer.activation == Activation::gelu);
  const auto newer = timm_tower("vit_so400m_patch16_siglip_512");
  REQUIRE(newer);
  CHECK(std::get<SiglipVisionConfig>(*newer).transformer.activation == Activation::gelu_tanh);
}

TEST_CASE("EVA02-CLIP's towers have a head, and rotary positions spread over the first training's grid") {
  const OpenClipConfig config = config_of(k_eva_l);
  const auto& vision = std::get<EvaVisionConfig>(config.vision);
  CHECK(vision.transformer.mlp_width == 2730);
  CHECK(vision.rotary_step == doctest::Approx(16.0 / 24));
  REQUIRE(vision.head);
  CHECK(vision.head->dims == 768);
  CHECK(vision.head->has_bias);
  CHECK(vision.head->is_classifier);
  CHECK(std::string(shape_of(config).architecture) == "eva-clip");
  const OpenClipConfig linear = config_of(replaced(k_eva_l, R"("timm_proj": null)", R"("timm_proj": "linear")"));
  CHECK_FALSE(std::get<EvaVisionConfig>(linear.vision).head->has_bias);
  CHECK_FALSE(std::get<EvaVisionConfig>(linear.vision).head->is_classifier);
}

TEST_CASE("every key that changes the arithmetic and is not supported is refused by name") {
  const auto unsupported = [](const std::string& model, const std::string& part) {
    refuses(model, ErrorCode::unsupported, part);
  };
  for (const char* key : {"ls_init_value\": 0.1", "qk_norm\": true", "scaled_cosine_attn\": true",
                          "scale_heads\": true", "scale_attn_inner\": true", "scale_attn\": true", "scale_fc\": true",
                          "output_tokens\": true", "block_type\": \"other\"", "unheard_of\": 1"}) {
    const std::string name = std::string(key).substr(0, std::string(key).find('"'));
    unsupported(with(k_vit_h, "vision_cfg", "\"" + std::string(key)), "vision_cfg." + name);
    unsupported(with(k_vit_h, "text_cfg", "\"" + std::string(key)), "text_cfg." + name);
  }
  unsupported(with(k_vit_h, "", R"("multimodal_cfg": {})"), "model_cfg.multimodal_cfg");
  unsupported(with(k_vit_h, "", R"("unheard_of": 1)"), "model_cfg.unheard_of");
  unsupported(with(k_vit_h, "vision_cfg", R"("attentional_pool": "parallel")"), "vision_cfg.attentional_pool");
  unsupported(with(k_vit_h, "vision_cfg", R"("no_ln_pre": true)"), "vision_cfg.no_ln_pre");
  unsupported(with(k_vit_h, "vision_cfg", R"("pool_type": "avg")"), "vision_cfg.pool_type is \"avg\"");
  unsupported(with(k_vit_h, "vision_cfg", R"("pos_embed_type": "none")"), "vision_cfg.pos_embed_type");
  unsupported(replaced(k_vit_h, R"("layers": 32)", R"("layers": [3, 4, 6, 3])"), "vision_cfg.layers is an array");
  unsupported(replaced(k_vit_h, R"("image_size": 378)", R"("image_size": [378, 336])"), "vision_cfg.image_size");
  unsupported(with(k_vit_h, "text_cfg", R"("hf_model_name": "roberta-base")"),
              "text_cfg.hf_model_name is \"roberta-base\"");
  unsupported(with(k_vit_h, "text_cfg", R"("embed_cls": true)"), "text_cfg.embed_cls");
  unsupported(with(k_vit_h, "text_cfg", R"("proj_type": "none")"), "text_cfg.proj_type");
  unsupported(with(k_vit_h, "text_cfg", R"("proj_bias": true)"), "text_cfg.proj_bias");
  unsupported(with(k_vit_h, "text_cfg", R"("pool_type": "last")"), "text_cfg.pool_type is \"last\"");
  unsupported(with(k_vit_h, "text_cfg", R"("pool_type": "first")"), "text_cfg.pool_type is \"first\"");
  unsupported(with(k_vit_h, "text_cfg", R"("no_causal_mask": true)"), "text_cfg.pool_type is \"argmax\"");
  unsupported(replaced(k_siglip2, R"("proj_bias": true)", R"("proj_bias": false)"), "text_cfg.proj_bias");
  unsupported(replaced(k_siglip2, R"("approximate": "tanh")", R"("approximate": "sigmoid")"), "text_cfg.act_kwargs");
  unsupported(replaced(k_siglip2, R"("eps": 1e-06)", R"("elementwise_affine": false)"), "text_cfg.norm_kwargs");
  unsupported(replaced(k_siglip2, "vit_base_patch16_siglip_224", "vit_base_patch16_siglip_gap_224"),
              "timm_model_name is");
  unsupported(replaced(k_siglip2, "vit_base_patch16_siglip_224", "convnext_base"), "vit_base_patch16_siglip_224, ");
  unsupported(replaced(k_siglip2, R"("timm_pool": "map")", R"("timm_pool": "avg")"), "vision_cfg.timm_pool");
  unsupported(replaced(k_siglip2, R"("timm_proj": "none")", R"("timm_proj": "mlp")"),
              "vision_cfg.timm_proj is \"mlp\"");
  unsupported(replaced(k_siglip2, R"("timm_proj": "none")", R"("timm_proj": null)"), "vision_cfg.timm_proj is null");
  unsupported(replaced(k_eva_l, R"("timm_proj": null)", R"("timm_proj": "none")"), "vision_cfg.timm_proj");
}

TEST_CASE("a configuration that contradicts itself is refused") {
  const auto corrupt = [](const std::string& model, const std::string& part) {
    refuses(model, ErrorCode::corrupt_data, part);
  };
  corrupt(R"({"vision_cfg": {}, "text_cfg": {}})", "model_cfg.embed_dim is missing");
  corrupt(R"({"embed_dim": 512, "text_cfg": {}})", "model_cfg.vision_cfg is missing");
  corrupt(R"({"embed_dim": 512, "vision_cfg": [], "text_cfg": {}})", "vision_cfg is");
  corrupt(with(k_vit_h, "text_cfg", R"("act_kwargs": {"approximate": "tanh"})"), "quick_gelu is true");
  corrupt(with(k_vit_h, "text_cfg", R"("mlp_ratio": 64.5)"), "text_cfg.mlp_ratio");
  corrupt(with(k_vit_h, "text_cfg", R"("pool_type": "eos", "eos_id": 49408)"), "text_cfg.eos_id is 49408");
  corrupt(replaced(k_vit_h, R"("head_width": 80)", R"("head_width": 96)"), "vision_cfg.head_width");
  corrupt(replaced(k_vit_h, R"("heads": 16)", R"("heads": 15)"), "text_cfg.heads");
  corrupt(replaced(k_siglip2, R"("image_size": 224)", R"("image_size": 256)"), "vision_cfg.image_size is 256");
  corrupt(replaced(k_siglip2, R"("embed_dim": 768)", R"("embed_dim": 512)"),
          "timm_model_name has vectors of length 768");
  refuses(replaced(k_vit_h, R"("patch_size": 14)", R"("patch_size": 379)"), ErrorCode::corrupt_data,
          "above image_size");
}

TEST_CASE("without a preprocess_cfg the preprocessing is OpenCLIP's default") {
  for (const char* given : {"", "{}", R"({"mean": null, "std": [], "interpolation": null, "size": 300})"}) {
    const auto usual = preprocess_of(given, 336);
    REQUIRE_MESSAGE(usual.ok(), usual.error().message);
    CHECK(usual->resize == PreprocessConfig::Resize::shortest_edge);
    CHECK(usual->resize_width == 336);
    CHECK(usual->crop_width == 336);
    CHECK(usual->filter == PreprocessConfig::Filter::bicubic);
    CHECK(usual->mean[0] == 0.48145466f);
    CHECK(usual->std[2] == 0.27577711f);
  }
}

TEST_CASE("preprocess_cfg is refused where OpenCLIP fails, and where a picture would not be RGB") {
  for (const auto& [object, part] : {std::pair{R"({"mode": "L"})", "preprocess_cfg.mode"},
                                     {R"({"interpolation": "nearest"})", "preprocess_cfg.interpolation is \"nearest\""},
                                     {R"({"resize_mode": "stretch"})", "preprocess_cfg.resize_mode is \"stretch\""},
                                     {R"({"mean": [0.5, 0.5]})", "preprocess_cfg.mean"},
                                     {R"({"std": [0.5, 0, 0.5]})", "preprocess_cfg.std"},
                                     {R"({"fill_color": 256})", "preprocess_cfg.fill_color"},
                                     {R"({"size": [1, 2, 3]})", "preprocess_cfg.size"},
                                     {R"([1])", "preprocess_cfg is"}}) {
    INFO(object);
    const auto config = preprocess_of(object);
    REQUIRE_FALSE(config.ok());
    INFO(config.error().message);
    CHECK(config.error().message.find(part) != std::string::npos);
  }
}

TEST_CASE("windows equal those of OpenCLIP's image_transform, byte for byte") {
  const std::filesystem::path images = source_folder() / "tests" / "fixtures" / "images";
  std::istringstream lines(content_of(images / "open_clip.txt"));
  std::vector<PreprocessConfig> configs;
  std::string line;
  int compared = 0;
  while (std::getline(lines, line)) {
    INFO(line);
    if (line.starts_with('#')) {
      const std::size_t object = line.find('{');
      if (object == std::string::npos) continue;
      const std::string json = line.substr(object);
      const bool is_pair = json.find('[') != std::string::npos;
      const auto config = preprocess_of(
          json,
          static_cast<std::uint32_t>(std::stoi(json.substr(json.find(is_pair ? "[" : ": ") + (is_pair ? 1 : 2)))));
      REQUIRE_MESSAGE(config.ok(), config.error().message);
      configs.push_back(*config);
      continue;
    }
    std::istringstream words(line);
    std::string file, sha256;
    std::size_t number = 0;
    words >> file >> number >> sha256;
    REQUIRE(number < configs.size());
    const auto window = preprocess_image(content_of(images / file), configs[number], {});
    REQUIRE_MESSAGE(window.ok(), window.error().message);
    const std::string_view bytes(reinterpret_cast<const char*>(window->rgb.data()), window->rgb.size());
    CHECK(sha256_hex(bytes) == sha256);
    ++compared;
  }
  CHECK(compared > 200);
}

TEST_CASE("a picture whose shorter edge would vanish is refused alone") {
  const auto config = preprocess_of(R"({"resize_mode": "longest"})", 224);
  REQUIRE(config.ok());
  const auto window = preprocess_image(content_of(fixture("pictures") / "rgb_1x500.png"), *config, {});
  REQUIRE_FALSE(window.ok());
  CHECK(window.error().code == ErrorCode::invalid_argument);
  CHECK(window.error().message.find("too narrow") != std::string::npos);
}
