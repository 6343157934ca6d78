// config.json, preprocessor_config.json and README.md of a model folder.
#include <doctest/doctest.h>
#include <string>

#include "models/model_folder/model_card.h"
#include "models/model_folder/model_config.h"
#include "models/model_folder/preprocessor_config.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

Result<ClipConfig> config_of(const std::string& json) {
  const TemporaryFolder folder;
  const Result<JsonFile> file = JsonFile::read(folder.write("config.json", json));
  if (!file) return file.error();
  const Result<ModelConfig> config = read_model_config(*file);
  if (!config) return config.error();
  return std::get<ClipConfig>(*config);
}

Result<PreprocessConfig> preprocess_of(const std::string& json, std::uint32_t image_size = 224) {
  const TemporaryFolder folder;
  folder.write("preprocessor_config.json", json);
  return read_preprocessor_config(folder.path(), image_size);
}

template <class T>
void refuses(const Result<T>& result, ErrorCode code, const std::string& file, const std::string& what) {
  REQUIRE_FALSE(result.ok());
  INFO(result.error().message);
  CHECK(result.error().code == code);
  CHECK(result.error().message.find(file) != std::string::npos);
  CHECK(result.error().message.find(what) != std::string::npos);
}

}  // namespace

TEST_CASE("a config that names nothing but its type is a ViT-B/32") {
  const auto config = config_of(R"({"model_type":"clip"})");
  REQUIRE(config.ok());
  CHECK(config->projection_dim == 512);
  REQUIRE(config->text);
  CHECK(config->text->transformer.width == 512);
  CHECK(config->text->transformer.heads == 8);
  CHECK(config->text->transformer.layers == 12);
  CHECK(config->text->transformer.mlp_width == 2048);
  CHECK(config->text->transformer.activation == Activation::quick_gelu);
  CHECK(config->text->transformer.layer_norm_eps == 1e-5);
  CHECK(config->text->vocabulary_size == 49408);
  CHECK(config->text->max_tokens == 77);
  CHECK(config->text->eos_token_id == 49407);
  REQUIRE(config->vision);
  CHECK(config->vision->transformer.width == 768);
  CHECK(config->vision->transformer.heads == 12);
  CHECK(config->vision->transformer.mlp_width == 3072);
  CHECK(config->vision->grid.image_size == 224);
  CHECK(config->vision->grid.patch_size == 32);
  CHECK(config->vision->tokens() == 50);
}

TEST_CASE("the two towers have sizes and activations of their own") {
  const auto config = config_of(R"({"model_type":"clip","projection_dim":768,
    "text_config":{"hidden_size":96,"num_attention_heads":3,"hidden_act":"gelu","projection_dim":5},
    "vision_config":{"hidden_size":160,"num_attention_heads":2,"patch_size":14,"layer_norm_eps":1e-06}})");
  REQUIRE(config.ok());
  CHECK(config->projection_dim == 768);
  CHECK(config->text->transformer.activation == Activation::gelu);
  CHECK(config->vision->transformer.activation == Activation::quick_gelu);
  CHECK(config->vision->transformer.width == 160);
  CHECK(config->vision->transformer.layer_norm_eps == 1e-6);
  CHECK(config->vision->tokens() == 257);
}

TEST_CASE("a legacy text_config_dict, with the defaults, replaces text_config as a whole") {
  const auto config = config_of(R"({"model_type":"clip",
    "text_config":{"hidden_size":96,"hidden_act":"gelu","eos_token_id":2},
    "text_config_dict":{"hidden_size":768,"num_attention_heads":12},
    "vision_config":{"hidden_size":1024,"num_attention_heads":16,"patch_size":14},"vision_config_dict":null})");
  REQUIRE(config.ok());
  CHECK(config->text->transformer.width == 768);
  CHECK(config->text->transformer.activation == Activation::quick_gelu);
  CHECK(config->text->eos_token_id == 49407);
  CHECK(config->vision->transformer.width == 1024);
}

TEST_CASE("an eos_token_id of 2 asks for the largest id, any other for itself") {
  CHECK_FALSE(config_of(R"({"model_type":"clip","text_config":{"eos_token_id":2}})")->text->eos_token_id);
  CHECK(config_of(R"({"model_type":"clip","text_config":{"eos_token_id":7}})")->text->eos_token_id == 7);
}

