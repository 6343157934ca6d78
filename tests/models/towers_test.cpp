#include "models/towers/towers.h"

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/model_folder/model_folder.h"
#include "models/model_folder/safetensors_writer.h"
#include "models/towers/blas_check.h"
#include "tests/base/has_text.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/folder_copy.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

using Ids = std::span<const std::int32_t>;

constexpr const char* k_clips[] = {"clip-quick-gelu-f32", "clip-gelu-f16"};
constexpr const char* k_models[] = {"clip-quick-gelu-f32", "clip-gelu-f16", "jina-clip-f32", "jina-clip-v2-f16",
                                    "siglip-f32"};
constexpr const char* k_jina_clips[] = {"jina-clip-f32", "jina-clip-v2-f16"};

/// With one thread: these models are too small to gain from more.
Result<std::unique_ptr<Towers>> load(const std::filesystem::path& path,
                                     const ComputeOptions& options = {.threads = 1}) {
  const Result<ModelFolder> folder = read_model_folder(path);
  if (!folder) return folder.error();
  return Towers::load(folder->checkpoint, folder->config, {}, options);
}

std::vector<float> row(const RawVectors& rows, std::size_t index, std::size_t dims) {
  REQUIRE(rows.size() > index);
  REQUIRE(rows[index].ok());
  REQUIRE(rows[index]->size() == dims);
  return *rows[index];
}

struct EditableModel : TensorCopy {
  using TensorCopy::TensorCopy;

  std::string fault() const {
    write();
    const auto towers = load(folder.path());
    REQUIRE_FALSE(towers.ok());
    CHECK(towers.error().code == ErrorCode::corrupt_data);
    return towers.error().message;
  }
};

}  // namespace

TEST_CASE("texts embed as the reference embeds them, alone and all together") {
  for (const char* model : k_models) {
    INFO(model);
    const ExpectedVectors expected = expected_vectors(model);
    const auto towers = load(fixture(model), {.threads = 2});
    REQUIRE(towers.ok());
    std::vector<Ids> all;
    for (const ExpectedText& text : expected.texts) all.emplace_back(text.ids);
    const auto together = (*towers)->encode_texts(all);
    REQUIRE(expected.texts.size() >= 30);
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO(expected.texts[i].text);
      const std::size_t dims = expected.texts[i].unit.size();
      const auto alone = row((*towers)->encode_texts(std::span(&all[i], 1)), 0, dims);
      const auto among = row(together, i, dims);
      CHECK(max_difference(unit_of(alone), expected.texts[i].unit) < 1e-5);
      CHECK(max_difference(unit_of(among), unit_of(alone)) < 1e-6);
    }
  }
}

TEST_CASE("a pass may run others between its steps, and be abandoned") {
  for (const char* model : k_models) {
    INFO(model);
    const ExpectedVectors expected = expected_vectors(model);
    const auto towers = load(fixture(model));
    REQUIRE(towers.ok());
    const std::size_t dims = expected.texts[0].unit.size();
    const Ids first[] = {expected.texts[2].ids}, second[] = {expected.texts[5].ids, expected.texts[7].ids};
    const auto alone = (*towers)->encode_texts(first), others = (*towers)->encode_texts(second);
    int calls = 0;
    const auto interrupted = (*towers)->encode_texts(first, [&] {
      const auto within = (*towers)->encode_texts(second);
      CHECK(row(within, 1, dims) == row(others, 1, dims));
      ++calls;
      return true;
    });
    CHECK(calls >= 4);
    CHECK(row(interrupted, 0, dims) == row(alone, 0, dims));

    int left = calls / 2;
    const auto abandoned = (*towers)->encode_texts(first, [&] { return left-- > 0; });
    REQUIRE_FALSE(abandoned.front().ok());
    CHECK(abandoned.front().error().code == ErrorCode::cancelled);
    CHECK(left == -1);
    CHECK(row((*towers)->encode_texts(first), 0, dims) == row(alone, 0, dims));
  }
}

TEST_CASE("an input that fails in a pass fails alone, and each of the pass is tried alone once") {
  const ExpectedVectors expected = expected_vectors("clip-quick-gelu-f32");
  const auto towers = load(fixture("clip-quick-gelu-f32"));
  REQUIRE(towers.ok());
  const std::size_t dims = expected.texts[0].unit.size();
  const Ids all[] = {expected.texts[2].ids, expected.texts[5].ids, expected.texts[7].ids};
  int steps = 0;
  const auto alone = (*towers)->encode_texts(std::span(all, 1), [&] { return ++steps > 0; });
  int calls = 0;
  const auto vectors = (*towers)->encode_texts(all, [&] {
    ++calls;
    if (calls == 1) throw std::runtime_error("at one of the three");
    if (calls == 1 + steps + 1) throw std::bad_alloc();  // the second one alone
    return true;
  });
  REQUIRE(vectors.size() == 3);
  CHECK(row(vectors, 0, dims) == row(alone, 0, dims));
  REQUIRE_FALSE(vectors[1].ok());
  CHECK(vectors[1].error().code == ErrorCode::overloaded);
  CHECK(vectors[1].error().message == "out of memory for embedding texts: retry the request later");
  CHECK(row(vectors, 2, dims) == row((*towers)->encode_texts(std::span(all).subspan(2)), 0, dims));
  CHECK(calls == 1 + steps + 1 + steps);
}

