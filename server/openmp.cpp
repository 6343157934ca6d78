#include "server/openmp.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace sightline {
namespace {

// Some tens of microseconds, so that most threads are met between two products of one pass. On two quiet cores libgomp's own
// 300000 is no faster; 1000 loses 8 % of a picture's and a quarter of a text's speed. Beside other work 300000 takes up to 3.5
// times as long.
constexpr const char* k_spins = "5000";

}  // namespace

void settle_openmp(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", k_spins, 0);
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);  // returns only if it failed; the program then runs as it is
}

}  // namespace sightline
