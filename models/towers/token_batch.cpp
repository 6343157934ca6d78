#include "models/towers/token_batch.h"

namespace sightline::models {

TokenBatch::TokenBatch(std::span<const Ids> texts, const Compute& compute) {
  std::vector<std::int64_t> all_ids, all_places;
  for (const Ids text : texts) {
    sequences.push_back({std::ssize(all_ids), std::ssize(text)});
    for (std::size_t i = 0; i < text.size(); ++i) {
      all_ids.push_back(text[i]);
      all_places.push_back(static_cast<std::int64_t>(i));
    }
  }
  ids = at::tensor(all_ids, at::kLong).to(compute.device);
  places = at::tensor(all_places, at::kLong).to(compute.device);
}

}  // namespace sightline::models