TEST_CASE("single-tower exports have their one tower") {
  const auto text =
      config_of(R"({"model_type":"clip_text_model","hidden_size":96,"num_attention_heads":3,"projection_dim":64})");
  REQUIRE(text.ok());
  CHECK(text->text->transformer.width == 96);
  CHECK(text->projection_dim == 64);
  CHECK_FALSE(text->vision);
  const auto vision = config_of(R"({"model_type":"clip_vision_model","patch_size":16})");
  REQUIRE(vision.ok());
  CHECK(vision->vision->grid.patch_size == 16);
  CHECK_FALSE(vision->text);
  const auto named = config_of(R"({"model_type":"clip","architectures":["CLIPVisionModelWithProjection"]})");
  REQUIRE(named.ok());
  CHECK_FALSE(named->text);
  CHECK(named->vision);
}

TEST_CASE("a config that cannot be computed is unsupported, naming file and key") {
  refuses(config_of(R"({"model_type":"bert"})"), ErrorCode::unsupported, "config.json", "\"bert\"");
  refuses(config_of("{}"), ErrorCode::unsupported, "config.json", "model_type");
  refuses(config_of(R"({"model_type":"clip","vision_config":{"hidden_act":"gelu_new"}})"), ErrorCode::unsupported,
          "config.json: vision_config.hidden_act", "\"gelu_new\"");
  refuses(config_of(R"({"model_type":"clip","vision_config":{"num_channels":1}})"), ErrorCode::unsupported,
          "config.json: vision_config.num_channels", "1");
}

TEST_CASE("a config of senseless sizes is refused before memory is taken, naming file and key") {
  const auto refuse_vision = [](const std::string& fields, const std::string& what) {
    refuses(config_of(R"({"model_type":"clip","vision_config":{)" + fields + "}}"), ErrorCode::corrupt_data,
            "config.json: vision_config.", what);
  };
  refuse_vision(R"("hidden_size":0)", "hidden_size is 0");
  refuse_vision(R"("hidden_size":1000000)", "hidden_size is 1000000");
  refuse_vision(R"("hidden_size":-8)", "hidden_size is -8");
  refuse_vision(R"("hidden_size":64.5)", "hidden_size is 64.5");
  refuse_vision(R"("hidden_size":"768")", "hidden_size is \"768\"");
  refuse_vision(R"("num_attention_heads":7)", "does not divide the width 768");
  refuse_vision(R"("num_hidden_layers":4000000000)", "num_hidden_layers");
  refuse_vision(R"("image_size":100000)", "image_size");
  refuse_vision(R"("patch_size":225)", "above image_size");
  refuse_vision(R"("layer_norm_eps":-1)", "layer_norm_eps");
  refuses(config_of(R"({"model_type":"clip","vision_config":{"image_size":2048,"patch_size":1}})"),
          ErrorCode::unsupported, "config.json", "4194304 patches");
  refuses(config_of(R"({"model_type":"clip","text_config":{"vocab_size":100}})"), ErrorCode::corrupt_data,
          "config.json", "eos_token_id is 49407");
  refuses(config_of(R"({"model_type":"clip","text_config":[]})"), ErrorCode::corrupt_data, "config.json: text_config",
          "not an object");
  refuses(config_of(R"({"model_type":"clip","projection_dim":0})"), ErrorCode::corrupt_data, "config.json",
          "projection_dim is 0");
}

TEST_CASE("a config that is no JSON object is refused with the place") {
  refuses(config_of("{\"model_type\":"), ErrorCode::corrupt_data, "config.json", "at byte 14");
  refuses(config_of("[]"), ErrorCode::corrupt_data, "config.json", "JSON object");
  refuses(config_of("{\"model_type\":\"\xff\"}"), ErrorCode::corrupt_data, "config.json", "UTF-8");
  refuses(config_of(std::string(2'000'000, ' ')), ErrorCode::too_large, "config.json", "2000000 bytes");
}

TEST_CASE("sizes of the preprocessing are read as integers and as objects") {
  const auto old =
      preprocess_of(R"({"feature_extractor_type":"CLIPFeatureExtractor","size":336,"crop_size":336})", 336);
  REQUIRE(old.ok());
  CHECK(old->resize == PreprocessConfig::Resize::shortest_edge);
  CHECK(old->resize_width == 336);
  CHECK(old->crop_height == 336);
  const auto now = preprocess_of(R"({"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":256},
    "crop_size":{"height":224,"width":224},"resample":2})");
  REQUIRE(now.ok());
  CHECK(now->resize_height == 256);
  CHECK(now->crop_width == 224);
  CHECK(now->filter == PreprocessConfig::Filter::bilinear);
  const auto exact = preprocess_of(R"({"size":{"height":224,"width":224},"do_center_crop":false})");
  REQUIRE(exact.ok());
  CHECK(exact->resize == PreprocessConfig::Resize::exact);
  CHECK_FALSE(exact->crop);
  const auto as_it_is = preprocess_of(R"({"do_resize":false})");
  REQUIRE(as_it_is.ok());
  CHECK(as_it_is->resize == PreprocessConfig::Resize::none);
}

