#include "server/web/projection/neighbour_map.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <random>
#include <thread>

#include "base/cancellation.h"
#include "models/linear_algebra/principal_components.h"

using namespace sightline;
using namespace sightline::web;

namespace {

/// Vectors around `centres` places in `dims` dimensions, one after the other.
std::vector<float> clusters(std::size_t count, std::size_t centres, std::size_t dims) {
  std::mt19937 chance(7);
  const auto number = [&] { return static_cast<float>(chance() % 20'001) / 10'000 - 1; };
  std::vector<float> places(centres * dims), vectors(count * dims);
  for (float& x : places) x = number();
  for (std::size_t i = 0; i < vectors.size(); ++i)
    vectors[i] = places[(i / dims) % centres * dims + i % dims] + 0.4f * number();
  return vectors;
}

/// The share of each point's nearest ten that are of its own cluster.
double same_cluster(const std::vector<Point>& points, std::size_t centres) {
  double share = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<std::pair<double, std::size_t>> others;
    for (std::size_t j = 0; j < points.size(); ++j) {
      if (j != i) others.emplace_back(std::hypot(points[i].x - points[j].x, points[i].y - points[j].y), j);
    }
    std::partial_sort(others.begin(), others.begin() + 10, others.end());
    for (std::size_t k = 0; k < 10; ++k) share += others[k].second % centres == i % centres;
  }
  return share / (10 * static_cast<double>(points.size()));
}

models::Components components_of(std::vector<float> vectors, std::size_t count, std::size_t dims, std::size_t wanted) {
  auto components = models::principal_components(vectors, count, dims, wanted);
  REQUIRE(components.ok());
  return std::move(*components);
}

}  // namespace

TEST_CASE("principal components are the directions of most variance, in order") {
  // 3 in the first direction of a turned pair of axes, 1 in the second, nothing in the third.
  std::vector<float> vectors;
  for (const auto& [a, b] : {std::pair(3.0, 1.0), {3, -1}, {-3, 1}, {-3, -1}}) {
    vectors.insert(vectors.end(),
                   {static_cast<float>(0.6 * a - 0.8 * b + 5), static_cast<float>(0.8 * a + 0.6 * b), 2});
  }
  const auto components = components_of(vectors, 4, 3, 2);
  REQUIRE(components.count == 2);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(std::abs(components.values[2 * i]) == doctest::Approx(3));
    CHECK(std::abs(components.values[2 * i + 1]) == doctest::Approx(1));
  }
  CHECK(components.values[0] == doctest::Approx(components.values[2]));
  CHECK(components.values[1] == doctest::Approx(-components.values[3]));
}

TEST_CASE("components keep distances where there are enough of them, and there are never too many") {
  const auto vectors = clusters(60, 4, 20);
  const auto all = components_of(vectors, 60, 20, 50);
  CHECK(all.count == 20);
  const auto distance = [](const std::vector<float>& values, std::size_t dims, std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t k = 0; k < dims; ++k)
      sum += std::pow(static_cast<double>(values[a * dims + k] - values[b * dims + k]), 2);
    return std::sqrt(sum);
  };
  for (std::size_t i = 1; i < 60; ++i)
    CHECK(distance(all.values, 20, 0, i) == doctest::Approx(distance(vectors, 20, 0, i)).epsilon(1e-4));
  CHECK(components_of(vectors, 3, 400, 50).count == 2);
  CHECK(components_of({1, 2, 3}, 1, 3, 50).count == 1);
  CHECK(components_of(std::vector<float>(30, 1), 10, 3, 2).values == std::vector<float>(20, 0));
}

TEST_CASE("like vectors lie together, more so than along their two principal components") {
  constexpr std::size_t k_count = 300, k_clusters = 15, k_dims = 30;
  const auto components = components_of(clusters(k_count, k_clusters, k_dims), k_count, k_dims, 50);
  std::vector<Point> plain(k_count);
  for (std::size_t i = 0; i < k_count; ++i)
    plain[i] = {static_cast<double>(components.values[i * components.count]),
                static_cast<double>(components.values[i * components.count + 1])};
  auto map = neighbour_map(components.values, k_count, components.count);
  const double of_map = same_cluster(map, k_clusters), of_plain = same_cluster(plain, k_clusters);
  CHECK(of_map > 0.95);
  CHECK(of_plain < 0.8);
  fit_into_unit_square(map);
  for (const Point& point : map) {
    CHECK(point.x >= 0);
    CHECK(point.x <= 1);
    CHECK(point.y >= 0);
    CHECK(point.y <= 1);
  }
}

TEST_CASE("the same vectors give the same map, on any thread") {
  const auto vectors = clusters(120, 5, 64);
  const auto make = [&] {
    const auto components = components_of(vectors, 120, 64, 50);
    return neighbour_map(components.values, 120, components.count);
  };
  const auto first = make();
  std::vector<Point> second;
  std::thread([&] { second = make(); }).join();
  REQUIRE(first.size() == second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    CHECK(first[i].x == second[i].x);
    CHECK(first[i].y == second[i].y);
  }
}

TEST_CASE("vectors that are all the same, and vectors of one number, have a map") {
  for (const auto& [vectors, dims] : {std::pair(std::vector<float>(20 * 8, 0), std::size_t{8}),
                                      {std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 1}, 1}}) {
    auto map = neighbour_map(vectors, vectors.size() / dims, dims);
    fit_into_unit_square(map);
    for (const Point& point : map) {
      CHECK(std::isfinite(point.x));
      CHECK(std::isfinite(point.y));
    }
  }
  std::vector<Point> one{{7, 7}};
  fit_into_unit_square(one);
  CHECK(one.front().x == 0.5);
}

TEST_CASE("a map that nobody waits for is not finished") {
  const auto vectors = clusters(200, 5, 20);
  const auto cancellation = std::make_shared<Cancellation>();
  const CancellationScope scope(cancellation);
  cancellation->cancel(CancelReason::client_left);
  CHECK_THROWS_AS(neighbour_map(vectors, 200, 20), WorkCancelled);
}
