// Models in OpenCLIP's layout, compared with OpenCLIP's own results (tests/fixtures/make_open_clip.py).
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <vector>

#include "models/embedder.h"
#include "models/model_folder/logit_scale.h"
#include "models/model_folder/model_fingerprint.h"
#include "models/model_folder/model_folder.h"
#include "models/model_folder/open_clip_tensors.h"
#include "models/model_folder/safetensors_writer.h"
#include "models/tokenizer/open_clip_tokenizer.h"
#include "models/towers/towers.h"
#include "tests/base/has_text.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

Result<std::unique_ptr<Embedder>> load(const std::filesystem::path& folder) {
  Embedder::Options options;
  options.folder = folder.string();
  options.threads = 1;
  return Embedder::load(options);
}

std::string load_fault(const std::filesystem::path& folder, ErrorCode code) {
  const auto loaded = load(folder);
  REQUIRE_FALSE(loaded.ok());
  INFO(loaded.error().message);
  CHECK(loaded.error().code == code);
  return loaded.error().message;
}

/// A copy of a fixture, whose tensors and files a test may change.
struct EditableFolder {
  TemporaryFolder folder;
  std::map<std::string, std::pair<TensorSpec, std::string>> tensors;

  explicit EditableFolder(const char* model) {
    for (const auto& entry : std::filesystem::directory_iterator(fixture(model))) {
      const std::string name = entry.path().filename().string();
      if (name == "expected.json") continue;
      if (!name.ends_with(".safetensors")) {
        folder.write(name, content_of(entry.path()));
        continue;
      }
      const auto views = read_safetensors(entry.path());
      REQUIRE(views.ok());
      for (const TensorView& view : *views) {
        tensors[view.name] = {{view.name, view.dtype, view.shape}, *view.bytes()};
      }
    }
  }

  void edit(const std::string& name, std::string_view from, std::string_view to) const {
    folder.write(name, replaced(content_of(folder.path() / name), from, to));
  }

  /// Writes the weights, each name after `start`.
  void write(const std::string& file, const std::string& start = "") const {
    std::vector<TensorSpec> specs;
    std::string data;
    for (const auto& [name, tensor] : tensors) {
      specs.push_back(tensor.first);
      specs.back().name = start + name;
      data += tensor.second;
    }
    folder.write(file, safetensors_header(specs) + data);
  }

  std::string fault(ErrorCode code) const {
    write("open_clip_model.safetensors");
    return load_fault(folder.path(), code);
  }
};

/// Ids with OpenCLIP's padding.
std::vector<std::int32_t> padded(const PreparedText& text, std::size_t size, std::int32_t id) {
  std::vector<std::int32_t> ids = text.ids;
  if (ids.size() < size) ids.resize(size, id);
  return ids;
}

/// The two fixtures with towers of timm are smaller than any that timm has under a name.
OpenClipConfig siglip_config() {
  const TransformerConfig text{32, 4, 2, 128, 1e-6, Activation::gelu_tanh};
  const TransformerConfig vision{48, 4, 2, 120, 1e-6, Activation::gelu};
  return {48, SiglipTextConfig{text, 512, 16, 48}, SiglipVisionConfig{vision, {32, 16}}, true, true};
}

OpenClipConfig eva_config() {
  const ClipTextConfig text{{32, 4, 2, 128, 1e-5, Activation::gelu}, 814, 24, {}};
  EvaVisionConfig vision{{48, 4, 2, 128, 1e-6, Activation::silu}, {48, 16}};
  vision.rotary_step = 16.0 / 3;
  vision.head = EvaVisionConfig::Head{24, true, true};
  return {24, text, vision, true, false};
}

/// Compares both towers and the preparation of a fixture, whose configuration is given, with its expected.json.
void check_towers(const char* name, const OpenClipConfig& config) {
  const std::filesystem::path folder = fixture(name);
  auto weights = open_clip_weights(folder);
  REQUIRE_MESSAGE(weights.ok(), weights.error().message);
  const auto checkpoint = named_for_towers(*weights, config);
  REQUIRE_MESSAGE(checkpoint.ok(), checkpoint.error().message);
  const auto json = JsonFile::read(folder / k_open_clip_config_file);
  REQUIRE(json.ok());
  const auto preprocess = read_open_clip_preprocess(*json, config.image_size());
  REQUIRE(preprocess.ok());
  const PixelScale scale{preprocess->rescale_factor, preprocess->mean, preprocess->std};
  const auto towers = Towers::load(*checkpoint, config, scale, {.threads = 1});
  REQUIRE_MESSAGE(towers.ok(), towers.error().message);
  const auto tokenizer = load_open_clip_tokenizer(folder);
  REQUIRE_MESSAGE(tokenizer.ok(), tokenizer.error().message);

  const std::size_t tokens = shape_of(config).text->max_tokens;
  const ExpectedVectors expected = expected_vectors(name);
  REQUIRE(expected.texts.size() >= 10);
  for (const ExpectedText& text : expected.texts) {
    INFO(text.text);
    const auto prepared = (*tokenizer)->encode(text.text, tokens, Truncate::end);
    REQUIRE(prepared.ok());
    const std::vector<std::int32_t> ids = padded(*prepared, tokens, (*tokenizer)->padding()->id);
    CHECK(ids == text.ids);
    const auto raw = (*towers)->encode_texts(std::vector<std::span<const std::int32_t>>{ids}).front();
    REQUIRE_MESSAGE(raw.ok(), raw.error().message);
    CHECK(max_difference(unit_of(*raw), text.unit) < 1e-5);
  }
  for (const ExpectedImage& image : expected.images) {
    INFO(image.file);
    const auto window = preprocess_image(content_of(fixture("pictures") / image.file), *preprocess, {});
    REQUIRE(window.ok());
    const auto raw = (*towers)->encode_images(std::vector<const std::uint8_t*>{window->rgb.data()}).front();
    REQUIRE(raw.ok());
    CHECK(max_difference(unit_of(*raw), image.unit) < 1e-5);
  }
}

}  // namespace

