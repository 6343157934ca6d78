// A small jina-clip-v2 with random weights: its adapter, its lengths, and checkpoints that are not its own
// (tests/fixtures/make_jina_clip_v2.py). Vectors are compared in embedder_test.cpp and towers_test.cpp.
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "models/embedder.h"
#include "tests/base/has_text.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/folder_copy.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

constexpr const char* k_model = "jina-clip-v2-f16";
const std::string k_layer = "text_model.transformer.roberta.encoder.layers.1.";

Result<std::unique_ptr<Embedder>> load(const std::filesystem::path& folder) {
  Embedder::Options options;
  options.folder = folder.string();
  options.threads = 1;
  return Embedder::load(options);
}

struct Copy : TensorCopy {
  explicit Copy(const char* model = k_model) : TensorCopy(model) {}

  Result<std::unique_ptr<Embedder>> loaded() const {
    write();
    return load(folder.path());
  }

  std::string fault() const {
    const auto embedder = loaded();
    REQUIRE_FALSE(embedder.ok());
    CHECK(embedder.error().code == ErrorCode::corrupt_data);
    return embedder.error().message;
  }
};

std::vector<float> vector_of(const Result<std::unique_ptr<Embedder>>& embedder, const std::string& text) {
  REQUIRE_MESSAGE(embedder.ok(), embedder.error().message);
  auto prepared = (*embedder)->prepare_text(text, Truncate::end);
  REQUIRE(prepared.ok());
  const Prepared batch[] = {*std::move(prepared)};
  const auto results = (*embedder)->embed(batch);
  REQUIRE(results[0].ok());
  return *results[0];
}

}  // namespace

TEST_CASE("jina-clip-v2 tells what it is, its lengths and its licence") {
  const auto embedder = load(fixture(k_model));
  REQUIRE_MESSAGE(embedder.ok(), embedder.error().message);
  const ModelInfo& info = (*embedder)->info();
  CHECK(info.architecture == "jina-clip-v2");
  CHECK(info.dims == 40);
  CHECK(info.matryoshka_dims == std::vector<std::uint32_t>{8, 16, 32, 40});
  CHECK(info.max_tokens == 512);
  CHECK(info.image_size == 64);
  CHECK(info.license == "cc-by-nc-4.0");
  CHECK(info.non_commercial);
  const Copy licensed;
  licensed.folder.write("README.md", "---\nlicense: apache-2.0\n---\nMine.\n");
  const auto other = licensed.loaded();
  REQUIRE(other.ok());
  CHECK((*other)->info().license == "apache-2.0");
  CHECK_FALSE((*other)->info().non_commercial);
}

TEST_CASE("pictures are cut to the reference's bytes for jina-clip-v2") {
  const auto embedder = load(fixture(k_model));
  REQUIRE(embedder.ok());
  rapidjson::Document json;
  json.Parse(content_of(fixture(k_model) / "expected.json"));
  REQUIRE(json["images"].Size() >= 5);
  for (const auto& image : json["images"].GetArray()) {
    INFO(image["file"].GetString());
    const auto prepared = (*embedder)->prepare_image(content_of(fixture("pictures") / image["file"].GetString()));
    REQUIRE(prepared.ok());
    const std::string_view bytes(reinterpret_cast<const char*>(prepared->rgb.data()), prepared->rgb.size());
    CHECK(sha256_hex(bytes) == image["window"].GetString());
  }
}

