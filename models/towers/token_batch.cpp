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

at::Tensor TokenBatch::embed(const at::Tensor& words, const at::Tensor& positions, at::ScalarType dtype) const {
  return words.index_select(0, ids).to(dtype).add_(positions.index_select(0, places));
}

std::vector<std::int64_t> TokenBatch::last_rows() const {
  std::vector<std::int64_t> rows;
  for (const Sequence& text : sequences) rows.push_back(text.begin + text.length - 1);
  return rows;
}

at::Tensor token_means(const at::Tensor& x, std::span<const Sequence> sequences, const at::Tensor& padding) {
  std::vector<at::Tensor> rows;
  for (const Sequence& text : sequences) {
    at::Tensor tokens = x.narrow(0, text.begin, text.length);
    if (padding.defined()) {
      const at::Tensor kept = padding.narrow(0, text.begin, text.length).logical_not().nonzero().squeeze(1);
      tokens = tokens.index_select(0, kept);
    }
    rows.push_back(tokens.mean(0, false, at::kFloat));
  }
  return at::stack(rows);
}

}  // namespace sightline::models
