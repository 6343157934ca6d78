// The numbers that turn cosines into probabilities.
#pragma once

#include <optional>

#include "models/model_folder/checkpoint.h"

namespace sightline::models {

/// exp of the checkpoint's scalar `logit_scale`, by which training multiplied cosines before the softmax (Radford et
/// al. 2021, 2.3: at most 100). 0: the checkpoint has none. Errors: corrupt_data (more than one element, not a
/// floating-point number, or not finite).
Result<float> read_logit_scale(const Checkpoint& checkpoint);

/// The checkpoint's scalar `logit_bias`, of models trained pair by pair (SigLIP): a text describes a picture
/// with the probability sigmoid(scale * cosine + bias). Absent: the checkpoint has none. Errors: as above.
Result<std::optional<float>> read_logit_bias(const Checkpoint& checkpoint);

}  // namespace sightline::models
