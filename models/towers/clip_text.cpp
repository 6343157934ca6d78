#include "models/towers/clip_text.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace sightline::models {

ClipTextTower::ClipTextTower(WeightBinder& weights, const ClipTextConfig& config, std::int64_t projection_dim,
                             const Compute& compute)
    : config_(config),
      compute_(compute),
      token_embedding_(weights.take("text_model.embeddings.token_embedding.weight",
                                    {config.vocabulary_size, config.transformer.width})),
      positions_(weights.take("text_model.embeddings.position_embedding.weight",
                              {config.max_tokens, config.transformer.width})),
      transformer_(weights, "text_model", config.transformer, compute),
      final_norm_(LayerNorm::bind(weights, "text_model.final_layer_norm", config.transformer.width,
                                  config.transformer.layer_norm_eps)),
      projection_t_(weights.take("text_projection.weight", {projection_dim, config.transformer.width}).t()),
      causal_mask_(at::full({config.max_tokens, config.max_tokens}, -std::numeric_limits<float>::infinity(),
                            compute.options())
                       .triu_(1)) {
  weights.ignore("text_model.embeddings.position_ids");  // older files carry 0, 1, 2, ...
}

Result<ClipTextTower::Ids> ClipTextTower::cut_at_end(Ids ids) const {
  if (ids.empty() || ids.size() > config_.max_tokens) {
    return Error{ErrorCode::invalid_argument, "a text of " + std::to_string(ids.size()) +
                                                  " tokens; from 1 to " + std::to_string(config_.max_tokens) +
                                                  " are taken"};
  }
  for (const std::int32_t id : ids) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= config_.vocabulary_size) {
      return Error{ErrorCode::invalid_argument, "token id " + std::to_string(id) +
                                                    " is outside the vocabulary of " +
                                                    std::to_string(config_.vocabulary_size)};
    }
  }
  const auto end = config_.eos_token_id
                       ? std::find(ids.begin(), ids.end(), *config_.eos_token_id)
                       : std::max_element(ids.begin(), ids.end());  // the first of the largest
  if (end == ids.end()) {
    return Error{ErrorCode::invalid_argument,
                 "token ids without the end-of-text id " + std::to_string(*config_.eos_token_id)};
  }
  return ids.first(static_cast<std::size_t>(end - ids.begin()) + 1);
}

at::Tensor ClipTextTower::run(std::span<const Ids> texts) const {
  std::vector<std::int64_t> ids, places, pooled;
  std::vector<Sequence> sequences;
  for (const Ids text : texts) {
    sequences.push_back({static_cast<std::int64_t>(ids.size()), static_cast<std::int64_t>(text.size())});
    for (std::size_t i = 0; i < text.size(); ++i) {
      ids.push_back(text[i]);
      places.push_back(static_cast<std::int64_t>(i));
    }
    pooled.push_back(static_cast<std::int64_t>(ids.size()) - 1);
  }
  const auto index = [&](const std::vector<std::int64_t>& values) {
    return at::tensor(values, at::kLong).to(compute_.device);
  };
  at::Tensor x = token_embedding_.index_select(0, index(ids));
  x.add_(positions_.index_select(0, index(places)));
  x = transformer_.run(x, sequences, pooled, causal_mask_);
  return at::mm(final_norm_(x), projection_t_);
}

}  // namespace sightline::models