TEST_CASE("a pass that fails leaves those before and after it their vectors") {
  const auto towers = load(fixture("clip-quick-gelu-f32"));
  REQUIRE(towers.ok());
  const std::vector<std::uint8_t> grey(std::size_t{224} * 224 * 3, 128);
  const std::vector<const std::uint8_t*> pictures(11, grey.data());  // 257 tokens each: passes of five, five and one
  int steps = 0;
  const auto alone = (*towers)->encode_images(std::span(pictures).first(1), [&] { return ++steps > 0; });
  int calls = 0;
  const auto vectors = (*towers)->encode_images(pictures, [&] {
    ++calls;
    if (calls > steps && calls <= steps + 6) throw std::bad_alloc();  // the second pass, and its inputs alone
    return true;
  });
  REQUIRE(vectors.size() == pictures.size());
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    CAPTURE(i);
    CHECK(vectors[i].ok() == (i < 5 || i == 10));
    if (vectors[i].ok()) CHECK(max_difference(unit_of(*vectors[i]), unit_of(row(alone, 0, 32))) < 1e-6);
    if (!vectors[i].ok()) CHECK(vectors[i].error().code == ErrorCode::overloaded);
  }
}

TEST_CASE("what follows the first end of text has no say") {
  for (const char* model : k_clips) {
    INFO(model);
    const ExpectedText text = expected_vectors(model).texts[2];
    const auto towers = load(fixture(model));
    REQUIRE(towers.ok());
    std::vector<std::int32_t> padded = text.ids;
    padded.resize(70, text.ids.back());
    padded.push_back(5);
    const Ids plain_batch[] = {text.ids}, padded_batch[] = {padded};
    const auto plain_rows = (*towers)->encode_texts(plain_batch), padded_rows = (*towers)->encode_texts(padded_batch);
    const auto from_plain = row(plain_rows, 0, text.unit.size()), from_padded = row(padded_rows, 0, text.unit.size());
    CHECK(from_plain == from_padded);
  }
}

TEST_CASE("a batch over many passes gives each picture what it gives it alone") {
  const auto towers = load(fixture("clip-quick-gelu-f32"));
  REQUIRE(towers.ok());
  constexpr std::size_t k_bytes = 224 * 224 * 3, k_dims = 32,
                        k_pictures = 14;  // 257 tokens each: three passes
  std::vector<std::vector<std::uint8_t>> pictures(k_pictures, std::vector<std::uint8_t>(k_bytes));
  std::vector<const std::uint8_t*> pointers;
  for (std::size_t p = 0; p < k_pictures; ++p) {
    for (std::size_t i = 0; i < k_bytes; ++i)
      pictures[p][i] = static_cast<std::uint8_t>((i * (p + 3) + i / 672 * p) % 251);
    pointers.push_back(pictures[p].data());
  }
  const auto together = (*towers)->encode_images(pointers);
  for (std::size_t p = 0; p < k_pictures; ++p) {
    const auto alone = (*towers)->encode_images(std::span(&pointers[p], 1));
    CHECK(max_difference(unit_of(row(together, p, k_dims)), unit_of(row(alone, 0, k_dims))) < 1e-6);
  }
  CHECK(max_difference(unit_of(row(together, 0, k_dims)), unit_of(row(together, 1, k_dims))) > 1e-3);
}

TEST_CASE("ids that the model cannot take are refused, saying which") {
  const auto towers = load(fixture("clip-gelu-f16"));  // 790 ids, end of text 789
  REQUIRE(towers.ok());
  const auto fault = [&](const std::vector<std::int32_t>& ids) {
    const Status status = (*towers)->check_text(ids);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::invalid_argument);
    return status.error().message;
  };
  has(fault({}), "0 tokens");
  has(fault(std::vector<std::int32_t>(78, 789)), "78 tokens");
  has(fault({788, 790, 789}), "790");
  has(fault({788, -1, 789}), "-1");
  has(fault({788, 5, 6}), "end-of-text id 789");
  const std::vector<std::int32_t> good{788, 789}, bad{788, 999};
  const Ids batch[] = {good, bad};
  const auto rows = (*towers)->encode_texts(batch);
  for (const auto& vector : rows) {
    REQUIRE_FALSE(vector.ok());
    has(vector.error().message, "text 1");
  }
}

