#include "server/elastic/embedded/search/vector_math.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sightline::elastic {
namespace {

// Sums are computed in 32 lanes: a fixed order that compilers can turn into vector instructions without reordering
// floating-point sums. The same bodies are compiled for wider instruction sets below.
constexpr std::size_t k_lanes = 32;

[[gnu::always_inline]] inline float sum_of(const std::array<float, k_lanes>& lanes) {
  std::array<float, k_lanes> sums = lanes;
  for (std::size_t width = k_lanes / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) sums[i] += sums[i + width];
  }
  return sums[0];
}

/// The sum of products, or of squared differences.
template <bool Distance>
[[gnu::always_inline]] inline float body(const float* a, const float* b, std::size_t dims) {
  std::array<float, k_lanes> lanes{};
  const auto add = [&](std::size_t i, std::size_t lane) {
    const float difference = Distance ? a[i] - b[i] : 0;
    lanes[lane] += Distance ? difference * difference : a[i] * b[i];
  };
  std::size_t i = 0;
  for (; i + k_lanes <= dims; i += k_lanes) {
    for (std::size_t lane = 0; lane < k_lanes; ++lane) add(i + lane, lane);
  }
  for (std::size_t lane = 0; i < dims; ++i, ++lane) add(i, lane);
  return sum_of(lanes);
}

using Kernel = float (*)(const float*, const float*, std::size_t);

template <bool Distance>
float plain(const float* a, const float* b, std::size_t dims) {
  return body<Distance>(a, b, dims);
}

#if defined(__x86_64__) && defined(__GNUC__)
template <bool Distance>
[[gnu::target("avx2,fma")]] float avx2(const float* a, const float* b, std::size_t dims) {
  return body<Distance>(a, b, dims);
}
template <bool Distance>
[[gnu::target("avx512f,prefer-vector-width=512")]] float avx512(const float* a, const float* b, std::size_t dims) {
  return body<Distance>(a, b, dims);
}

template <bool Distance>
Kernel widest() {
  if (__builtin_cpu_supports("avx512f")) return avx512<Distance>;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2<Distance>;
  return plain<Distance>;
}
#else
template <bool Distance>
Kernel widest() {
  return plain<Distance>;
}
#endif
const Kernel k_product = widest<false>(), k_distance = widest<true>();

double squared_length(std::span<const float> vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  return sum;
}

}  // namespace

float inner_product(const float* a, const float* b, std::size_t dims) {
  return k_product(a, b, dims);
}
float squared_distance(const float* a, const float* b, std::size_t dims) {
  return k_distance(a, b, dims);
}

std::vector<float> unit_length(std::span<const float> vector) {
  std::vector<float> out(vector.begin(), vector.end());
  const double length = std::sqrt(squared_length(vector));
  if (length == 0) return out;
  for (float& x : out) x = static_cast<float>(x / length);
  return out;
}

float nearness(VectorSimilarity similarity, const float* a, const float* b, std::size_t dims) {
  return similarity == VectorSimilarity::l2_norm ? -squared_distance(a, b, dims) : inner_product(a, b, dims);
}

float score_of_nearness(VectorSimilarity similarity, float nearness) {
  switch (similarity) {
    case VectorSimilarity::cosine:
    case VectorSimilarity::dot_product:
      return std::max((1.0f + nearness) / 2.0f, 0.0f);
    case VectorSimilarity::l2_norm:
      return 1.0f / (1.0f - nearness);
    case VectorSimilarity::max_inner_product:
      return nearness < 0 ? 1.0f / (1.0f - nearness) : nearness + 1.0f;
  }
  return 0;
}

float nearness_of_similarity(VectorSimilarity similarity, float limit) {
  return similarity == VectorSimilarity::l2_norm ? -limit * limit : limit;
}

std::string unfit_for(VectorSimilarity similarity, std::span<const float> vector) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i]))
      return "the vector has a value that is not finite at dim [" + std::to_string(i) + "]";
  }
  const double square = squared_length(vector);
  // Elasticsearch computes the square as a float.
  const auto narrow = static_cast<float>(square);
  if (!std::isfinite(narrow)) return "the magnitude of the vector is too large for a float";
  if (similarity == VectorSimilarity::cosine && narrow == 0)
    return "The [cosine] similarity does not support vectors with zero magnitude";
  // Elasticsearch's tolerance: a unit vector rounded to float32 passes, a vector that was never normalised does not.
  if (similarity == VectorSimilarity::dot_product && std::fabs(square - 1.0) > 1e-3)
    return "The [dot_product] similarity can only be used with unit-length vectors";
  return {};
}

}  // namespace sightline::elastic