TEST_CASE("folders of OpenCLIP embed as OpenCLIP embeds them, with flat names and those of custom_text") {
  for (const char* name : {"open-clip-gelu", "open-clip-quick-gelu"}) {
    INFO(name);
    const ExpectedVectors expected = expected_vectors(name);
    auto loaded = load(fixture(name));
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    Embedder& model = **loaded;
    CHECK(model.info().architecture == "clip");
    CHECK(model.info().dims == 24);
    CHECK(model.info().max_tokens == 24);
    CHECK(model.info().image_size == 64);
    REQUIRE(model.warm_up().ok());
    ExpectedBatch batch;
    for (const ExpectedText& text : expected.texts) {
      INFO(text.text);
      CHECK(padded(batch.add(model, text), 24, 0) == text.ids);
    }
    for (const ExpectedImage& image : expected.images) batch.add(model, image);
    batch.check(model);
  }
}

TEST_CASE("timm's SigLIP tower with attention pooling, and a text tower without a mask") {
  check_towers("open-clip-siglip", siglip_config());
}

TEST_CASE("timm's EVA02 tower with its head") {
  check_towers("open-clip-eva", eva_config());
}

TEST_CASE("the preprocessing, the logit scale and the logit bias are those of the files") {
  const auto plain = load(fixture("open-clip-gelu"));
  REQUIRE(plain.ok());
  has((*plain)->info().preprocessing, "shortest edge 64 bicubic (Pillow), centre crop 64, mean 0.481455");
  CHECK((*plain)->info().logit_scale == doctest::Approx(1 / 0.07));
  CHECK_FALSE((*plain)->info().logit_bias);
  const auto other = load(fixture("open-clip-quick-gelu"));
  REQUIRE(other.ok());
  has((*other)->info().preprocessing,
      "longest edge 64 bilinear (Pillow), centre crop 64 on 90, mean 0.5 0.4 0.3, std 0.25");
  CHECK((*other)->info().logit_bias == -10.0f);
}

TEST_CASE("a folder with both layouts is Hugging Face's, and one with only OpenCLIP's tensors is OpenCLIP's") {
  EditableFolder both("clip-gelu-f16");
  both.folder.write(k_open_clip_config_file, "{}");
  both.write("model.safetensors");
  CHECK(layout_of(both.folder.path()) == FolderLayout::hugging_face);
  const EditableFolder wrapped("open-clip-gelu");
  wrapped.folder.write("config.json", R"({"model_type":"siglip"})");
  wrapped.write("model.safetensors", "model.");
  CHECK(layout_of(wrapped.folder.path()) == FolderLayout::open_clip);
  const auto loaded = load(wrapped.folder.path());
  CHECK_MESSAGE(loaded.ok(), loaded.error().message);
}

TEST_CASE("in a folder with both layouts damaged weights of Hugging Face's are reported, not replaced by OpenCLIP's") {
  const EditableFolder both("open-clip-gelu");
  both.write("open_clip_model.safetensors");
  REQUIRE(load(both.folder.path()).ok());
  both.folder.write("config.json", R"({"model_type":"siglip"})");
  const std::string whole = *read_text_file(both.folder.path() / "open_clip_model.safetensors", 1 << 20);
  both.folder.write("model.safetensors", whole.substr(0, whole.size() - 1));
  CHECK(layout_of(both.folder.path()) == FolderLayout::hugging_face);
  CHECK_FALSE(load(both.folder.path()).ok());
  std::filesystem::remove(both.folder.path() / "model.safetensors");
  both.folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"model-00001-of-00002.safetensors"}})");
  CHECK(layout_of(both.folder.path()) == FolderLayout::hugging_face);
}

TEST_CASE("tensors without their configuration are named with the file that is missing") {
  const EditableFolder model("open-clip-gelu");
  std::filesystem::remove(model.folder.path() / k_open_clip_config_file);
  model.write("model.safetensors");
  has(load_fault(model.folder.path(), ErrorCode::unsupported),
      "open_clip_config.json, which describes such a model, is missing");
  model.folder.write("config.json", R"({"model_type":"clip"})");
  model.folder.write("preprocessor_config.json", "{}");
  has(load_fault(model.folder.path(), ErrorCode::unsupported),
      "open_clip_config.json, which describes such a model, is missing");
}

