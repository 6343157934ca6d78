#include "server/api/vectors.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <optional>

namespace sightline::api {
namespace {

constexpr double k_no_direction = 1e-6;  // shorter than this is rounding left over from unit vectors

/// Nullopt: too short to have a direction.
std::optional<std::vector<float>> unit(std::span<const double> raw) {
  double squares = 0;
  for (const double value : raw) squares += value * value;
  const double norm = std::sqrt(squares);
  if (!(norm > k_no_direction)) return std::nullopt;
  std::vector<float> out(raw.size());
  std::transform(raw.begin(), raw.end(), out.begin(),
                 [norm](double value) { return static_cast<float>(value / norm); });
  return out;
}

}  // namespace

Result<std::vector<float>> fused(std::span<const std::vector<float>> parts) {
  std::vector<double> mean(parts.front().size());
  for (const std::vector<float>& part : parts) {
    assert(part.size() == mean.size());
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += static_cast<double>(part[i]) / static_cast<double>(parts.size());
    }
  }
  if (auto vector = unit(mean)) return *std::move(vector);
  return Error{ErrorCode::invalid_argument,
               "the vectors of its parts cancel each other out: send the parts as separate inputs"};
}

Result<std::vector<float>> shortened(std::vector<float> vector, std::size_t dims) {
  if (dims == vector.size()) return vector;
  if (dims < 1 || dims > vector.size()) {
    return Error{ErrorCode::invalid_argument, "the model gives vectors of " + std::to_string(vector.size()) +
                                                  " floats, not of " + std::to_string(dims)};
  }
  const std::vector<double> head(vector.begin(), vector.begin() + static_cast<std::ptrdiff_t>(dims));
  if (auto cut = unit(head)) return *std::move(cut);
  return Error{ErrorCode::invalid_argument,
               "the first " + std::to_string(dims) + " floats of its vector are zero: ask for more"};
}

double cosine(std::span<const float> a, std::span<const float> b) {
  assert(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return std::clamp(sum, -1.0, 1.0);
}

}  // namespace sightline::api
