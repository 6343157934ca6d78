// README.md of a model folder: its description.
#pragma once

#include <filesystem>
#include <string>

namespace sightline::models {

struct ModelCard {
  std::string description;  ///< first sentence of the text, without markup; empty if there is none
  std::string license;      ///< front matter "license:"
  bool demo = false;        ///< front matter "demo: true"
};

/// Reads the parts that are present. A missing or malformed card is not an error, and text that is not UTF-8 is
/// ignored.
ModelCard read_model_card(const std::filesystem::path& folder);

}  // namespace sightline::models