TEST_CASE("jina-clip-v2's adapter, its scale and its task change the vectors") {
  const ExpectedText text = expected_vectors(k_model).texts[4];
  Copy plain;
  for (auto& [name, tensor] : plain.tensors) {
    if (name.ends_with("lora_B")) tensor.second.assign(tensor.second.size(), '\0');
  }
  const auto without = vector_of(plain.loaded(), text.text);
  CHECK(max_difference(without, text.unit) > 0.02);
  const Copy same;
  CHECK(max_difference(vector_of(same.loaded(), text.text), text.unit) < 1e-5);
  same.folder.edit("config.json", "\"lora_alpha\": 6", "\"lora_alpha\": 0");
  CHECK(max_difference(vector_of(same.loaded(), text.text), without) < 1e-6);
  same.folder.edit("config.json", "\"lora_alpha\": 0", "\"lora_alpha\": 5");
  CHECK(max_difference(vector_of(same.loaded(), text.text), text.unit) > 1e-3);
  const Copy other;
  other.folder.edit("config.json", "\"default_lora_task\": \"retrieval.query\"",
                    "\"default_lora_task\": \"retrieval.passage\"");
  const auto passage = vector_of(other.loaded(), text.text);
  CHECK(max_difference(passage, text.unit) > 0.02);
  CHECK(max_difference(passage, without) > 0.02);
}

TEST_CASE("adapters that are missing or of another shape are named") {
  Copy copy;
  copy.tensors.erase(k_layer + "mixer.Wqkv.parametrizations.weight.0.lora_A");
  auto& left = copy.tensors[k_layer + "mlp.fc1.parametrizations.weight.0.lora_B"].first.shape;
  left = {left[0], left[2], left[1]};
  const std::string message = copy.fault();
  has(message, "missing (1): " + k_layer + "mixer.Wqkv.parametrizations.weight.0.lora_A");
  has(message, "of another shape (1): " + k_layer + "mlp.fc1.parametrizations.weight.0.lora_B is F16 [2, 4, 96]");
  has(message, "[2, 96, 4]");
  const Copy ranks;
  ranks.folder.edit("config.json", "\"lora_rank\": 4", "\"lora_rank\": 5");
  has(ranks.fault(), "0.lora_A is F16 [2, ");
  const Copy sets;
  sets.folder.edit("config.json", "\"retrieval.passage\",\n", "\"retrieval.passage\", \"separation\",\n");
  has(sets.fault(), "requires a float [3, ");
}

TEST_CASE("a tokenizer of another model is refused") {
  const Copy copy;
  const std::string other = content_of(fixture("siglip-f32") / "spiece.model");
  copy.folder.write("spiece.model", other);
  has(copy.fault(), "does not put the ids 0 and 2 around a text");
}

TEST_CASE("numbers in an adapter that are not finite are found") {
  Copy copy;
  const std::string name = "text_model.transformer.roberta.embeddings.word_embeddings.parametrizations.weight.0.lora_A";
  copy.tensors[name].second.replace(0, 2, "\xff\x7f");  // a NaN
  has(copy.fault(), name + " contains numbers that are not finite");
}

TEST_CASE("a config of one version with the tensors of the other is refused by their names") {
  Copy old("jina-clip-f32");
  const Copy current;
  for (const char* file : {"config.json", "preprocessor_config.json", "tokenizer.json"}) {
    old.folder.write(file, content_of(current.folder.path() / file));
  }
  const std::string message = old.fault();
  has(message, "text_model.transformer.roberta.embeddings.token_type_embeddings.parametrizations.weight.original");
  has(message, "unknown (");
  has(message, "text_model.transformer.embeddings.word_embeddings.weight");
  const Copy first("jina-clip-f32");
  Copy reverse;
  for (const char* file : {"config.json", "preprocessor_config.json", "tokenizer.json"}) {
    reverse.folder.write(file, content_of(first.folder.path() / file));
  }
  const std::string back = reverse.fault();
  has(back, "text_model.transformer.embeddings.word_embeddings.weight");
  has(back, "text_model.transformer.roberta.emb_ln.bias");
}

TEST_CASE("jina-clip-v2 in bfloat16 stays near to float32") {
  Embedder::Options options;
  options.folder = fixture(k_model).string();
  options.threads = 1;
  options.dtype = "bfloat16";
  const auto embedder = Embedder::load(options);
  REQUIRE_MESSAGE(embedder.ok(), embedder.error().message);
  CHECK((*embedder)->info().precision_check->lowest_cosine > 0.995);
}
