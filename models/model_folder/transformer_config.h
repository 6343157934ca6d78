// The sizes of a transformer, as every family's config.json gives them.
#pragma once

#include <cstdint>

#include "models/files/json_file.h"

namespace sightline::models {

/// The MLP's non-linearity. It is never guessed, because a wrong one gives plausible but different vectors.
enum class Activation {
  quick_gelu,  ///< x * sigmoid(1.702 x)
  gelu,        ///< exact: x * Phi(x), with erf
  gelu_tanh,   ///< 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
  silu,        ///< x * sigmoid(x)
};

/// One transformer encoder.
struct TransformerConfig {
  std::uint32_t width = 0;  ///< hidden_size
  std::uint32_t heads = 0;  ///< divides width
  std::uint32_t layers = 0;
  std::uint32_t mlp_width = 0;  ///< intermediate_size
  double layer_norm_eps = 1e-5;
  Activation activation = Activation::quick_gelu;
};

/// How a vision tower divides its pictures.
struct PatchGrid {
  std::uint32_t image_size = 0;  ///< edge of the square window, pixels
  std::uint32_t patch_size = 0;  ///< edge of a square patch, pixels
  /// Patches along an edge; a rest smaller than a patch is ignored.
  std::uint32_t edge() const { return image_size / patch_size; }
  std::uint32_t patches() const { return edge() * edge(); }
};

// Limits well above any published model (ViT-bigG: width 1664, 48 layers, FFN 8192; 512 pixels): no memory is allocated
// for absurd sizes in a damaged file.
inline constexpr std::uint32_t k_max_width = 16'384;
inline constexpr std::uint32_t k_max_mlp_width = 65'536;
inline constexpr std::uint32_t k_max_layers = 256;
inline constexpr std::uint32_t k_max_heads = 512;
inline constexpr std::uint32_t k_max_vocabulary = 2'000'000;
inline constexpr std::uint32_t k_max_tokens = 8'192;

/// Reads hidden_size, num_attention_heads, num_hidden_layers, intermediate_size, layer_norm_eps and
/// hidden_act, with `defaults` for what is missing.
TransformerConfig read_transformer(ObjectReader& reader, const TransformerConfig& defaults);

/// Records an error in `reader` unless `heads` divides `width`; the error names `heads_key`.
void check_heads(ObjectReader& reader, const char* heads_key, std::uint32_t width, std::uint32_t heads);

/// The rotary embedding divides a head into `parts` equal parts, and has a table of angles for each position, in memory
/// that is taken before any tensor is read. Records an error in `reader` unless the heads fit; the error names
/// `heads_key`.
void check_rotary_heads(ObjectReader& reader, const char* heads_key, const TransformerConfig& sizes,
                        std::uint32_t parts);

/// Records an error in `reader` unless the patches fit into a picture and are not too many.
void check_patch_grid(ObjectReader& reader, const PatchGrid& grid);

/// Reads image_size, patch_size and num_channels.
PatchGrid read_patch_grid(ObjectReader& reader, const PatchGrid& defaults);

}  // namespace sightline::models
