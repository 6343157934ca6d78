#include "server/elastic/embedded/search/vector_math.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sightline::elastic {
namespace {

// Sums are kept in 32 lanes: a fixed order that compilers turn into vector instructions without being allowed
// to reorder floating-point sums. The same bodies are compiled for wider instruction sets below.
constexpr std::size_t k_lanes = 32;

[[gnu::always_inline]] inline float sum_of(const std::array<float, k_lanes>& lanes) {
  std::array<float, k_lanes> sums = lanes;
  for (std::size_t width = k_lanes / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) sums[i] += sums[i + width];
  }
  return sums[0];
}

[[gnu::always_inline]] inline float product_body(const float* a, const float* b, std::size_t dims) {
  std::array<float, k_lanes> lanes{};
  std::size_t i = 0;
  for (; i + k_lanes <= dims; i += k_lanes) {
    for (std::size_t lane = 0; lane < k_lanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (std::size_t lane = 0; i < dims; ++i, ++lane) lanes[lane] += a[i] * b[i];
  return sum_of(lanes);
}

[[gnu::always_inline]] inline float distance_body(const float* a, const float* b, std::size_t dims) {
  std::array<float, k_lanes> lanes{};
  std::size_t i = 0;
  for (; i + k_lanes <= dims; i += k_lanes) {
    for (std::size_t lane = 0; lane < k_lanes; ++lane) {
      const float difference = a[i + lane] - b[i + lane];
      lanes[lane] += difference * difference;
    }
  }
  for (std::size_t lane = 0; i < dims; ++i, ++lane) {
    const float difference = a[i] - b[i];
    lanes[lane] += difference * difference;
  }
  return sum_of(lanes);
}

using Kernel = float (*)(const float*, const float*, std::size_t);

float product_plain(const float* a, const float* b, std::size_t dims) {
  return product_body(a, b, dims);
}
float distance_plain(const float* a, const float* b, std::size_t dims) {
  return distance_body(a, b, dims);
}

#if defined(__x86_64__) && defined(__GNUC__)
[[gnu::target("avx2,fma")]] float product_avx2(const float* a, const float* b, std::size_t dims) {
  return product_body(a, b, dims);
}
[[gnu::target("avx2,fma")]] float distance_avx2(const float* a, const float* b, std::size_t dims) {
  return distance_body(a, b, dims);
}
[[gnu::target("avx512f,prefer-vector-width=512")]] float product_avx512(const float* a, const float* b,
                                                                        std::size_t dims) {
  return product_body(a, b, dims);
}
[[gnu::target("avx512f,prefer-vector-width=512")]] float distance_avx512(const float* a, const float* b,
                                                                         std::size_t dims) {
  return distance_body(a, b, dims);
}

Kernel choose(Kernel plain, Kernel avx2, Kernel avx512) {
  if (__builtin_cpu_supports("avx512f")) return avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
  return plain;
}
const Kernel k_product = choose(product_plain, product_avx2, product_avx512);
const Kernel k_distance = choose(distance_plain, distance_avx2, distance_avx512);
#else
const Kernel k_product = product_plain;
const Kernel k_distance = distance_plain;
#endif

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
    if (!std::isfinite(vector[i])) return "the vector has a value that is not finite at dim [" + std::to_string(i) + "]";
  }
  const double square = squared_length(vector);
  if (similarity == VectorSimilarity::cosine && square == 0)
    return "The [cosine] similarity does not support vectors with zero magnitude";
  // Elasticsearch's tolerance: a unit vector rounded to float32 passes, one that was never normalised does not.
  if (similarity == VectorSimilarity::dot_product && std::fabs(square - 1.0) > 1e-3)
    return "The [dot_product] similarity can only be used with unit-length vectors";
  return {};
}

}  // namespace sightline::elastic
