#include "server/web/projection/neighbour_map.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/cancellation.h"

namespace sightline::web {
namespace {

constexpr double k_perplexity = 30;
constexpr int k_gathering_steps = 250, k_spreading_steps = 500;
constexpr double k_gathering = 12;  ///< how much stronger attraction is while points gather

/// Squared distance, summed in sixteen parts, so that the compiler can use vectors of any width.
float distance_squared(const float* a, const float* b, std::size_t dims) {
  constexpr std::size_t k_lanes = 16;
  float sums[k_lanes] = {};
  std::size_t i = 0;
  for (; i + k_lanes <= dims; i += k_lanes) {
    for (std::size_t lane = 0; lane < k_lanes; ++lane) {
      const float d = a[i + lane] - b[i + lane];
      sums[lane] += d * d;
    }
  }
  float sum = 0;
  for (; i < dims; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  for (const float lane : sums) sum += lane;
  return sum;
}

struct Neighbour {
  float distance_squared = 0;
  std::uint32_t number = 0;
  bool operator<(const Neighbour& other) const {
    return distance_squared != other.distance_squared ? distance_squared < other.distance_squared
                                                      : number < other.number;
  }
};

/// Weights of one vector's neighbours, which sum to 1: exp(-b d²), with b so that their perplexity is as wanted
/// (equations 1 and 2 there).
void weigh(const std::vector<Neighbour>& neighbours, double perplexity, std::vector<double>& weights) {
  const double wanted_entropy = std::log(perplexity);
  const double nearest = static_cast<double>(neighbours.front().distance_squared);
  double b = 1, low = 0, high = std::numeric_limits<double>::infinity();
  for (int step = 0; step < 64; ++step) {
    double sum = 0, weighted = 0;
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      const double further = static_cast<double>(neighbours[i].distance_squared) - nearest;
      weights[i] = std::exp(-b * further);
      sum += weights[i];
      weighted += weights[i] * further;
    }
    const double entropy = std::log(sum) + b * weighted / sum;
    for (double& weight : weights) weight /= sum;
    if (std::abs(entropy - wanted_entropy) < 1e-5) return;
    (entropy > wanted_entropy ? low : high) = b;
    b = std::isinf(high) ? b * 2 : (low + high) / 2;
  }
}

/// How strongly vectors attract each other: a sparse symmetric matrix that sums to 1.
class Attraction {
 public:
  Attraction(std::span<const float> vectors, std::size_t count, std::size_t dims) {
    const double perplexity = std::min(k_perplexity, static_cast<double>(count - 1) / 3);
    const auto kept = std::min(count - 1, static_cast<std::size_t>(3 * perplexity));
    std::vector<Edge> edges;
    edges.reserve(2 * count * kept);
    std::vector<Neighbour> all(count - 1);
    std::vector<Neighbour> nearest;
    std::vector<double> weights(kept);
    for (std::uint32_t i = 0; i < count; ++i) {
      check_cancelled();
      for (std::uint32_t j = 0, at = 0; j < count; ++j) {
        if (j != i) all[at++] = {distance_squared(&vectors[i * dims], &vectors[j * dims], dims), j};
      }
      const auto end = all.begin() + static_cast<std::ptrdiff_t>(kept);
      std::nth_element(all.begin(), end - 1, all.end());
      nearest.assign(all.begin(), end);
      std::sort(nearest.begin(), nearest.end());
      weigh(nearest, perplexity, weights);
      for (std::size_t k = 0; k < kept; ++k) {
        const double half = weights[k] / (2 * static_cast<double>(count));
        edges.push_back({i, nearest[k].number, half});
        edges.push_back({nearest[k].number, i, half});
      }
    }
    gather(edges, count);
  }

  /// The sum over all j of p_ij (1 + d_ij²)^-1 (y_i - y_j).
  Point on_point(std::uint32_t i, const std::vector<Point>& points) const {
    Point force;
    for (std::size_t at = begins_[i]; at < begins_[i + 1]; ++at) {
      const double dx = points[i].x - points[partners_[at]].x, dy = points[i].y - points[partners_[at]].y;
      const double pull = strengths_[at] / (1 + dx * dx + dy * dy);
      force.x += pull * dx;
      force.y += pull * dy;
    }
    return force;
  }

 private:
  struct Edge {
    std::uint32_t from = 0, to = 0;
    double strength = 0;
  };

