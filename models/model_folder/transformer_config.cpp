#include "models/model_folder/transformer_config.h"

#include <string>

namespace sightline::models {
namespace {

constexpr std::uint32_t k_max_image_size = 2'048;
constexpr std::uint32_t k_max_patches = 16'384;

Activation read_activation(ObjectReader& reader, Activation fallback) {
  if (reader.member("hidden_act") == nullptr) return fallback;
  const std::string activation = reader.string("hidden_act", "");
  if (activation == "quick_gelu") return Activation::quick_gelu;
  if (activation == "gelu") return Activation::gelu;
  if (activation == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  reader.refuse("hidden_act", ErrorCode::unsupported,
                "is \"" + activation + "\"; quick_gelu, gelu and gelu_pytorch_tanh are supported");
  return fallback;
}

}  // namespace

TransformerConfig read_transformer(ObjectReader& reader, const TransformerConfig& defaults) {
  TransformerConfig config;
  config.width = reader.integer("hidden_size", defaults.width, 1, k_max_width);
  config.heads = reader.integer("num_attention_heads", defaults.heads, 1, k_max_heads);
  config.layers = reader.integer("num_hidden_layers", defaults.layers, 1, k_max_layers);
  config.mlp_width = reader.integer("intermediate_size", defaults.mlp_width, 1, k_max_mlp_width);
  config.layer_norm_eps = reader.number("layer_norm_eps", defaults.layer_norm_eps, 1e-12, 1e-1);
  check_heads(reader, "num_attention_heads", config.width, config.heads);
  config.activation = read_activation(reader, defaults.activation);
  return config;
}

void check_heads(ObjectReader& reader, const char* heads_key, std::uint32_t width, std::uint32_t heads) {
  if (heads > 0 && width % heads == 0) return;
  reader.refuse(heads_key, ErrorCode::corrupt_data,
                "makes " + std::to_string(heads) + " heads, which does not divide the width " + std::to_string(width));
}

void check_rotary_heads(ObjectReader& reader, const char* heads_key, const TransformerConfig& sizes,
                        std::uint32_t parts) {
  constexpr std::uint32_t k_widest = 512;
  if (!reader.status()) return;
  const std::uint32_t head = sizes.width / sizes.heads;
  if (head % parts == 0 && head <= k_widest) return;
  reader.refuse(heads_key, ErrorCode::corrupt_data,
                "makes heads of " + std::to_string(head) + " numbers; the rotary embedding needs a multiple of " +
                    std::to_string(parts) + ", at most " + std::to_string(k_widest));
}

void check_patch_grid(ObjectReader& reader, const PatchGrid& grid) {
  if (grid.patch_size > grid.image_size) {
    reader.refuse("patch_size", ErrorCode::corrupt_data,
                  "is " + std::to_string(grid.patch_size) + ", above image_size " + std::to_string(grid.image_size));
  } else if (grid.patches() > k_max_patches) {
    reader.refuse("patch_size", ErrorCode::unsupported,
                  "is " + std::to_string(grid.patch_size) + ", which gives " + std::to_string(grid.patches()) +
                      " patches per picture; at most " + std::to_string(k_max_patches) + " are allowed");
  }
}

PatchGrid read_patch_grid(ObjectReader& reader, const PatchGrid& defaults) {
  const PatchGrid grid{reader.integer("image_size", defaults.image_size, 1, k_max_image_size),
                       reader.integer("patch_size", defaults.patch_size, 1, k_max_image_size)};
  check_patch_grid(reader, grid);
  if (const auto channels = reader.integer("num_channels", 3, 1, 1024); channels != 3) {
    reader.refuse("num_channels", ErrorCode::unsupported, "is " + std::to_string(channels) + "; pictures have 3");
  }
  return grid;
}

}  // namespace sightline::models