TEST_CASE("every missing, unknown and misshapen tensor is named in one error") {
  EditableModel model("clip-gelu-f16");
  model.tensors.erase("visual_projection.weight");
  model.tensors.erase("text_model.encoder.layers.1.mlp.fc1.bias");
  model.tensors["extra.one"] = {{"", Dtype::f32, {1}}, "1234"};
  model.tensors["extra.two"] = {{"", Dtype::f32, {1}}, "1234"};
  model.tensors["text_model.final_layer_norm.bias"].first.shape = {4, 8};
  model.tensors["text_model.final_layer_norm.weight"] = {{"", Dtype::i64, {32}}, std::string(256, '1')};
  const std::string message = model.fault();
  has(message, "missing (2): text_model.encoder.layers.1.mlp.fc1.bias, visual_projection.weight");
  has(message, "unknown (2): extra.one, extra.two");
  has(message, "text_model.final_layer_norm.bias is F16 [4, 8], config.json requires a float [32]");
  has(message, "text_model.final_layer_norm.weight is I64 [32], config.json requires a float [32]");
}

TEST_CASE("a checkpoint with everything else than a CLIP's tensors is refused in a message that can be read") {
  EditableModel model("clip-gelu-f16");
  model.tensors.clear();
  for (int i = 0; i < 500; ++i) model.tensors["other." + std::to_string(i)] = {{"", Dtype::f32, {1}}, "1234"};
  const std::string message = model.fault();
  has(message, "unknown (500)");
  has(message, "and 440 more");
  CHECK(message.size() < 20'000);
}

TEST_CASE("position_ids of older files and an absent logit_scale are no faults") {
  EditableModel model("clip-gelu-f16");
  model.tensors.erase("logit_scale");
  model.tensors["text_model.embeddings.position_ids"] = {{"", Dtype::i64, {1, 77}}, std::string(77 * 8, '\0')};
  model.tensors["vision_model.embeddings.position_ids"] = {{"", Dtype::i64, {1, 50}}, std::string(50 * 8, '\0')};
  model.write();
  CHECK(load(model.folder.path()).ok());
}

TEST_CASE("weights at an odd place in the file give the same vectors") {
  EditableModel model("clip-quick-gelu-f32");
  model.write();
  // One blank more behind the header puts every tensor at an odd address.
  std::string file = content_of(model.folder.path() / "model.safetensors");
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(file[i]);
  file.insert(8 + length, 1, ' ');
  length += 1;
  for (int i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> 8 * i & 0xff);
  model.folder.write("model.safetensors", file);
  const ExpectedText text = expected_vectors("clip-quick-gelu-f32").texts[2];
  const auto towers = load(model.folder.path());
  REQUIRE(towers.ok());
  const Ids ids[] = {text.ids};
  CHECK(max_difference(unit_of(row((*towers)->encode_texts(ids), 0, text.unit.size())), text.unit) < 1e-5);
}

TEST_CASE("the towers outlive the checkpoint that they were read from, and its files' names") {
  const ExpectedText text = expected_vectors("clip-quick-gelu-f32").texts[2];
  std::unique_ptr<Towers> towers;
  {
    EditableModel model("clip-quick-gelu-f32");
    model.write();
    auto loaded = load(model.folder.path());
    REQUIRE(loaded.ok());
    towers = std::move(*loaded);
  }
  const Ids ids[] = {text.ids};
  CHECK(max_difference(unit_of(row(towers->encode_texts(ids), 0, text.unit.size())), text.unit) < 1e-5);
}

TEST_CASE("bfloat16 computes near to float32") {
  for (const char* model : k_models) {
    const ExpectedText text = expected_vectors(model).texts[4];
    const auto towers = load(fixture(model), {.dtype = "bfloat16", .threads = 1});
    REQUIRE_MESSAGE(towers.ok(), towers.error().message);
    const Ids ids[] = {text.ids};
    const auto unit = unit_of(row((*towers)->encode_texts(ids), 0, text.unit.size()));
    CHECK(max_difference(unit, text.unit) < 0.05);
    CHECK(max_difference(unit, text.unit) > 0);
  }
}

TEST_CASE("devices and element types that are not there are refused before weights are read") {
  const auto fault = [](const ComputeOptions& options, ErrorCode code) {
    const auto towers = load(fixture("clip-gelu-f16"), options);
    REQUIRE_FALSE(towers.ok());
    CHECK(towers.error().code == code);
    return towers.error().message;
  };
  has(fault({.device = "tpu"}, ErrorCode::invalid_argument), "\"tpu\"");
  has(fault({.device = "cuda:"}, ErrorCode::invalid_argument), "\"cuda:\"");
  has(fault({.device = "cuda:-1"}, ErrorCode::invalid_argument), "\"cuda:-1\"");
  has(fault({.device = "cuda:99"}, ErrorCode::unsupported), "cuda:99");
  has(fault({.dtype = "int4"}, ErrorCode::invalid_argument), "\"int4\"");
  has(fault({.threads = -1}, ErrorCode::invalid_argument), "-1");
}

TEST_CASE("the BLAS in use is named, and found wanting only with a cure") {
  CHECK_FALSE(blas_description().empty());
  const std::string warning = blas_warning();
  if (!warning.empty()) has(warning, "libopenblas0-openmp");
}

namespace {

void write_floats(std::string& bytes, std::size_t first, const std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(&bytes[(first + i) * 4], &values[i], 4);
}

}  // namespace

TEST_CASE("a stored rotary table that is not the one computed is refused by name; none is no fault") {
  EditableModel model("jina-clip-f32");
  auto& [spec, bytes] = model.tensors["vision_model.rope.freqs_cos"];
  REQUIRE(spec.shape == std::vector<std::int64_t>{196, 16});
  write_floats(bytes, 195 * 16, {0.5f});
  has(model.fault(), "wrong (1): vision_model.rope.freqs_cos differs by");
  model.tensors["vision_model.rope.freqs_cos"].first.shape = {16, 196};
  has(model.fault(), "vision_model.rope.freqs_cos is F32 [16, 196]");
  model.tensors.erase("vision_model.rope.freqs_cos");
  model.tensors.erase("vision_model.rope.freqs_sin");
  model.write();
  CHECK(load(model.folder.path()).ok());
}

TEST_CASE("a rotary table is found under whichever block owns it") {
  EditableModel model("jina-clip-f32");
  const auto table = model.tensors["vision_model.rope.freqs_sin"];
  model.tensors.erase("vision_model.rope.freqs_sin");
  model.tensors["vision_model.blocks.0.attn.rope.freqs_sin"] = table;
  model.write();
  CHECK(load(model.folder.path()).ok());
  write_floats(model.tensors["vision_model.blocks.0.attn.rope.freqs_sin"].second, 16, {std::nanf("")});
  has(model.fault(), "wrong (1): vision_model.blocks.0.attn.rope.freqs_sin");
}

TEST_CASE("tensors that contradict jina-clip's sizes are named with both shapes") {
  EditableModel model("jina-clip-f32");
  const std::string config = content_of(model.folder.path() / "config.json");
  model.folder.write("config.json", replaced(config, "\"intermediate_size\": 96", "\"intermediate_size\": 98"));
  const std::string message = model.fault();
  has(message, "text_model.transformer.encoder.layers.0.mlp.gated_layers.weight is F32 [192, 48]");
  has(message, "[196, 48]");
  model.folder.write("config.json", replaced(config, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2"));
  has(model.fault(), "unknown (11): text_model.transformer.encoder.layers.2.");
}

TEST_CASE("a spelled-out [PAD] has no say beyond its place, and a text of nothing else is refused") {
  const auto towers = load(fixture("jina-clip-f32"));
  REQUIRE(towers.ok());
  const std::vector<std::int32_t> padded{2, 9, 10, 3, 0, 0}, plain{2, 9, 10, 3}, other{2, 9, 3};
  const Ids alone[] = {plain}, among[] = {other, padded, plain};
  const auto plain_row = row((*towers)->encode_texts(alone), 0, 48);
  const auto rows = (*towers)->encode_texts(among);
  CHECK(max_difference(unit_of(row(rows, 1, 48)), unit_of(plain_row)) < 1e-6);
  CHECK(max_difference(unit_of(row(rows, 2, 48)), unit_of(plain_row)) < 1e-6);
  CHECK(max_difference(unit_of(row(rows, 0, 48)), unit_of(plain_row)) > 1e-3);
  CHECK((*towers)->check_text(std::vector<std::int32_t>{0, 0}).error().code == ErrorCode::invalid_argument);
  CHECK((*towers)->check_text(std::vector<std::int32_t>(8193, 5)).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a text of two thousand tokens embeds, and its vector does not depend on its neighbours") {
  for (const char* model : k_jina_clips) {
    INFO(model);
    const auto towers = load(fixture(model));
    REQUIRE(towers.ok());
    const std::size_t dims = expected_vectors(model).texts[0].unit.size();
    std::vector<std::int32_t> text(2100);
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::int32_t>(4 + i * i % 150);
    const std::vector<std::int32_t> other{2, 9, 3};
    const Ids alone[] = {text}, among[] = {other, text};
    const auto vector = unit_of(row((*towers)->encode_texts(alone), 0, dims));
    CHECK(max_difference(unit_of(row((*towers)->encode_texts(among), 1, dims)), vector) < 1e-6);
  }
}
