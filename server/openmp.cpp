#include "server/openmp.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace sightline {
namespace {

// About ten microseconds: some threads are met that way. Of 0, 1000, 10000 and 300000, the first two were the
// fastest with two threads on two shared cores; 10000 took up to twice as long.
constexpr const char* k_spins = "1000";

}  // namespace

void settle_openmp(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", k_spins, 0);
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);  // returns only if it failed; the program then runs as it is
}

}  // namespace sightline
