#!/usr/bin/env bash
# Installs what Sightline needs, from Debian's packages (Debian 12 or 13). The only script that installs anything.
#
#   scripts/install_dependencies.sh [--tests] [--tidy] [--fuzz]
#
#   --tests        also what scripts/test.sh needs: the official Python clients of Elasticsearch, 8 in .venv-es8 and 9 in .venv-es9,
#                  and there those of OpenAI and Cohere, schemathesis, and Playwright with axe-core for the page's tests; Chromium;
#                  LangChain, LlamaIndex and Haystack in .venv-frameworks
#   --tidy         also what scripts/tidy.sh needs: clang, clang-format and clang-tidy
#   --fuzz         also what scripts/fuzz.sh needs: clang and its libFuzzer; --tests implies it
#
# Does nothing, and needs no network, if everything is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(
  # to build
  build-essential cmake ninja-build ccache mold pkg-config
  # libtorch; OpenBLAS in its OpenMP variant: the pthread variant is four times slower under libtorch
  libtorch-dev libopenblas0-openmp
  # products with packed weights, and vector instructions chosen at run time; oneDNN's CMake file looks for OpenCL, which its package only recommends
  libdnnl-dev ocl-icd-opencl-dev libhwy-dev
  # memory
  libjemalloc-dev
  # HTTP, JSON, logs, options, metrics
  libpistache-dev libcurl4-openssl-dev libssl-dev zlib1g-dev rapidjson-dev libspdlog-dev libfmt-dev libcli11-dev prometheus-cpp-dev
  # hash tables
  libxxhash-dev
  # pictures and text
  libjpeg62-turbo-dev libspng-dev libwebp-dev libgif-dev libheif-dev libavif-dev libicu-dev
  # the embedded store
  libsqlite3-dev libhnswlib-dev
  # scripts and tests
  doctest-dev curl jq openssl python3 python3-venv
)
# Debian 13 has libheif's decoder of HEVC in a package of its own.
[ "$(. /etc/os-release && echo "${VERSION_ID:-13}")" = 12 ] || packages+=(libheif-plugin-libde265)
# libFuzzer and the sanitizers are in a package of clang's version: 14 in Debian 12, 19 in Debian 13.
clang_version=$(. /etc/os-release && [ "${VERSION_ID:-13}" = 12 ] && echo 14 || echo 19)
fuzz_packages=(clang "libclang-rt-$clang_version-dev")
tests=
for option in "$@"; do
  case $option in
    --tests) tests=1; packages+=("${fuzz_packages[@]}" chromium-headless-shell fonts-dejavu-core fonts-liberation) ;;
    --fuzz) packages+=("${fuzz_packages[@]}") ;;
    --tidy) packages+=(clang clang-format clang-tidy "libomp-$clang_version-dev") ;;
    -h|--help) sed -n '2,11p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) echo "install_dependencies: unknown option $option (see --help)" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "install_dependencies: run this as root, or install sudo; missing: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  echo "installing ${#missing[@]} packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

# Another package may have installed the pthread variant, which Debian prefers if both are installed.
for library in libblas.so.3 liblapack.so.3; do
  name=$library-$(gcc -print-multiarch)
  current=$(update-alternatives --query "$name" 2>/dev/null | sed -n 's/^Value: //p')
  case $current in
    *openblas-openmp*|'') ;;
    *) echo "note: $library is $current; Sightline is several times faster with OpenBLAS's OpenMP flavour. To switch:"
       echo "  sudo update-alternatives --set $name ${current%/*/*}/openblas-openmp/${current##*/}" ;;
  esac
done

if [ -n "$tests" ]; then
  for name in es8 es9 frameworks; do
    venv=.venv-$name requirements=tests/e2e/requirements-$name.txt
    if ! cmp -s "$requirements" "$venv/installed.txt"; then
      echo "making $venv (some minutes)"
      python3 -m venv --clear "$venv"
      "$venv/bin/pip" install -q --disable-pip-version-check -r "$requirements"
      cp "$requirements" "$venv/installed.txt"
    fi
  done
fi
echo "dependencies: complete"
