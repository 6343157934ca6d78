#!/usr/bin/env bash
# Runs the fuzz targets of fuzz/, each for some time, as many at once as there are cores. A finding fails the run, and its input is saved.
#
#   scripts/fuzz.sh [--seconds N] [TARGET...]
#
#   --seconds N    how long each target runs; default: 20
#   TARGET         such as json_reader; default: all of them
#
# New inputs are saved in build/fuzz/corpus/TARGET, where the next run starts; those that crash a target are build/fuzz/findings/TARGET-*.
# To run one again: build/fuzz/bin/fuzz_TARGET FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=20
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift ;;
    -h|--help) sed -n '2,11p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; exit 0 ;;
    -*) echo "fuzz: unknown option $1 (see --help)" >&2; exit 2 ;;
    *) [ -e "fuzz/$1.cpp" ] || { echo "fuzz: no target $1 in fuzz/" >&2; exit 2; }
       targets+=("$1") ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] || for source in fuzz/*.cpp; do targets+=("$(basename "$source" .cpp)"); done

scripts/install_dependencies.sh --fuzz
cmake --preset fuzz
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}"

build=build/fuzz
mkdir -p "$build/findings" "$build/logs"
run() {  # target
  local target=$1
  mkdir -p "$build/corpus/$target" "fuzz/corpus/$target"
  if "$build/bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
      -artifact_prefix="$build/findings/$target-" \
      "$build/corpus/$target" "fuzz/corpus/$target" fuzz/corpus/numbers >"$build/logs/$target.log" 2>&1; then
    echo "$target: nothing found in $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/logs/$target.log") inputs"
  else
    echo "$target: FOUND SOMETHING, see $build/logs/$target.log:"
    tail -40 "$build/logs/$target.log"
    return 1
  fi
}
export -f run
export build seconds
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run {}'
