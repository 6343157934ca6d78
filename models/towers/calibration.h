// What the products of a model are given, as seen in some passes. Free of libtorch's headers.
#pragma once

#include <vector>

namespace sightline::models {

/// What one linear layer was given.
struct LayerInputs {
  std::vector<float> largest;  ///< [in], the largest size of each input
  std::vector<float> rows;     ///< [rows, in], some rows as they were
};

/// Of each linear layer, in the order in which the towers take their weights.
struct Calibration {
  std::vector<LayerInputs> layers;
};

}  // namespace sightline::models