  /// Adds up edges of the same two.
  void gather(std::vector<Edge>& edges, std::size_t count) {
    std::stable_sort(edges.begin(), edges.end(),
                     [](const Edge& a, const Edge& b) { return a.from != b.from ? a.from < b.from : a.to < b.to; });
    begins_.assign(count + 1, 0);
    for (std::size_t i = 0; i < edges.size(); ++i) {
      if (i > 0 && edges[i].from == edges[i - 1].from && edges[i].to == edges[i - 1].to) {
        strengths_.back() += edges[i].strength;
        continue;
      }
      partners_.push_back(edges[i].to);
      strengths_.push_back(edges[i].strength);
      ++begins_[edges[i].from + 1];
    }
    for (std::size_t i = 0; i < count; ++i) begins_[i + 1] += begins_[i];
  }

  std::vector<std::size_t> begins_;  ///< of each vector's stretch in the next two
  std::vector<std::uint32_t> partners_;
  std::vector<double> strengths_;
};

/// The first two dims with a standard deviation of 1e-4 in the first. Vectors that are the same are put a little apart,
/// or nothing would ever part them.
std::vector<Point> start(std::span<const float> vectors, std::size_t count, std::size_t dims) {
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(vectors[i * dims]);
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(count);
  const double deviation = std::sqrt(std::max(0.0, squares / n - (sum / n) * (sum / n)));
  const double scale = deviation > 0 ? 1e-4 / deviation : 0;
  std::vector<Point> points(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double turn = 2.399963 * static_cast<double>(i);  // the golden angle: no two directions are the same
    points[i].x = static_cast<double>(vectors[i * dims]) * scale + 1e-7 * std::cos(turn);
    points[i].y = (dims > 1 ? static_cast<double>(vectors[i * dims + 1]) * scale : 0) + 1e-7 * std::sin(turn);
  }
  return points;
}

/// One number of a point on its way: the rule of Jacobs (1988), as in van der Maaten's code.
struct Motion {
  double speed = 0, gain = 1;
  double step(double gradient, double momentum, double rate) {
    gain = std::max(0.01, (gradient > 0) != (speed > 0) ? gain + 0.2 : gain * 0.8);
    return speed = momentum * speed - rate * gain * gradient;
  }
};

}  // namespace

std::vector<Point> neighbour_map(std::span<const float> vectors, std::size_t count, std::size_t dims) {
  const Attraction attraction(vectors, count, dims);
  std::vector<Point> points = start(vectors, count, dims), repulsions(count);
  std::vector<Motion> across(count), along(count);
  Repulsion repulsion;
  const double rate = std::max(50.0, static_cast<double>(count) / (4 * k_gathering));
  for (int step = 0; step < k_gathering_steps + k_spreading_steps; ++step) {
    check_cancelled();
    const bool gathering = step < k_gathering_steps;
    const double stronger = gathering ? k_gathering : 1, momentum = gathering ? 0.5 : 0.8;
    const double all = repulsion.compute(points, repulsions);
    Point mean;
    std::vector<Point> moved = points;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Point pull = attraction.on_point(i, points);
      moved[i].x += across[i].step(4 * (stronger * pull.x - repulsions[i].x / all), momentum, rate);
      moved[i].y += along[i].step(4 * (stronger * pull.y - repulsions[i].y / all), momentum, rate);
      mean.x += moved[i].x / static_cast<double>(count);
      mean.y += moved[i].y / static_cast<double>(count);
    }
    for (std::uint32_t i = 0; i < count; ++i) points[i] = {moved[i].x - mean.x, moved[i].y - mean.y};
  }
  return points;
}

void fit_into_unit_square(std::vector<Point>& points) {
  if (points.empty()) return;
  Point low = points.front(), high = low;
  for (const Point& point : points) {
    low = {std::min(low.x, point.x), std::min(low.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  }
  const double width = std::max(high.x - low.x, high.y - low.y);
  for (Point& point : points) {
    point.x = width > 0 ? 0.5 + (point.x - (low.x + high.x) / 2) / width : 0.5;
    point.y = width > 0 ? 0.5 + (point.y - (low.y + high.y) / 2) / width : 0.5;
    point = {std::clamp(point.x, 0.0, 1.0), std::clamp(point.y, 0.0, 1.0)};
  }
}

}  // namespace sightline::web
