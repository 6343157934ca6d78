// The repulsion between points in the plane, summed over all pairs without visiting each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sightline::web {

struct Point {
  double x = 0, y = 0;
};

/// The repulsive forces of t-SNE, by Barnes and Hut's algorithm (van der Maaten, JMLR 15, 2014, section 4.2): groups of
/// points that are small, as seen from a point, count as that many points in their centre.
class Repulsion {
 public:
  /// Fills `forces` with the sum over all j of (1 + d_ij²)^-2 (y_i - y_j), and gives the sum over all i and j, i ≠ j,
  /// of 1 / (1 + d_ij²). The same points give the same bits.
  double compute(const std::vector<Point>& points, std::vector<Point>& forces);

 private:
  /// A square with points in it. Its parts follow it, and behind all of them comes the node `behind`.
  struct Node {
    Point centre;  ///< of its points
    double width_squared = 0;
    std::uint32_t begin = 0, count = 0;  ///< its points: a stretch of `order_`
    std::uint32_t behind = 0;
    bool leaf = false;
  };
  void build(const std::vector<Point>& points, std::uint32_t begin, std::uint32_t end, Point corner, double width,
             int depth);
  double on_point(Point at, std::uint32_t place, Point& force) const;

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> order_;  ///< points, so that those of a square are beside each other
};

}  // namespace sightline::web
