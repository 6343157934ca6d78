// The inputs of a model's products, recorded in some passes. Free of libtorch's headers.
#pragma once

#include <vector>

namespace sightline::models {

/// The recorded inputs of one linear layer.
struct LayerInputs {
  std::vector<float> largest;  ///< [in], the largest absolute value of each input
  std::vector<float> rows;     ///< [rows, in], some unchanged rows
};

/// Of each linear layer, in the order in which the towers load their weights.
struct Calibration {
  std::vector<LayerInputs> layers;
};

}  // namespace sightline::models
