// What the products of a model are given, as seen in some passes. Free of libtorch's headers.
#pragma once

#include <vector>

namespace sightline::models {

/// Of each linear layer, in the order in which the towers take their weights: the largest size of each of its inputs.
struct Calibration {
  std::vector<std::vector<float>> largest_inputs;
};

}  // namespace sightline::models
