// README.md of a model folder: what its makers say of it.
#pragma once

#include <filesystem>
#include <string>

namespace sightline::models {

struct ModelCard {
  std::string description;  ///< first sentence of the text, without markup; empty where there is none
  std::string license;      ///< front matter "license:"
  bool demo = false;        ///< front matter "demo: true"
};

/// Reads what there is. A card is a courtesy: a missing or odd one is no error, and text that is not UTF-8 is
/// left out.
ModelCard read_model_card(const std::filesystem::path& folder);

}  // namespace sightline::models
