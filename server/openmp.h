// How the towers' threads wait for each other.
#pragma once

namespace sightline {

/// Makes OpenMP's threads sleep soon when they wait for each other, unless the environment sets
/// this.
///
/// By default libgomp's threads spin for milliseconds. That is fine on an idle machine; where cores are
/// shared (with preprocessing, a store, other programs) a thread spins while the one it waits for has no
/// core, and embedding becomes many times slower (openmp.cpp has the figures).
///
/// The OpenMP library reads its environment before `main`, so this sets GOMP_SPINCOUNT and starts the program
/// again, once, as the same process. To be called before anything else; returns if there is nothing to set.
void settle_openmp(char** argv);

}  // namespace sightline
