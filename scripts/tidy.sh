#!/usr/bin/env bash
# Checks the sources: their layout with clang-format, other problems with clang-tidy (.clang-format, .clang-tidy).
#
#   scripts/tidy.sh [FILE...]
#
# Without files all are checked; that takes long: several seconds per file. Exit 0 only if there is nothing to fix.
# Needs scripts/install_dependencies.sh --tidy. To fix the layout: clang-format -i FILE...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
  -h|--help) sed -n '2,7p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; exit 0 ;;
  -*) echo "tidy: unknown option $1 (see --help)" >&2; exit 2 ;;
esac
for tool in clang++ clang-format clang-tidy run-clang-tidy; do
  command -v "$tool" >/dev/null || { echo "tidy: $tool is missing; scripts/install_dependencies.sh --tidy installs it" >&2; exit 1; }
done

files=()
if [ $# -gt 0 ]; then
  for file in "$@"; do
    [ -f "$file" ] || { echo "tidy: no file $file" >&2; exit 2; }
    files+=("$(realpath --relative-to=. "$file")")
  done
else
  while read -r file; do
    if [ -f "$file" ]; then files+=("$file"); fi
  done < <(git ls-files --cached --others --exclude-standard -- '*.cpp' '*.h')
fi
clang-format --dry-run --Werror "${files[@]}"

# A header is checked with the sources that include it. In tests only the layout is checked, and so it is where
# libtorch is included: clang does not accept the headers of libtorch 1.13 as C++20.
sources=()
for file in "${files[@]}"; do
  case $file in tests/*|models/towers/*|models/linear_algebra/*) ;; *.cpp) sources+=("^$PWD/${file//./\\.}\$") ;; esac
done
if [ ${#sources[@]} -gt 0 ]; then
  cmake --preset tidy >/dev/null
  run-clang-tidy -quiet -p build/tidy "${sources[@]}"
fi
echo "tidy: nothing to fix"
