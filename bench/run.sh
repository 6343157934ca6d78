#!/usr/bin/env bash
# Compares Sightline's towers with transformers, ONNX Runtime and OpenVINO on this machine, by turns in one run.
#
#   bench/run.sh [--only PART,...] [--programs NAME,...] [--dtypes NAME,...] [--rounds N] [--seconds S] [--threads N]
#                [--minutes N] [--no-ceiling] [--elasticsearch URL] [--work FOLDER] [--out FOLDER] [--add] [--docs]
#                [--no-build]
#
#   --only PART,...      of b32, l14, b16, siglip2, jina (the models), products, pictures, http, knn (default: all)
#   --programs NAME,...  of sightline, transformers, onnxruntime, openvino (default: all)
#   --dtypes NAME,...    of float32, bfloat16, int8 (default: all)
#   --rounds N           turns of each program in each measurement (default: 5)
#   --seconds S          per turn (default: 3)
#   --threads N          of each program (default: the cores of this machine)
#   --minutes N          no new turn starts after this time (default: 240)
#   --no-ceiling         do not measure the processor's maximum speed
#   --elasticsearch URL  compare kNN searches with it, in an index sightline-bench-knn that is deleted at the end
#   --work FOLDER        virtual environment, checkpoints, exports, logs; kept for the next run (default: build/bench; 25 GB)
#   --out FOLDER         where results.json, results.md and images.svg go (default: WORK/out)
#   --add                keep the other parts of the results in --out, if they are of the same settings and versions: a run in pieces
#   --docs               also put the tables into docs/performance.md
#   --no-build           use the existing programs in build/release/bin, or in $SIGHTLINE_BIN
#
# Each program is a separate process that loads a model once, and is stopped while another one has its turn. All get the same
# pixels, token ids and number of threads, and their vectors are compared. Run nothing else on the machine. The first run
# downloads Python packages (bench/contest/requirements.txt) and makes checkpoints with random weights and their exported forms.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$root/bench/contest

work=$root/build/bench build=yes given=()
while [ $# -gt 0 ]; do
  case $1 in
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    --work) work=$(realpath -m "${2:?--work needs a folder}"); shift ;;
    --no-build) build= ;;
    *) given+=("$1") ;;
  esac
  shift
done
mkdir -p "$work"

python=$work/venv/bin/python
if ! cmp -s "$here/requirements.txt" "$work/venv/installed.txt"; then
  echo "bench: installing what bench/contest/requirements.txt names into $work/venv"
  python3 -m venv "$work/venv"
  timeout 3600 "$work/venv/bin/pip" install --quiet -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$work/venv/installed.txt"
fi

if [ -n "$build" ]; then
  echo "bench: building"
  [ -f "$root/build/release/build.ninja" ] || (cd "$root" && cmake --preset release >"$work/cmake.log")
  (cd "$root" && timeout 7200 cmake --build --preset release \
    --target sightline-server sightline-embed-speed sightline-make-checkpoint sightline-cpu-ceiling >"$work/build.log") ||
    { tail -20 "$work/build.log" >&2; exit 1; }
fi
PYTHONDONTWRITEBYTECODE=1 exec "$python" "$here/main.py" --work "$work" "${given[@]}"
