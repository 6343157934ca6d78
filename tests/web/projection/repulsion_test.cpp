#include "server/web/projection/repulsion.h"

#include <cmath>
#include <doctest/doctest.h>

using namespace sightline::web;

namespace {

/// A spiral, without chance.
std::vector<Point> spiral(std::size_t count) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<double>(i);
    points.push_back({std::sqrt(at) * std::cos(2.4 * at), std::sqrt(at) * std::sin(2.4 * at)});
  }
  return points;
}

double exact(const std::vector<Point>& points, std::vector<Point>& forces) {
  double sum = 0;
  forces.assign(points.size(), {});
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t j = 0; j < points.size(); ++j) {
      if (i == j) continue;
      const double dx = points[i].x - points[j].x, dy = points[i].y - points[j].y;
      const double near = 1 / (1 + dx * dx + dy * dy);
      sum += near;
      forces[i].x += near * near * dx;
      forces[i].y += near * near * dy;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("the sums over groups of points are near those over all pairs") {
  const auto points = spiral(700);
  std::vector<Point> forces(points.size()), true_forces;
  Repulsion repulsion;
  const double sum = repulsion.compute(points, forces), true_sum = exact(points, true_forces);
  CHECK(sum == doctest::Approx(true_sum).epsilon(0.01));
  double wrong = 0, size = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    wrong += std::hypot(forces[i].x - true_forces[i].x, forces[i].y - true_forces[i].y);
    size += std::hypot(true_forces[i].x, true_forces[i].y);
  }
  CHECK(wrong / size < 0.05);
}

TEST_CASE("points in the same place count, each but itself") {
  const std::vector<Point> same(50, Point{0.25, -3});
  std::vector<Point> forces(same.size());
  CHECK(Repulsion().compute(same, forces) == doctest::Approx(50.0 * 49));
  for (const Point& force : forces) CHECK(std::hypot(force.x, force.y) == 0);
  std::vector<Point> two_places(50, Point{0, 0});
  for (std::size_t i = 0; i < 20; ++i) two_places[i] = {1, 0};
  std::vector<Point> of_two(50), true_forces;
  CHECK(Repulsion().compute(two_places, of_two) == doctest::Approx(exact(two_places, true_forces)));
  for (std::size_t i = 0; i < 50; ++i) CHECK(of_two[i].x == doctest::Approx(true_forces[i].x));
}

TEST_CASE("a single point is alone") {
  std::vector<Point> forces(1);
  CHECK(Repulsion().compute({{3, 4}}, forces) == 0);
  CHECK(forces[0].x == 0);
}
