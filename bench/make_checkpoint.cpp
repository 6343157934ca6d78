// Writes a full-size CLIP with random weights, to measure start-up, memory and speed without the real
// checkpoint.
//
//   sightline-make-checkpoint --arch vit-l-14 --tokenizer FOLDER OUT
//
// OUT becomes a Hugging Face folder. The weights are normal-like with a deviation of 0.02, the norms are 1
// and 0, so that activations have ordinary sizes: times and memory are those of the real model, vectors
// have no meaning.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/model_folder/safetensors_writer.h"
#include "models/tokenizer/tokenizer.h"

namespace {

using namespace sightline::models;
namespace fs = std::filesystem;

struct TowerSize {
  std::int64_t width, heads, layers, mlp_width;
};

struct Architecture {
  TowerSize text, vision;
  std::int64_t patch_size, projection_dim;
  const char* activation;
};

// Sizes of the published checkpoints.
const std::map<std::string, Architecture> k_architectures{
    {"vit-b-32", {{512, 8, 12, 2048}, {768, 12, 12, 3072}, 32, 512, "quick_gelu"}},
    {"vit-b-16", {{512, 8, 12, 2048}, {768, 12, 12, 3072}, 16, 512, "quick_gelu"}},
    {"vit-l-14", {{768, 12, 12, 3072}, {1024, 16, 24, 4096}, 14, 768, "quick_gelu"}},
    {"vit-h-14", {{1024, 16, 24, 4096}, {1280, 16, 32, 5120}, 14, 1024, "gelu"}},
};
constexpr std::int64_t k_vocabulary = 49'408, k_max_tokens = 77, k_image_size = 224;

const std::map<std::string, Dtype> k_dtypes{{"float32", Dtype::f32}, {"float16", Dtype::f16}};

class TensorList {
 public:
  explicit TensorList(Dtype dtype) : dtype_(dtype) {}

  void add(const std::string& name, std::vector<std::int64_t> shape) {
    tensors.push_back({name, dtype_, std::move(shape)});
  }

  void add_linear(const std::string& name, std::int64_t in, std::int64_t out) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }

  void add_norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  }

  void add_layers(const std::string& prefix, const TowerSize& size) {
    for (std::int64_t i = 0; i < size.layers; ++i) {
      const std::string layer = prefix + ".encoder.layers." + std::to_string(i);
      add_norm(layer + ".layer_norm1", size.width);
      add_norm(layer + ".layer_norm2", size.width);
      add_linear(layer + ".mlp.fc1", size.width, size.mlp_width);
      add_linear(layer + ".mlp.fc2", size.mlp_width, size.width);
      for (const char* name : {"k_proj", "out_proj", "q_proj", "v_proj"}) {
        add_linear(layer + ".self_attn." + name, size.width, size.width);
      }
    }
  }

  std::vector<TensorSpec> tensors;

 private:
  Dtype dtype_;
};

std::vector<TensorSpec> tensors_of(const Architecture& clip, Dtype dtype) {
  const std::int64_t grid = k_image_size / clip.patch_size;
  TensorList list(dtype);
  list.add("logit_scale", {});
  list.add("text_model.embeddings.position_embedding.weight", {k_max_tokens, clip.text.width});
  list.add("text_model.embeddings.token_embedding.weight", {k_vocabulary, clip.text.width});
  list.add_layers("text_model", clip.text);
  list.add_norm("text_model.final_layer_norm", clip.text.width);
  list.add("text_projection.weight", {clip.projection_dim, clip.text.width});
  list.add("vision_model.embeddings.class_embedding", {clip.vision.width});
  list.add("vision_model.embeddings.patch_embedding.weight", {clip.vision.width, 3, clip.patch_size, clip.patch_size});
  list.add("vision_model.embeddings.position_embedding.weight", {grid * grid + 1, clip.vision.width});
  list.add_layers("vision_model", clip.vision);
  list.add_norm("vision_model.post_layernorm", clip.vision.width);
  list.add_norm("vision_model.pre_layrnorm", clip.vision.width);
  list.add("visual_projection.weight", {clip.projection_dim, clip.vision.width});
  return list.tensors;
}

/// Numbers of mean 0 and deviation 0.02: the sum of four 16-bit pieces of xorshift64, close enough to normal.
class Noise {
 public:
  float next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    const std::uint64_t sum = (state_ & 0xffff) + (state_ >> 16 & 0xffff) + (state_ >> 32 & 0xffff) + (state_ >> 48);
    constexpr float k_mean = 2 * 65'535.0f, k_deviation = 37'837.2f;  // 65,536 * sqrt(4 / 12)
    return (static_cast<float>(sum) - k_mean) / k_deviation * 0.02f;
  }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15;
};

/// Float16 by truncation, for numbers from about 1e-4 to 2; smaller ones become 0.
std::uint16_t half_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::int32_t exponent = static_cast<std::int32_t>(bits >> 23 & 0xff) - 127 + 15;
  const std::uint32_t sign = bits >> 16 & 0x8000;
  if (exponent <= 0) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(exponent) << 10 | (bits >> 13 & 0x3ff));
}

float value_of(const TensorSpec& tensor, Noise& noise) {
  if (tensor.name == "logit_scale") return 2.6592f;
  const bool is_norm =
      tensor.name.find("norm") != std::string::npos || tensor.name.find("layrnorm") != std::string::npos;
  if (is_norm) return tensor.name.ends_with(".weight") ? 1.0f : 0.0f;
  return noise.next();
}

