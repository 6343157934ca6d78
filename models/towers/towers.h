// A model's two towers: token ids and pixels in, vectors out. Free of libtorch's headers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/model_folder/checkpoint.h"
#include "models/model_folder/model_config.h"
#include "models/towers/calibration.h"

namespace sightline::models {

/// Where and how the towers compute.
struct ComputeOptions {
  std::string device = "cpu";     ///< "cpu", "cuda" (the first GPU) or "cuda:N"
  std::string dtype = "float32";  ///< "float32", "bfloat16", "int8" or "float16"
  int threads = 0;                ///< for operations on the CPU; 0: one per core
  /// Only "int8": the inputs of the model's products, from passes of the same model in float32; null: unknown.
  const Calibration* calibration = nullptr;
  Calibration* record = nullptr;  ///< every pass fills it; must outlive the towers; null: no recording
};

/// From a byte of a picture to the input of the vision tower: (value * rescale_factor - mean) / std, channel by
/// channel.
struct PixelScale {
  double rescale_factor = 1.0 / 255;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};
};

/// Called on the calling thread between the products of a pass, some hundred times; may be empty. It may run another
/// pass, of these towers or of others, and must not throw. False abandons the pass.
using BetweenSteps = std::function<bool()>;

/// For each input its vector, not normalised, or its error.
using RawVectors = std::vector<Result<std::vector<float>>>;

/// Both towers of a model, or its only one.
///
/// Flow: 1. `load` reads every tensor that the configuration requires from the checkpoint, each
///          once, and converts it if it is stored in another type.
///       2. `encode_*` concatenates the inputs of a batch in one matrix [tokens, width]. Nothing
///          is padded: the linear layers process only real tokens, and attention is computed
///          input by input. A result does not depend on its neighbours beyond rounding (about
///          1e-7).
///       3. Long batches are split into passes of bounded memory. If a pass fails, each of its inputs is tried alone,
///          once: one that cannot be run, or for which there is no memory, does not take the others with it.
/// Thread safety: one call at a time, except those that `between_steps` makes.
class Towers {
 public:
  /// Errors: unsupported (device or dtype that is not available); corrupt_data, one error
  /// that lists every tensor missing, left over or of another shape. With another `choice` than both, the tensors of the
  /// tower that is not used count as left over: see drop_unused_tensors.
  static Result<std::unique_ptr<Towers>> load(const Checkpoint& checkpoint, const ModelConfig& config,
                                              const PixelScale& pixels, const ComputeOptions& options,
                                              TowerChoice choice = TowerChoice::both);
  /// Towers of two models, whose vectors have the same length: the vision tower of one, the text tower of the other.
  static std::unique_ptr<Towers> paired(std::unique_ptr<Towers> pictures, std::unique_ptr<Towers> texts);
  /// Checks that this machine supports `options`: the errors of `load` that do not depend on a model.
  static Status check(const ComputeOptions& options);
  virtual ~Towers() = default;

  /// Checks a text for `encode_texts`: 1 to max_tokens ids below vocabulary_size; for CLIP an end-of-text id among
  /// them; for SigLIP exactly as many as it has positions. Errors: invalid_argument, unsupported (no text tower). Safe
  /// from any thread.
  virtual Status check_text(std::span<const std::int32_t> ids) const = 0;

  /// Vectors of texts, in their order. Errors: those of check_text, for all texts, naming the wrong one's index;
  /// cancelled (abandoned); overloaded (no memory); internal. Throws std::bad_alloc.
  virtual RawVectors encode_texts(std::span<const std::span<const std::int32_t>> ids,
                                  const BetweenSteps& between_steps = {}) = 0;

  /// Vectors of pictures, in the same way. Each picture is [image_size, image_size, 3] bytes RGB.
  virtual RawVectors encode_images(std::span<const std::uint8_t* const> pictures,
                                   const BetweenSteps& between_steps = {}) = 0;

  /// The library of the products: "oneDNN 2.6.3 (brg:avx512_core)", "libtorch"; with int8 followed by the number of
  /// layers in float32, e.g. ", 2 of 98 layers in float32".
  virtual const std::string& products() const = 0;
  /// "cpu", "cuda:0"
  virtual const std::string& device() const = 0;
  /// Elements of all weights, logit_scale included.
  virtual std::uint64_t parameters() const = 0;
};

}  // namespace sightline::models