TEST_CASE("missing keys of the preprocessing take CLIP's defaults") {
  const auto config = preprocess_of("{}");
  REQUIRE(config.ok());
  CHECK(config->resize_width == 224);
  CHECK(config->crop);
  CHECK(config->filter == PreprocessConfig::Filter::bicubic);
  CHECK(config->crop_rule == PreprocessConfig::CropRule::floor);
  CHECK(config->rescale_factor == doctest::Approx(1.0 / 255));
  CHECK(config->mean[1] == 0.4578275f);
  CHECK(config->std[2] == 0.27577711f);
}

TEST_CASE("mean, deviation and factor are read, and are neutral where they are switched off") {
  const auto set = preprocess_of(R"({"image_mean":[0.5,0.25,0],"image_std":[1,2,3],"rescale_factor":0.5})");
  REQUIRE(set.ok());
  CHECK(set->mean == std::array<float, 3>{0.5f, 0.25f, 0});
  CHECK(set->std == std::array<float, 3>{1, 2, 3});
  CHECK(set->rescale_factor == 0.5);
  const auto off = preprocess_of(R"({"do_normalize":false,"do_rescale":false,"image_mean":[9,9,9]})");
  REQUIRE(off.ok());
  CHECK(off->mean == std::array<float, 3>{0, 0, 0});
  CHECK(off->std == std::array<float, 3>{1, 1, 1});
  CHECK(off->rescale_factor == 1);
}

TEST_CASE("transformers 5 keeps the preprocessing inside processor_config.json") {
  const TemporaryFolder folder;
  folder.write("processor_config.json", R"({"image_processor":{"size":{"shortest_edge":224},"image_std":[1,1,1]}})");
  const auto config = read_preprocessor_config(folder.path(), 224);
  REQUIRE(config.ok());
  CHECK(config->std[0] == 1);
}

TEST_CASE("the preprocessing inside processor_config.json has priority over preprocessor_config.json") {
  const TemporaryFolder folder;
  folder.write("preprocessor_config.json", R"({"image_std":[2,2,2]})");
  folder.write("processor_config.json", R"({"processor_class":"CLIPProcessor"})");
  const auto std_of = [&] {
    const auto config = read_preprocessor_config(folder.path(), 224);
    REQUIRE_MESSAGE(config.ok(), config.error().message);
    return config->std[0];
  };
  CHECK(std_of() == 2);
  folder.write("processor_config.json", R"({"image_processor":{"image_std":[1,1,1]}})");
  CHECK(std_of() == 1);
}

TEST_CASE("null in the preprocessing is refused where it does not mean the default") {
  const std::string file = "preprocessor_config.json";
  for (const char* key : {"do_resize", "do_rescale", "do_normalize", "do_center_crop", "size", "crop_size", "resample",
                          "rescale_factor", "image_mean", "image_std"}) {
    refuses(preprocess_of("{\"" + std::string(key) + "\":null}"), ErrorCode::corrupt_data, file,
            std::string(key) + " is null, which is not the default in transformers");
  }
  CHECK(preprocess_of(R"({"do_convert_rgb":null,"do_pad":null,"data_format":null,"image_processor_type":null})").ok());
  CHECK(preprocess_of(R"({"do_rescale":false,"rescale_factor":null,"do_normalize":false,"image_mean":null})").ok());
  CHECK(preprocess_of(R"({"size":{"height":224,"width":224},"do_center_crop":false,"crop_size":null})").ok());
  CHECK(preprocess_of(R"({"do_resize":false,"size":null,"resample":null})").ok());
  // SigLIP's default is no crop.
  CHECK(preprocess_of(R"({"image_processor_type":"SiglipImageProcessor","size":{"height":224,"width":224},
                          "do_center_crop":null,"crop_size":null})")
            .ok());
}

TEST_CASE("padded pictures are refused") {
  CHECK(preprocess_of(R"({"do_pad":false})").ok());
  refuses(preprocess_of(R"({"do_pad":true,"pad_size":{"height":300,"width":300}})"), ErrorCode::unsupported,
          "preprocessor_config.json", "do_pad is true");
}

