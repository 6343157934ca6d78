#include "models/model_folder/timm_towers.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sightline::models {
namespace {

constexpr double k_layer_norm_eps = 1e-6;

/// A SigLIP tower.
struct Siglip {
  std::string_view name;
  std::uint32_t patch_size, image_size, width, layers, heads;
  double mlp_ratio;
  Activation activation;
};

constexpr double k_so400m_ratio = 3.7362;
constexpr std::array k_siglips{
    Siglip{"vit_base_patch32_siglip_256", 32, 256, 768, 12, 12, 4, Activation::gelu_tanh},
    Siglip{"vit_base_patch16_siglip_224", 16, 224, 768, 12, 12, 4, Activation::gelu},
    Siglip{"vit_base_patch16_siglip_256", 16, 256, 768, 12, 12, 4, Activation::gelu},
    Siglip{"vit_base_patch16_siglip_384", 16, 384, 768, 12, 12, 4, Activation::gelu},
    Siglip{"vit_base_patch16_siglip_512", 16, 512, 768, 12, 12, 4, Activation::gelu},
    Siglip{"vit_large_patch16_siglip_256", 16, 256, 1024, 24, 16, 4, Activation::gelu},
    Siglip{"vit_large_patch16_siglip_384", 16, 384, 1024, 24, 16, 4, Activation::gelu},
    Siglip{"vit_large_patch16_siglip_512", 16, 512, 1024, 24, 16, 4, Activation::gelu_tanh},
    Siglip{"vit_so400m_patch14_siglip_224", 14, 224, 1152, 27, 16, k_so400m_ratio, Activation::gelu},
    Siglip{"vit_so400m_patch14_siglip_378", 14, 378, 1152, 27, 16, k_so400m_ratio, Activation::gelu},
    Siglip{"vit_so400m_patch14_siglip_384", 14, 384, 1152, 27, 16, k_so400m_ratio, Activation::gelu},
    Siglip{"vit_so400m_patch16_siglip_256", 16, 256, 1152, 27, 16, k_so400m_ratio, Activation::gelu_tanh},
    Siglip{"vit_so400m_patch16_siglip_384", 16, 384, 1152, 27, 16, k_so400m_ratio, Activation::gelu_tanh},
    Siglip{"vit_so400m_patch16_siglip_512", 16, 512, 1152, 27, 16, k_so400m_ratio, Activation::gelu_tanh},
    Siglip{"vit_giantopt_patch16_siglip_256", 16, 256, 1536, 40, 16, 4, Activation::gelu_tanh},
    Siglip{"vit_giantopt_patch16_siglip_384", 16, 384, 1536, 40, 16, 4, Activation::gelu_tanh},
};

/// An EVA02-CLIP tower.
struct Eva {
  std::string_view name;
  std::uint32_t patch_size, image_size, width, layers, heads;
};

constexpr double k_eva_mlp_ratio = 4.0 * 2 / 3;
/// The grid of the first training, over which rotary positions are spread (ref_feat_shape).
constexpr double k_eva_reference_edge = 16;
constexpr std::array k_evas{
    Eva{"eva02_base_patch16_clip_224", 16, 224, 768, 12, 12},
    Eva{"eva02_large_patch14_clip_224", 14, 224, 1024, 24, 16},
    Eva{"eva02_large_patch14_clip_336", 14, 336, 1024, 24, 16},
};

std::uint32_t mlp_width(std::uint32_t width, double ratio) {
  return static_cast<std::uint32_t>(width * ratio);
}

SiglipVisionConfig tower_of(const Siglip& siglip) {
  return {{siglip.width, siglip.heads, siglip.layers, mlp_width(siglip.width, siglip.mlp_ratio), k_layer_norm_eps,
           siglip.activation},
          {siglip.image_size, siglip.patch_size}};
}

EvaVisionConfig tower_of(const Eva& eva) {
  EvaVisionConfig tower;
  tower.transformer = {eva.width,        eva.heads,       eva.layers, mlp_width(eva.width, k_eva_mlp_ratio),
                       k_layer_norm_eps, Activation::silu};
  tower.grid = {eva.image_size, eva.patch_size};
  tower.rotary_step = k_eva_reference_edge / tower.grid.edge();
  return tower;
}

template <class Table>
std::optional<TimmTower> find_in(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& tower) { return tower.name == name; });
  return found == table.end() ? std::nullopt : std::optional<TimmTower>(tower_of(*found));
}

}  // namespace

std::optional<TimmTower> timm_tower(std::string_view name) {
  const std::optional<TimmTower> siglip = find_in(k_siglips, name);
  return siglip ? siglip : find_in(k_evas, name);
}

std::string timm_tower_names() {
  std::string names;
  for (const Siglip& siglip : k_siglips) names.append(siglip.name).append(", ");
  for (const Eva& eva : k_evas) names.append(eva.name).append(", ");
  names.resize(names.size() - 2);
  return names;
}

}  // namespace sightline::models