TEST_CASE("older names without text. load with custom_text, but not the other way round") {
  EditableFolder model("open-clip-gelu");
  model.edit(k_open_clip_config_file, R"("embed_dim": 24)", R"("custom_text": true, "embed_dim": 24)");
  model.write("open_clip_model.safetensors");
  CHECK(load(model.folder.path()).ok());
  EditableFolder custom("open-clip-quick-gelu");
  custom.edit(k_open_clip_config_file, R"("custom_text": true)", R"("custom_text": false)");
  const std::string fault = custom.fault(ErrorCode::corrupt_data);
  has(fault, "the tensors do not match open_clip_config.json");
  has(fault, "ln_final.bias");
  has(fault, "text.ln_final.bias");
}

TEST_CASE("tensors that are missing, unknown or of another shape are listed by OpenCLIP's names") {
  EditableFolder missing("open-clip-gelu");
  missing.tensors.erase("visual.ln_pre.weight");
  missing.tensors.erase("transformer.resblocks.1.attn.in_proj_weight");
  const std::string fault = missing.fault(ErrorCode::corrupt_data);
  has(fault, "missing (2): ");
  has(fault, "transformer.resblocks.1.attn.in_proj_weight");
  has(fault, "visual.ln_pre.weight");

  EditableFolder unknown("open-clip-gelu");
  unknown.tensors["visual.ls_1.gamma"] = unknown.tensors["visual.ln_pre.weight"];
  has(unknown.fault(ErrorCode::corrupt_data), "unknown (1): visual.ls_1.gamma");

  EditableFolder bias("open-clip-gelu");
  bias.tensors["logit_bias"] = bias.tensors["logit_scale"];
  has(bias.fault(ErrorCode::corrupt_data), "unknown (1): logit_bias");

  EditableFolder misshapen("open-clip-gelu");
  misshapen.tensors["visual.proj"].first.shape = {24, 48};
  has(misshapen.fault(ErrorCode::corrupt_data),
      "visual.proj is F16 [24, 48], open_clip_config.json requires a float [48, 24]");

  EditableFolder larger("open-clip-gelu");
  larger.edit(k_open_clip_config_file, R"("image_size": 64)", R"("image_size": 96)");
  has(larger.fault(ErrorCode::corrupt_data), "visual.positional_embedding is F16 [17, 48]");
}

TEST_CASE("weights only as a pickle, or none, are reported with what to do") {
  const EditableFolder model("open-clip-gelu");
  std::filesystem::remove(model.folder.path() / "open_clip_model.safetensors");
  has(load_fault(model.folder.path(), ErrorCode::not_found),
      "neither open_clip_model.safetensors nor model.safetensors");
  model.folder.write("open_clip_pytorch_model.bin", "x");
  has(load_fault(model.folder.path(), ErrorCode::unsupported), "only as open_clip_pytorch_model.bin, a pickle");
}

TEST_CASE("a vocabulary that is missing or of another model is reported with what to download") {
  const EditableFolder model("open-clip-gelu");
  model.write("open_clip_model.safetensors");
  model.edit(k_open_clip_config_file, R"("vocab_size": 814)", R"("vocab_size": 813)");
  has(load_fault(model.folder.path(), ErrorCode::corrupt_data), "token_embedding.weight is F16 [814, 32]");
  model.edit(k_open_clip_config_file, R"("vocab_size": 813)", R"("vocab_size": 814)");
  std::filesystem::remove(model.folder.path() / "vocab.json");
  has(load_fault(model.folder.path(), ErrorCode::not_found), "download tokenizer.json of openai/clip-vit-base-patch32");
  model.edit(k_open_clip_config_file, R"("vocab_size")",
             R"("hf_tokenizer_name": "timm/ViT-B-16-SigLIP2", "vocab_size")");
  has(load_fault(model.folder.path(), ErrorCode::not_found), "special_tokens_map.json of timm/ViT-B-16-SigLIP2");
}

TEST_CASE("the fingerprint depends on OpenCLIP's files only") {
  const EditableFolder model("open-clip-gelu");
  model.write("open_clip_model.safetensors");
  const auto first = model_fingerprint(model.folder.path(), "float32", false);
  REQUIRE_MESSAGE(first.ok(), first.error().message);
  model.folder.write("config.json", "{}");
  model.folder.write("preprocessor_config.json", "{}");
  CHECK(*model_fingerprint(model.folder.path(), "float32", false) == *first);
  model.edit(k_open_clip_config_file, R"("embed_dim": 24)", R"("quick_gelu": true, "embed_dim": 24)");
  CHECK(*model_fingerprint(model.folder.path(), "float32", false) != *first);
}

TEST_CASE("lower precisions agree with float32") {
  Embedder::Options options;
  options.folder = fixture("open-clip-gelu").string();
  options.dtype = "bfloat16";
  const auto loaded = Embedder::load(options);
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  CHECK((*loaded)->info().precision_check->lowest_cosine > 0.99);
}
