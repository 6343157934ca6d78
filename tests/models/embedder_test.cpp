#include "models/embedder.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "models/model_folder/safetensors_writer.h"
#include "tests/base/has_text.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

constexpr const char* k_models[] = {"clip-quick-gelu-f32", "clip-gelu-f16", "jina-clip-f32", "jina-clip-v2-f16",
                                    "siglip-f32"};

std::unique_ptr<Embedder> load(const std::filesystem::path& folder) {
  Embedder::Options options;
  options.folder = folder.string();
  options.threads = 1;  // these models are too small to gain from more
  auto embedder = Embedder::load(options);
  REQUIRE_MESSAGE(embedder.ok(), embedder.error().message);
  return std::move(*embedder);
}

Error load_fault(const std::filesystem::path& folder) {
  Embedder::Options options;
  options.folder = folder.string();
  const auto embedder = Embedder::load(options);
  REQUIRE_FALSE(embedder.ok());
  return embedder.error();
}

/// A shipped model with the tensors of one tower only.
void write_single_tower(const TemporaryFolder& folder, const char* model, const std::string& model_type,
                        const std::string& tower, const std::string& projection, const std::string& config) {
  const auto views = read_safetensors(fixture(model) / "model.safetensors");
  REQUIRE(views.ok());
  std::vector<TensorSpec> specs;
  std::string data;
  for (const TensorView& view : *views) {
    if (!view.name.starts_with(tower) && !view.name.starts_with(projection)) continue;
    specs.push_back({view.name, view.dtype, view.shape});
    data += *view.bytes();
  }
  folder.write("model.safetensors", safetensors_header(specs) + data);
  folder.write("config.json", R"({"model_type":")" + model_type + "\"," + config + "}");
}

}  // namespace

TEST_CASE("strings and picture files embed as the reference embeds them, in any mixture and in input order") {
  for (const char* model : k_models) {
    INFO(model);
    const ExpectedVectors expected = expected_vectors(model);
    const auto embedder = load(fixture(model));
    REQUIRE(embedder->warm_up().ok());
    ExpectedBatch batch;
    REQUIRE(expected.images.size() >= 5);
    for (std::size_t i = 0; i < expected.texts.size(); ++i) {
      CHECK(batch.add(*embedder, expected.texts[i]).ids == expected.texts[i].ids);
      if (i < expected.images.size()) batch.add(*embedder, expected.images[i]);
    }
    batch.check(*embedder);
  }
}

TEST_CASE("a model tells what it is") {
  const auto embedder = load(fixture("clip-gelu-f16"));
  const ModelInfo& info = embedder->info();
  CHECK(info.architecture == "clip");
  CHECK(info.dims == 40);
  CHECK(info.max_tokens == 77);
  CHECK(info.image_size == 224);
  CHECK(info.dtype == "float32");
  CHECK(info.device == "cpu");
  CHECK(info.has_text);
  CHECK(info.has_image);
  CHECK(info.weight_bytes == std::filesystem::file_size(fixture("clip-gelu-f16/model.safetensors")));
  CHECK(info.parameters * 2 < info.weight_bytes);
  CHECK(info.parameters * 2 + 16'000 > info.weight_bytes);
  has(info.preprocessing, "centre crop 224");
}

TEST_CASE("jina-clip takes 512 tokens unless more is asked for, up to 8192") {
  Embedder::Options options;
  options.folder = fixture("jina-clip-f32").string();
  options.threads = 1;
  const auto usual = Embedder::load(options);
  REQUIRE(usual.ok());
  CHECK((*usual)->info().architecture == "jina-clip");
  CHECK((*usual)->info().max_tokens == 512);
  CHECK((*usual)->info().dims == 48);
  CHECK((*usual)->info().logit_scale > 0);
  has((*usual)->info().preprocessing, "shortest edge 224 bicubic");
  std::string text;
  for (int i = 0; i < 9000; ++i) text += "a ";
  CHECK((*usual)->prepare_text(text, Truncate::end)->ids.size() == 512);
  options.max_tokens = 8192;
  const auto most = Embedder::load(options);
  REQUIRE(most.ok());
  CHECK((*most)->info().max_tokens == 8192);
  CHECK((*most)->prepare_text(text, Truncate::end)->ids.size() == 8192);
  for (const std::uint32_t wrong : {1u, 8193u}) {
    options.max_tokens = wrong;
    const auto refused = Embedder::load(options);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::invalid_argument);
    has(refused.error().message, "takes from 2 to 8192");
  }
}

