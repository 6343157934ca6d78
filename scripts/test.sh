#!/usr/bin/env bash
# All tests, also on a new machine: installs what is missing, builds, runs the C++ tests and the end-to-end tests.
#
#   scripts/test.sh [--preset release|dev|asan|tsan]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=release
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=${2:?--preset needs a name}; shift ;;
    -h|--help) sed -n '2,4p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) echo "test: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done

scripts/install_dependencies.sh --tests
# OpenMP's threads must not spin if cores are shared (server/openmp.h); the server sets this itself.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-5000}
cmake --preset "$preset"
cmake --build --preset "$preset"
ctest --preset "$preset" --no-tests=error
scripts/fuzz.sh --seconds 20

# The same end-to-end tests with both of Elastic's current Python clients; tests without the client run once.
export SIGHTLINE_BIN="$PWD/build/$preset/bin" PYTHONDONTWRITEBYTECODE=1
# In as many processes as there are cores; conftest.py says which tests belong in one.
.venv-es9/bin/python -m pytest -q -p no:cacheprovider -n auto --maxprocesses 4 --dist loadgroup tests/e2e
.venv-es8/bin/python -m pytest -q -p no:cacheprovider tests/e2e -m client
