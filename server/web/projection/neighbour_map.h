// A map of vectors: similar ones are close together.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "server/web/projection/repulsion.h"

namespace sightline::web {

/// Fewer vectors than this have too few neighbours for a map of them.
inline constexpr std::size_t k_least_mapped = 10;

/// Places vectors ([count, dims], row by row, `dims` at most about 50) in the plane by t-SNE (van der Maaten and Hinton,
/// JMLR 9, 2008): vectors that are among each other's nearest neighbours are close together.
///
/// Flow: 1. Each vector's nearest 90 are found, exactly, and weighted so that each has about 30 neighbours
///          (perplexity; a third of the others if there are fewer).
///       2. The points begin at the first two dims, made small (Kobak and Berens, Nature Communications 10, 2019).
///       3. 250 steps with attraction 12-fold, then 500 plain ones, with momentum and a gain per number, at the rate
///          count / 48, at least 50 (Belkina et al., Nature Communications 10, 2019). Repulsion by Barnes-Hut.
/// Runs on the calling thread alone; the same vectors give the same points. Needs about 5 KB per vector. Throws
/// WorkCancelled (`check_cancelled`).
std::vector<Point> neighbour_map(std::span<const float> vectors, std::size_t count, std::size_t dims);

/// Moves and scales points into [0, 1] in both directions, with one scale for both, and centres them.
void fit_into_unit_square(std::vector<Point>& points);

}  // namespace sightline::web
