// Small checkpoints of the kinds of CLIP that people have: LAION's sizes, element types and shards.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "models/model_folder/model_folder.h"
#include "models/model_folder/safetensors_writer.h"
#include "models/towers/towers.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

constexpr std::int64_t k_dims = 8, k_text_width = 128, k_text_mlp = 256, k_layers = 2, k_edge = 56;

/// A vision tower of two heads, as wide as those of the published model of that name, and what transformers
/// 4.49 `CLIPModel` makes of the weights below: the vectors of `k_ids` and of `picture()`.
struct Size {
  const char* name;
  std::int64_t width, mlp_width;
  std::vector<float> text, image;
};

const std::vector<std::int32_t> k_ids{48, 3, 14, 15, 9, 2, 6, 49};
const std::vector<float> k_text{0.618965f,   0.1934413f, -0.0771817f, 0.4848921f,
                                -0.1705657f, 0.1955846f, -0.5144606f, 0.07981141f};
const Size k_sizes[] = {
    {"LAION's H/14, heads of 80",
     160,
     640,
     k_text,
     {-0.08484464f, 0.3245408f, 0.44739f, -0.3808086f, 0.1466538f, 0.1307808f, -0.7015639f, 0.1072328f}},
    {"LAION's g/14, heads of 88",
     176,
     768,
     k_text,
     {0.5808156f, 0.4935652f, 0.04072247f, -0.3459674f, 0.287748f, 0.4235793f, -0.1759265f, -0.06727882f}},
};

std::string config_of(const Size& size) {
  return R"({"model_type":"clip","projection_dim":8,
    "text_config":{"hidden_size":128,"num_attention_heads":2,"num_hidden_layers":2,"intermediate_size":256,
                   "hidden_act":"gelu","vocab_size":50,"eos_token_id":49,"max_position_embeddings":16},
    "vision_config":{"hidden_size":)" +
         std::to_string(size.width) + R"(,"num_attention_heads":2,"num_hidden_layers":2,"intermediate_size":)" +
         std::to_string(size.mlp_width) + R"(,"hidden_act":"gelu","image_size":56,"patch_size":14}})";
}

std::vector<TensorSpec> specs_of(const Size& size) {
  std::vector<TensorSpec> specs{
      {"logit_scale", Dtype::f32, {}},
      {"text_projection.weight", Dtype::f32, {k_dims, k_text_width}},
      {"visual_projection.weight", Dtype::f32, {k_dims, size.width}},
      {"text_model.embeddings.token_embedding.weight", Dtype::f32, {50, k_text_width}},
      {"text_model.embeddings.position_embedding.weight", Dtype::f32, {16, k_text_width}},
      {"vision_model.embeddings.class_embedding", Dtype::f32, {size.width}},
      {"vision_model.embeddings.patch_embedding.weight", Dtype::f32, {size.width, 3, 14, 14}},
      {"vision_model.embeddings.position_embedding.weight", Dtype::f32, {17, size.width}},
  };
  const auto add = [&](const std::string& name, std::vector<std::int64_t> weight) {
    specs.push_back({name + ".bias", Dtype::f32, {weight[0]}});
    specs.push_back({name + ".weight", Dtype::f32, std::move(weight)});
  };
  add("text_model.final_layer_norm", {k_text_width});
  add("vision_model.pre_layrnorm", {size.width});
  add("vision_model.post_layernorm", {size.width});
  for (const auto& [tower, width, mlp_width] :
       {std::tuple{"text_model", k_text_width, k_text_mlp}, {"vision_model", size.width, size.mlp_width}}) {
    for (std::int64_t i = 0; i < k_layers; ++i) {
      const std::string layer = std::string(tower) + ".encoder.layers." + std::to_string(i) + ".";
      add(layer + "layer_norm1", {width});
      add(layer + "layer_norm2", {width});
      for (const char* projection : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
        add(layer + "self_attn." + projection, {width, width});
      }
      add(layer + "mlp.fc1", {mlp_width, width});
      add(layer + "mlp.fc2", {width, mlp_width});
    }
  }
  return specs;
}

/// Weights that any program can make: a hash of the tensor's name and the place in it.
std::vector<float> values_of(const TensorSpec& spec) {
  std::uint32_t seed = 2166136261u;
  for (const char c : spec.name) seed = (seed ^ static_cast<unsigned char>(c)) * 16777619u;
  const bool is_norm =
      spec.name.ends_with("norm.weight") || spec.name.ends_with("norm1.weight") || spec.name.ends_with("norm2.weight");
  std::vector<float> values;
  for (std::uint32_t i = 0; i < spec.elements(); ++i) {
    std::uint32_t hash = i * 2654435761u + seed;
    hash = (hash ^ hash >> 15) * 2246822519u;
    const double value = hash / 4294967296.0 - 0.5;
    values.push_back(static_cast<float>(is_norm ? 1 + 0.5 * value : 0.3 * value));
  }
  return values;
}

std::uint16_t to_bf16(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);  // towards zero
}

