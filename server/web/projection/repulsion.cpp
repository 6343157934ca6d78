#include "server/web/projection/repulsion.h"

#include <algorithm>
#include <numeric>

namespace sightline::web {
namespace {

/// Points that many halvings do not part are taken for one place.
constexpr int k_max_depth = 40;
/// A group counts as one place if its width is less than this part of its distance (theta there).
constexpr double k_angle = 0.5;

}  // namespace

double Repulsion::compute(const std::vector<Point>& points, std::vector<Point>& forces) {
  const auto count = static_cast<std::uint32_t>(points.size());
  order_.resize(count);
  std::iota(order_.begin(), order_.end(), 0u);
  nodes_.clear();
  Point low = points.front(), high = low;
  for (const Point& point : points) {
    low = {std::min(low.x, point.x), std::min(low.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  }
  build(points, 0, count, low, std::max(high.x - low.x, high.y - low.y), 0);
  double sum = 0;
  for (std::uint32_t place = 0; place < count; ++place) {
    const std::uint32_t i = order_[place];
    forces[i] = {};
    sum += on_point(points[i], place, forces[i]);
  }
  return sum;
}

void Repulsion::build(const std::vector<Point>& points, std::uint32_t begin, std::uint32_t end, Point corner,
                      double width, int depth) {
  const std::size_t own = nodes_.size();
  nodes_.emplace_back();
  Point sum;
  for (std::uint32_t i = begin; i < end; ++i) {
    sum.x += points[order_[i]].x;
    sum.y += points[order_[i]].y;
  }
  const double count = end - begin;
  nodes_[own].centre = {sum.x / count, sum.y / count};
  nodes_[own].width_squared = width * width;
  nodes_[own].begin = begin;
  nodes_[own].count = end - begin;
  nodes_[own].leaf = end - begin == 1 || depth == k_max_depth || width == 0;
  if (!nodes_[own].leaf) {
    const double half = width / 2;
    const Point middle{corner.x + half, corner.y + half};
    const auto at = [&](std::uint32_t i) { return order_.begin() + i; };
    const auto is_low = [&](std::uint32_t i) { return points[i].y < middle.y; };
    const auto is_left = [&](std::uint32_t i) { return points[i].x < middle.x; };
    const auto split = [&](std::uint32_t from, std::uint32_t to, const auto& first) {
      return static_cast<std::uint32_t>(std::partition(at(from), at(to), first) - order_.begin());
    };
    const std::uint32_t high = split(begin, end, is_low);
    const std::uint32_t low_right = split(begin, high, is_left), high_right = split(high, end, is_left);
    if (begin < low_right) build(points, begin, low_right, corner, half, depth + 1);
    if (low_right < high) build(points, low_right, high, {middle.x, corner.y}, half, depth + 1);
    if (high < high_right) build(points, high, high_right, {corner.x, middle.y}, half, depth + 1);
    if (high_right < end) build(points, high_right, end, middle, half, depth + 1);
  }
  nodes_[own].behind = static_cast<std::uint32_t>(nodes_.size());
}

double Repulsion::on_point(Point at, std::uint32_t place, Point& force) const {
  double sum = 0;
  for (std::uint32_t i = 0; i < nodes_.size();) {
    const Node& node = nodes_[i];
    const double dx = at.x - node.centre.x, dy = at.y - node.centre.y;
    const double distance_squared = dx * dx + dy * dy;
    const bool own = place - node.begin < node.count;  // unsigned: also false for places before it
    if (!node.leaf && (own || node.width_squared >= k_angle * k_angle * distance_squared)) {
      ++i;
      continue;
    }
    const double near = 1 / (1 + distance_squared), others = node.count - (own ? 1u : 0u);
    sum += others * near;
    force.x += others * near * near * dx;
    force.y += others * near * near * dy;
    i = node.behind;
  }
  return sum;
}

}  // namespace sightline::web
