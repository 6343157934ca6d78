// README.md of a model folder: its description.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace sightline::models {

struct ModelCard {
  std::string description;  ///< first sentence of the text, without markup; empty if there is none
  std::string license;      ///< front matter "license:"
  bool demo = false;        ///< front matter "demo: true"
};

/// Reads the parts that are present. A missing or malformed card is not an error, and text that is not UTF-8 is
/// ignored.
ModelCard read_model_card(const std::filesystem::path& folder);

/// Whether a licence excludes commercial use by its name: a Creative Commons licence with NC, as "cc-by-nc-4.0" or
/// "CC BY-NC-SA 4.0".
bool is_non_commercial(std::string_view license);

}  // namespace sightline::models