/// Of a number from 2^-14 to 2, towards zero; smaller ones become zero.
std::uint16_t to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::int32_t exponent = static_cast<std::int32_t>(bits >> 23 & 255) - 127 + 15;
  const std::uint32_t sign = bits >> 16 & 0x8000;
  if (exponent <= 0) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(exponent) << 10 | (bits >> 13 & 0x3FF));
}

float from_f16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const float magnitude = exponent == 0 ? 0 : std::ldexp(static_cast<float>(1024 + (bits & 1023)), exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

/// What a value becomes in a file, and is as float32 afterwards. The mask is chosen, not the result: from a
/// choice between a number and its masked bits gcc 12 drops the mask.
float rounded(float value, Dtype dtype) {
  if (dtype == Dtype::f16) return from_f16(to_f16(value));
  const std::uint32_t mask = dtype == Dtype::bf16 ? 0xFFFF0000u : 0xFFFFFFFFu;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & mask);
}

void append_value(std::string& data, float value, Dtype dtype) {
  if (dtype == Dtype::f32) {
    data.append(reinterpret_cast<const char*>(&value), sizeof value);
  } else {
    const std::uint16_t bits = dtype == Dtype::bf16 ? to_bf16(value) : to_f16(value);
    data.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  }
}

std::string file_of(std::span<const TensorSpec> specs, Dtype stored, Dtype rounding) {
  std::vector<TensorSpec> header(specs.begin(), specs.end());
  std::string data;
  for (TensorSpec& spec : header) {
    spec.dtype = stored;
    for (const float value : values_of(spec)) append_value(data, rounded(value, rounding), stored);
  }
  return safetensors_header(header) + data;
}

std::vector<std::uint8_t> picture() {
  std::vector<std::uint8_t> bytes(k_edge * k_edge * 3);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>((i * 7 + i / 168) % 251);
  return bytes;
}

struct Vectors {
  std::vector<float> text, image;
};

Vectors embed(const TemporaryFolder& folder) {
  folder.write("preprocessor_config.json", R"({"size":56,"crop_size":56})");
  const auto read = read_model_folder(folder.path());
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  const auto towers = Towers::load(read->checkpoint, read->config, {}, {.threads = 1});
  REQUIRE_MESSAGE(towers.ok(), towers.error().message);
  const std::vector<std::uint8_t> pixels = picture();
  const std::span<const std::int32_t> ids[] = {k_ids};
  const std::uint8_t* const pictures[] = {pixels.data()};
  const auto text = (*towers)->encode_texts(ids).front(), image = (*towers)->encode_images(pictures).front();
  REQUIRE(text.ok());
  REQUIRE(image.ok());
  return {unit_of(*text), unit_of(*image)};
}

Vectors embed_one_file(const Size& size, Dtype stored, Dtype rounding) {
  const TemporaryFolder folder;
  folder.write("config.json", config_of(size));
  folder.write("model.safetensors", file_of(specs_of(size), stored, rounding));
  return embed(folder);
}

}  // namespace

TEST_CASE("LAION's sizes, with exact gelu and heads of 80 and 88, embed as the reference embeds them") {
  for (const Size& size : k_sizes) {
    INFO(size.name);
    const Vectors vectors = embed_one_file(size, Dtype::f32, Dtype::f32);
    CHECK(max_difference(vectors.text, size.text) < 1e-5);
    CHECK(max_difference(vectors.image, size.image) < 1e-5);
  }
}

TEST_CASE("weights stored as bfloat16 and float16 give the vectors of the same numbers in float32") {
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16}) {
    INFO(to_string(dtype));
    const Vectors stored = embed_one_file(k_sizes[0], dtype, dtype);
    const Vectors same = embed_one_file(k_sizes[0], Dtype::f32, dtype);
    CHECK(max_difference(stored.text, same.text) < 1e-6);
    CHECK(max_difference(stored.image, same.image) < 1e-6);
    CHECK(max_difference(stored.image, k_sizes[0].image) < 0.05);
    CHECK(max_difference(stored.image, k_sizes[0].image) > 0);
  }
}

TEST_CASE("a model in shards, of different element types too, gives the vectors of its one file") {
  const std::vector<TensorSpec> specs = specs_of(k_sizes[1]);
  const TemporaryFolder folder;
  folder.write("config.json", config_of(k_sizes[1]));
  std::string map;
  constexpr std::size_t k_shards = 3;
  for (std::size_t shard = 0; shard < k_shards; ++shard) {
    const std::string name = "model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
    const std::size_t begin = specs.size() * shard / k_shards, end = specs.size() * (shard + 1) / k_shards;
    const auto part = std::span(specs).subspan(begin, end - begin);
    folder.write(name, file_of(part, shard == 1 ? Dtype::bf16 : Dtype::f32, Dtype::bf16));
    for (const TensorSpec& spec : part) map += (map.empty() ? "\"" : ",\"") + spec.name + "\":\"" + name + "\"";
  }
  folder.write("model.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
  const Vectors shards = embed(folder), whole = embed_one_file(k_sizes[1], Dtype::f32, Dtype::bf16);
  CHECK(max_difference(shards.text, whole.text) < 1e-6);
  CHECK(max_difference(shards.image, whole.image) < 1e-6);
}
