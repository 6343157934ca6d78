// Shared by the towers of all families. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "models/towers/towers.h"
#include "models/towers/weight_binder.h"

namespace sightline::models {

using Ids = std::span<const std::int32_t>;

/// Thrown when a pass is abandoned.
struct Abandoned {};

/// A pass calls this between its products; see BetweenSteps. Throws Abandoned.
struct Steps {
  const BetweenSteps& call;
  void operator()() const {
    if (call && !call()) throw Abandoned();
  }
};

/// Token ids -> vectors. Immutable once made.
class TextTower {
 public:
  virtual ~TextTower() = default;

  /// The ids that affect the vector. Errors: invalid_argument (no ids, too many, one outside the
  /// vocabulary, none where the tower reads its vector).
  virtual Result<Ids> accept(Ids ids) const = 0;

  /// [texts, dims], from ids that `accept` returned.
  virtual at::Tensor run(std::span<const Ids> texts, const Steps& steps) const = 0;
};

/// Pictures -> vectors. Immutable once made.
class VisionTower {
 public:
  virtual ~VisionTower() = default;

  /// [pictures, dims]; each picture is [image_size, image_size, 3] bytes.
  virtual at::Tensor run(std::span<const std::uint8_t* const> pictures, const Steps& steps) const = 0;

  virtual std::int64_t tokens_per_picture() const = 0;
};

/// Errors of `accept` that are the same in every family: invalid_argument unless there are 1 to `max_tokens`
/// ids, each below `vocabulary_size`.
Status check_ids(Ids ids, std::size_t max_tokens, std::uint32_t vocabulary_size);

// Each takes its tensors from `weights`, which records their errors.
std::unique_ptr<TextTower> make_clip_text(WeightBinder& weights, const ClipTextConfig& config,
                                          std::int64_t projection_dim, const Compute& compute);
std::unique_ptr<VisionTower> make_clip_vision(WeightBinder& weights, const ClipVisionConfig& config,
                                              std::int64_t projection_dim, const PixelScale& pixels,
                                              const Compute& compute);
std::unique_ptr<TextTower> make_jina_text(WeightBinder& weights, const JinaTextConfig& config, const Compute& compute);
std::unique_ptr<TextTower> make_xlm_roberta_text(WeightBinder& weights, const XlmRobertaTextConfig& config,
                                                 const Compute& compute);
std::unique_ptr<VisionTower> make_eva_vision(WeightBinder& weights, const EvaVisionConfig& config,
                                             const PixelScale& pixels, const Compute& compute);
std::unique_ptr<TextTower> make_bert_text(WeightBinder& weights, const BertTextConfig& config, const Compute& compute);
std::unique_ptr<TextTower> make_siglip_text(WeightBinder& weights, const SiglipTextConfig& config,
                                            const Compute& compute);
std::unique_ptr<VisionTower> make_siglip_vision(WeightBinder& weights, const SiglipVisionConfig& config,
                                                const PixelScale& pixels, const Compute& compute);

}  // namespace sightline::models