TEST_CASE("a key that is given twice is refused by name, wherever it is") {
  refuses(config_of(R"({"model_type":"clip","projection_dim":512,"projection_dim":256})"), ErrorCode::corrupt_data,
          "config.json", "has the key \"projection_dim\" twice");
  refuses(config_of(R"({"model_type":"clip","text_config":{"hidden_act":"gelu","hidden_\u0061ct":"quick_gelu"}})"),
          ErrorCode::corrupt_data, "config.json", "has the key \"hidden_act\" twice");
  CHECK(config_of(R"({"model_type":"clip","text_config":{},"vision_config":{"image_size":224}})").ok());
}

TEST_CASE("preprocessing that is absent, strange or does not fit is refused, naming file and key") {
  const std::string file = "preprocessor_config.json";
  const TemporaryFolder empty;
  refuses(read_preprocessor_config(empty.path(), 224), ErrorCode::not_found, file, "opened");
  refuses(preprocess_of(R"({"image_processor_type":"ViTImageProcessor"})"), ErrorCode::unsupported, file, "ViT");
  refuses(preprocess_of("{}", 336), ErrorCode::corrupt_data, file, "336 x 336");
  refuses(preprocess_of(R"({"do_center_crop":false})"), ErrorCode::corrupt_data, file, "224 x 224");
  refuses(preprocess_of(R"({"size":{"longest_edge":224}})"), ErrorCode::unsupported, file, "longest edge");
  refuses(preprocess_of(R"({"size":{"height":224}})"), ErrorCode::corrupt_data, file, "size");
  refuses(preprocess_of(R"({"crop_size":{"height":224,"width":1e9}})"), ErrorCode::corrupt_data, file, "crop_size");
  refuses(preprocess_of(R"({"size":0})"), ErrorCode::corrupt_data, file, "size is 0");
  refuses(preprocess_of(R"({"resample":9})"), ErrorCode::corrupt_data, file, "resample is 9");
  refuses(preprocess_of(R"({"image_std":[0,1,1]})"), ErrorCode::corrupt_data, file, "image_std");
  refuses(preprocess_of(R"({"image_mean":[0,1]})"), ErrorCode::corrupt_data, file, "image_mean");
}

TEST_CASE("the preprocessing is told in one line") {
  CHECK(describe(*preprocess_of("{}")) ==
        "RGB, shortest edge 224 bicubic (Pillow), centre crop 224, mean 0.481455 0.457828 0.408211, "
        "std 0.26863 0.261303 0.275777");
}

TEST_CASE("licence, demo flag and first sentence are read from the model card") {
  const TemporaryFolder folder;
  folder.write("README.md",
               "---\nlicense: \"mit\"\ndemo: true\ntags:\n- clip\n---\n\n# A model\n\n[badge](x)\nA small CLIP. It "
               "knows v1.5 houses.\nMore.\n");
  const ModelCard card = read_model_card(folder.path());
  CHECK(card.license == "mit");
  CHECK(card.demo);
  CHECK(card.description == "A small CLIP.");
}

TEST_CASE("an absent or odd model card is no error") {
  const TemporaryFolder folder;
  CHECK(read_model_card(folder.path()).license.empty());
  folder.write("README.md", "---\nlicense: \xff\xfe\n---\n\xff.");
  const ModelCard card = read_model_card(folder.path());
  CHECK(card.license.empty());
  CHECK(card.description.empty());
  CHECK_FALSE(card.demo);
  folder.write("README.md", "Plain words without front matter");
  CHECK(read_model_card(folder.path()).description == "Plain words without front matter");
}

TEST_CASE("a licence that has no name of its own is named by license_name") {
  for (const char* lines :
       {"license: other\nlicense_name: cc-by-nc-4.0", "license_name: cc-by-nc-4.0\nlicense: other"}) {
    const TemporaryFolder folder;
    folder.write("README.md", "---\n" + std::string(lines) + "\n---\nA model.\n");
    CHECK(read_model_card(folder.path()).license == "cc-by-nc-4.0");
  }
}

TEST_CASE("licences that exclude commercial use are recognised by their names") {
  for (const char* name : {"cc-by-nc-4.0", "CC BY-NC 4.0", "cc-by-nc-sa-4.0", "CC-BY-NC-ND-4.0", "cc-by-nc",
                           "CC BY NC 4.0", "cc-by-nc4.0"}) {
    INFO(name);
    CHECK(is_non_commercial(name));
  }
  for (const char* name : {"", "mit", "apache-2.0", "cc-by-4.0", "cc-by-sa-4.0", "cc0-1.0", "by-ncx"}) {
    INFO(name);
    CHECK_FALSE(is_non_commercial(name));
  }
}