TEST_CASE("a tokenizer's limit below the model's positions limits CLIP's texts, and is refused for SigLIP") {
  const TemporaryFolder clip, siglip;
  for (const char* file : {"config.json", "preprocessor_config.json", "model.safetensors", "tokenizer.json"}) {
    clip.write(file, content_of(fixture("clip-gelu-f16") / file));
  }
  for (const auto& [limit, tokens] : {std::pair{"20", 20u},
                                      {"77", 77u},
                                      {"512", 77u},
                                      {"1", 77u},
                                      {"null", 77u},
                                      {"1000000000000000019884624838656", 77u}}) {
    clip.write("tokenizer_config.json", "{\"model_max_length\":" + std::string(limit) + "}");
    CHECK(load(clip.path())->info().max_tokens == tokens);
  }
  for (const char* file : {"config.json", "preprocessor_config.json", "model.safetensors", "spiece.model"}) {
    siglip.write(file, content_of(fixture("siglip-f32") / file));
  }
  for (const char* limit : {"64", "100", "1000000000000000019884624838656"}) {
    siglip.write("tokenizer_config.json", "{\"model_max_length\":" + std::string(limit) + "}");
    CHECK(load(siglip.path())->info().max_tokens == 64);
  }
  siglip.write("tokenizer_config.json", R"({"model_max_length":32})");
  has(load_fault(siglip.path()).message,
      "padded to model_max_length of tokenizer_config.json, 32, but max_position_embeddings of config.json is 64");
}

TEST_CASE("SigLIP pads every text to its 64 places and counts only the text's own tokens") {
  const auto embedder = load(fixture("siglip-f32"));
  CHECK(embedder->info().architecture == "siglip");
  CHECK(embedder->info().max_tokens == 64);
  CHECK(embedder->info().logit_scale == doctest::Approx(10).epsilon(1e-3));
  REQUIRE(embedder->info().logit_bias);
  CHECK(*embedder->info().logit_bias == doctest::Approx(-10));
  has(embedder->info().preprocessing, "resized to 224 bicubic (Pillow), mean 0.5");
  const auto text = embedder->prepare_text("a photo of a cat", Truncate::end);
  REQUIRE(text.ok());
  CHECK(text->ids.size() == 64);
  CHECK(text->tokens() == text->full_length);
  CHECK(text->tokens() < 20);
  CHECK_FALSE(text->truncated());
  std::string many = "cat";
  for (int i = 0; i < 100; ++i) many += " cat";
  const auto cut = embedder->prepare_text(many, Truncate::end);
  REQUIRE(cut.ok());
  CHECK(cut->ids.size() == 64);
  CHECK(cut->tokens() == 64);
  CHECK(cut->truncated());
  PreparedText bare = *text;
  bare.ids.resize(bare.tokens());
  const auto refused = embedder->embed(std::vector<Prepared>{bare});
  REQUIRE_FALSE(refused[0].ok());
  has(refused[0].error().message, "exactly 64");
}

TEST_CASE("SigLIP2 is a SigLIP whose tokenizer is Gemma's, padded as its files say") {
  const TemporaryFolder folder;
  for (const char* file : {"config.json", "preprocessor_config.json", "model.safetensors"}) {
    folder.write(file, content_of(fixture("siglip-f32") / file));
  }
  folder.write("tokenizer.json", content_of(fixture("../tokenizer/gemma_tokenizer.json")));
  for (const bool left : {false, true}) {
    folder.write("tokenizer_config.json", left ? R"({"padding_side":"left"})" : R"({"padding_side":"right"})");
    const auto embedder = load(folder.path());
    REQUIRE(embedder->warm_up().ok());
    const auto text = embedder->prepare_text("A Cat", Truncate::end);
    REQUIRE(text.ok());
    REQUIRE(text->ids.size() == 64);
    CHECK((left ? text->ids.front() : text->ids.back()) == 0);
    CHECK((left ? text->ids.back() : text->ids.at(text->tokens() - 1)) == 1);
    CHECK(embedder->prepare_text("a cat", Truncate::end)->ids == text->ids);
  }
  std::filesystem::remove(folder.path() / "tokenizer.json");
  folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n");
  has(load_fault(folder.path()).message, "requires padded texts");
}