void write_tensor(std::ofstream& out, const TensorSpec& tensor, Noise& noise) {
  constexpr std::uint64_t k_block = 1u << 20;
  std::vector<char> block(k_block * bytes_per_element(tensor.dtype));
  for (std::uint64_t left = tensor.elements(); left > 0;) {
    const std::uint64_t count = std::min(left, k_block);
    for (std::uint64_t i = 0; i < count; ++i) {
      const float value = value_of(tensor, noise);
      const std::uint16_t half = half_of(value);
      if (tensor.dtype == Dtype::f32) std::memcpy(&block[i * 4], &value, 4);
      if (tensor.dtype == Dtype::f16) std::memcpy(&block[i * 2], &half, 2);
    }
    out.write(block.data(), static_cast<std::streamsize>(count * bytes_per_element(tensor.dtype)));
    left -= count;
  }
}

std::string tower_json(const TowerSize& size, const char* activation, const std::string& more) {
  return "{\"hidden_size\":" + std::to_string(size.width) + ",\"num_attention_heads\":" + std::to_string(size.heads) +
         ",\"num_hidden_layers\":" + std::to_string(size.layers) +
         ",\"intermediate_size\":" + std::to_string(size.mlp_width) + ",\"hidden_act\":\"" + activation + "\"," + more +
         "}";
}

void write_file(const fs::path& file, const std::string& content) {
  std::ofstream out(file, std::ios::binary);
  if (!(out << content).flush()) throw std::runtime_error(file.string() + " cannot be written");
}

void write_configs(const fs::path& folder, const std::string& name, const Architecture& clip,
                   std::int32_t end_of_text) {
  write_file(folder / "config.json",
             "{\"model_type\":\"clip\",\"architectures\":[\"CLIPModel\"],\"projection_dim\":" +
                 std::to_string(clip.projection_dim) + ",\n\"text_config\":" +
                 tower_json(clip.text, clip.activation,
                            "\"vocab_size\":" + std::to_string(k_vocabulary) +
                                ",\"eos_token_id\":" + std::to_string(end_of_text)) +
                 ",\n\"vision_config\":" +
                 tower_json(clip.vision, clip.activation,
                            "\"image_size\":224,\"patch_size\":" + std::to_string(clip.patch_size)) +
                 "}\n");
  write_file(folder / "preprocessor_config.json",
             "{\"image_processor_type\":\"CLIPImageProcessor\",\"size\":{\"shortest_edge\":224},"
             "\"crop_size\":{\"height\":224,\"width\":224},\"resample\":3,"
             "\"image_mean\":[0.48145466,0.4578275,0.40821073],\"image_std\":[0.26862954,0.26130258,0.27577711]}\n");
  write_file(folder / "README.md", "---\nlicense: cc0-1.0\n---\nRandom weights in the shape of " + name +
                                       ", for measuring; the vectors mean nothing.\n");
}

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  bool found = false;
  for (const char* name :
       {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"}) {
    if (!fs::exists(from / name)) continue;
    found = true;
    fs::copy_file(from / name, to / name, fs::copy_options::overwrite_existing);
  }
  if (!found) throw std::runtime_error(from.string() + " has neither tokenizer.json nor vocab.json and merges.txt");
}

/// The id with which the tokenizer ends a text, at whose position the text tower is pooled.
std::int32_t end_of_text_of(const fs::path& folder) {
  const auto tokenizer = load_tokenizer(folder);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  if ((*tokenizer)->vocabulary_size() > static_cast<std::size_t>(k_vocabulary))
    throw std::runtime_error(folder.string() + ": the tokenizer has more ids than CLIP's " +
                             std::to_string(k_vocabulary));
  const auto text = (*tokenizer)->encode("a", k_max_tokens, Truncate::end);
  if (!text) throw std::runtime_error(text.error().message);
  return text->ids.back();
}

void make_checkpoint(const std::string& name, Dtype dtype, const fs::path& tokenizer, const fs::path& folder) {
  const Architecture& clip = k_architectures.at(name);
  fs::create_directories(folder);
  copy_tokenizer(tokenizer, folder);
  write_configs(folder, name, clip, end_of_text_of(folder));
  const std::vector<TensorSpec> tensors = tensors_of(clip, dtype);
  const fs::path file = folder / "model.safetensors";
  std::ofstream out(file, std::ios::binary);
  out << safetensors_header(tensors);
  Noise noise;
  std::uint64_t parameters = 0;
  for (const TensorSpec& tensor : tensors) {
    write_tensor(out, tensor, noise);
    parameters += tensor.elements();
  }
  if (!out.flush()) throw std::runtime_error(file.string() + " cannot be written; is the disk full?");
  std::printf("%s: %s with %llu random parameters\n", folder.c_str(), name.c_str(),
              static_cast<unsigned long long>(parameters));
}

int run(int argc, char** argv) {
  CLI::App app("Writes a CLIP of true size with random weights as a Hugging Face folder");
  std::string architecture = "vit-b-32", dtype = "float32", tokenizer, folder;
  std::vector<std::string> names, dtypes;
  for (const auto& [name, sizes] : k_architectures) names.push_back(name);
  for (const auto& [name, type] : k_dtypes) dtypes.push_back(name);
  app.add_option("--arch", architecture, "which published CLIP to copy the sizes of")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  app.add_option("--dtype", dtype, "what the weights are stored as")
      ->check(CLI::IsMember(dtypes))
      ->capture_default_str();
  app.add_option("--tokenizer", tokenizer,
                 "folder with a tokenizer of CLIP's kind: tokenizer.json, or vocab.json and merges.txt; "
                 "demo/models/demo-clip has one")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("OUT", folder, "folder to write")->required();
  CLI11_PARSE(app, argc, argv);
  make_checkpoint(architecture, k_dtypes.at(dtype), tokenizer, folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sightline-make-checkpoint: %s\n", error.what());
    return 1;
  }
}
