#!/usr/bin/env bash
# Builds Sightline and a Debian package of it, for the Debian release that this runs on.
#
#   scripts/package.sh [--output FOLDER]
#
#   --output FOLDER   where the package is written (default: build/release/package)
#
# The last line is the package's file: install it with `apt install ./FILE`. What is missing for the build is installed by
# scripts/install_dependencies.sh; lintian checks the package if it is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

output=build/release/package
while [ $# -gt 0 ]; do
  case $1 in
    --output) output=${2:?--output needs a folder}; shift ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) echo "package: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done

scripts/install_dependencies.sh
cmake --preset release
cmake --build --preset release --target sightline-server sightline-ingest sightline-eval manual
rm -rf build/release/package
# Not 077 or the like, which would be in the package.
(umask 022; cd build/release && cpack -G DEB)
mkdir -p "$output"
package=$(ls build/release/package/*.deb)
if command -v lintian >/dev/null; then lintian --fail-on error --tag-display-limit 0 "$package"; fi
[ "$output" -ef build/release/package ] || { cp "$package" "$output/"; package=$output/${package##*/}; }
printf '%s\n' "$package"