TEST_CASE("an input that is no input fails alone") {
  const auto embedder = load(fixture("clip-gelu-f16"));
  PreparedImage small;
  small.width = small.height = 100;
  small.rgb.resize(30'000);
  PreparedImage lying;
  lying.width = lying.height = 224;
  lying.rgb.resize(10);
  PreparedText foreign;
  foreign.ids = {788, 100'000, 789};
  const PreparedText good = *embedder->prepare_text("a photo of a cat", Truncate::end);
  const std::vector<Prepared> batch{good, small, foreign, lying, PreparedText{}, good};
  const auto results = embedder->embed(batch);
  REQUIRE(results.size() == 6);
  REQUIRE(results[0].ok());
  REQUIRE(results[5].ok());
  CHECK(max_difference(*results[0], *results[5]) < 1e-6);
  for (std::size_t i = 1; i < 5; ++i) {
    REQUIRE_FALSE(results[i].ok());
    CHECK(results[i].error().code == ErrorCode::invalid_argument);
  }
  CHECK(embedder->embed({}).empty());
}

TEST_CASE("lower precisions tell how near they come to float32, and take up that check") {
  for (const char* dtype : {"bfloat16", "int8"}) {
    int loaded = 0;
    for (const char* model : k_models) {
      CAPTURE(model);
      CAPTURE(dtype);
      Embedder::Options options;
      options.folder = fixture(model).string();
      options.threads = 1;
      options.dtype = dtype;
      const auto embedder = Embedder::load(options);
      if (!embedder && embedder.error().code == ErrorCode::unsupported) {
        // A processor without the instructions; or noise of so small a model that it is refused, which says why.
        has(embedder.error().message, "--dtype");
        continue;
      }
      REQUIRE_MESSAGE(embedder.ok(), embedder.error().message);
      const ModelInfo& info = (*embedder)->info();
      CHECK(info.dtype == dtype);
      REQUIRE(info.precision_check);
      CHECK(info.precision_check->inputs == 10);
      CHECK(info.precision_check->lowest_cosine >= 0.99);
      CHECK(info.precision_check->lowest_cosine < 1);
      CHECK(info.precision_check->mean_cosine >= info.precision_check->lowest_cosine);
      CHECK_FALSE(load(fixture(model))->info().precision_check);
      ++loaded;
    }
    CHECK(loaded > 0);
  }
}

TEST_CASE("weights that are not finite are refused by name") {
  const TemporaryFolder folder;
  for (const char* file : {"config.json", "preprocessor_config.json", "tokenizer.json"}) {
    folder.write(file, content_of(fixture("clip-quick-gelu-f32") / file));
  }
  std::string weights = content_of(fixture("clip-quick-gelu-f32/model.safetensors"));
  const auto views = read_safetensors(fixture("clip-quick-gelu-f32/model.safetensors"));
  REQUIRE(views.ok());
  for (const TensorView& view : *views) {
    if (view.name != "text_projection.weight") continue;
    weights.replace(view.begin, 4, std::string("\0\0\xc0\x7f", 4));  // a NaN
  }
  folder.write("model.safetensors", weights);
  const Error fault = load_fault(folder.path());
  CHECK(fault.code == ErrorCode::corrupt_data);
  has(fault.message, "wrong (1): text_projection.weight contains numbers that are not finite");
}

TEST_CASE("a model goes on when its files are cut short or taken away") {
  const TemporaryFolder folder;
  for (const char* file : {"config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"}) {
    folder.write(file, content_of(fixture("clip-quick-gelu-f32") / file));
  }
  const auto embedder = load(folder.path());
  const auto vector_of = [&](const char* text) {
    const Prepared input = *embedder->prepare_text(text, Truncate::end);
    return *embedder->embed({&input, 1}).front();
  };
  const std::vector<float> before = vector_of("a cat");
  for (const char* file : {"model.safetensors", "tokenizer.json", "config.json"}) folder.write(file, "");
  CHECK(vector_of("a cat") == before);
}

TEST_CASE("a file of weights that is cut short while it is loaded is an error") {
  const TemporaryFolder folder;
  folder.write("model.safetensors", content_of(fixture("clip-quick-gelu-f32") / "model.safetensors"));
  const auto views = read_safetensors(folder.path() / "model.safetensors");
  REQUIRE(views.ok());
  const TensorView& last = views->back();
  std::filesystem::resize_file(folder.path() / "model.safetensors", last.begin + 1);
  CHECK(views->front().bytes().ok());
  const auto bytes = last.bytes();
  REQUIRE_FALSE(bytes.ok());
  CHECK(bytes.error().code == ErrorCode::corrupt_data);
  CHECK(bytes.error().message == (folder.path() / "model.safetensors").string() + " ends after " +
                                     std::to_string(last.begin + 1) + " of " +
                                     std::to_string(last.begin + last.size_bytes) +
                                     " bytes: it was changed while it was read; download it again");
}

TEST_CASE("a text-only export embeds texts and refuses pictures") {
  const char* const k_model = "clip-gelu-f16";
  const TemporaryFolder folder;
  write_single_tower(folder, k_model, "clip_text_model", "text_model.", "text_projection.",
                     R"("hidden_size":32,"num_attention_heads":2,"num_hidden_layers":3,"intermediate_size":96,
                        "hidden_act":"gelu","vocab_size":790,"eos_token_id":789,"projection_dim":40)");
  folder.write("tokenizer.json", content_of(fixture(k_model) / "tokenizer.json"));
  const auto embedder = load(folder.path());
  CHECK(embedder->info().has_text);
  CHECK_FALSE(embedder->info().has_image);
  CHECK(embedder->warm_up().ok());
  const ExpectedText expected = expected_vectors(k_model).texts[2];
  const std::vector<Prepared> batch{*embedder->prepare_text(expected.text, Truncate::end), PreparedImage{}};
  const auto results = embedder->embed(batch);
  REQUIRE(results[0].ok());
  CHECK(max_difference(*results[0], expected.unit) < 1e-5);
  REQUIRE_FALSE(results[1].ok());
  CHECK(results[1].error().code == ErrorCode::unsupported);
  const auto image = embedder->prepare_image("x");
  REQUIRE_FALSE(image.ok());
  CHECK(image.error().code == ErrorCode::unsupported);
  CHECK(image.error().message == "the model has no vision tower: it embeds only texts");
}

TEST_CASE("a vision-only export embeds pictures, needs no tokenizer and refuses texts") {
  const char* const k_model = "clip-gelu-f16";
  const TemporaryFolder folder;
  write_single_tower(folder, k_model, "clip_vision_model", "vision_model.", "visual_projection.",
                     R"("hidden_size":96,"num_attention_heads":3,"num_hidden_layers":2,"intermediate_size":192,
                        "hidden_act":"gelu","patch_size":32,"projection_dim":40)");
  folder.write("preprocessor_config.json", "{}");
  const auto embedder = load(folder.path());
  CHECK_FALSE(embedder->info().has_text);
  CHECK(embedder->warm_up().ok());
  const ExpectedImage expected = expected_vectors(k_model).images[0];
  const auto image = embedder->prepare_image(content_of(fixture("pictures") / expected.file));
  REQUIRE(image.ok());
  const auto results = embedder->embed(std::vector<Prepared>{*image, PreparedText{}});
  REQUIRE(results[0].ok());
  CHECK(max_difference(*results[0], expected.unit) < 1e-5);
  CHECK(results[1].error().code == ErrorCode::unsupported);
  const auto text = embedder->prepare_text("x", Truncate::end);
  REQUIRE_FALSE(text.ok());
  CHECK(text.error().code == ErrorCode::unsupported);
  CHECK(text.error().message == "the model has no text tower: it embeds only pictures");
}

TEST_CASE("a folder that lacks or mixes files is refused, naming the file") {
  const TemporaryFolder folder;
  has(load_fault(folder.path() / "nowhere").message, "nowhere");
  has(load_fault(folder.path()).message, "model.safetensors");
  folder.write("model.safetensors", content_of(fixture("clip-gelu-f16/model.safetensors")));
  has(load_fault(folder.path()).message, "config.json");
  folder.write("config.json", content_of(fixture("clip-gelu-f16/config.json")));
  has(load_fault(folder.path()).message, "preprocessor_config.json");
  folder.write("preprocessor_config.json", "{}");
  has(load_fault(folder.path()).message, "tokenizer");
  folder.write("tokenizer.json", content_of(fixture("clip-gelu-f16/tokenizer.json")));
  CHECK(load(folder.path())->warm_up().ok());
  const std::string config =
      replaced(content_of(fixture("clip-gelu-f16/config.json")), "\"eos_token_id\": 789", "\"eos_token_id\": 2");
  folder.write("config.json", replaced(config, "\"vocab_size\": 790", "\"vocab_size\": 789"));
  has(load_fault(folder.path()).message, "the tokenizer has 790 ids");
}
