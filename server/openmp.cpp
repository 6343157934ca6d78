#include "server/openmp.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace sightline {
namespace {

// About a tenth of a millisecond: longer than the gaps between two layers, shorter than a time slice.
constexpr const char* k_spins = "10000";

}  // namespace

void settle_openmp(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", k_spins, 0);
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);  // returns only if it failed; the program then runs as it is
}

}  // namespace sightline
