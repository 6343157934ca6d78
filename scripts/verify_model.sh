#!/usr/bin/env bash
# Compares a downloaded checkpoint with the numbers that were published for it (scripts/verify_model/published.json).
#
#   scripts/verify_model.sh FOLDER [--as NAME] [--pictures FOLDER] [--offline] [--dtype TYPE] [--numbers FILE]
#
#   FOLDER             a Hugging Face folder: config.json, model.safetensors, tokenizer ...
#   --as NAME          which model it is, e.g. openai/clip-vit-base-patch32 (default: detected from config.json)
#   --pictures FOLDER  folder of the pictures that the numbers were made with; missing ones are downloaded with curl from the
#                      projects that published them (default: ~/.cache/sightline/pictures)
#   --offline          download nothing; checks that need a missing picture are not run
#   --dtype TYPE       data type for computation (default: float32, which the tolerances are for)
#   --numbers FILE     other numbers, in the same format
#
# SIGHTLINE_SERVER is the path of sightline-server (default: the installed one; in the repository
# build/release/bin/sightline-server).
# Exit codes: 0 all numbers agree; 1 some differ, or the server cannot load the folder; 2 wrong usage; 3 all checks that ran agree,
# but some could not run, because a picture is missing or the server no longer answers. Needs bash, curl and python3.
set -euo pipefail
program=verify_model
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/places.bash"
. "$shared/scripts/messages.bash"

usage() { warn "$@"; exit 2; }
folder= dtype=float32 compare=() pictures=${XDG_CACHE_HOME:-$HOME/.cache}/sightline/pictures
while [ $# -gt 0 ]; do
  case $1 in
    --as|--numbers) compare+=("$1" "${2:?$1 needs a value}"); shift ;;
    --pictures) pictures=${2:?--pictures needs a folder}; shift ;;
    --offline) compare+=("$1") ;;
    --dtype) dtype=${2:?--dtype needs a type}; shift ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    -*) usage "unknown option $1 (see --help)" ;;
    *) [ -z "$folder" ] || usage "one folder at a time, not $folder and $1"; folder=$1 ;;
  esac
  shift
done
[ -n "$folder" ] || usage "which folder? (see --help)"
[ -f "$folder/config.json" ] || usage "$folder has no config.json: it is not a Hugging Face folder"
server_program=${SIGHTLINE_SERVER:-$programs/sightline-server}
[ -x "$server_program" ] || usage "no program $server_program; build it, or set SIGHTLINE_SERVER"
compare+=(--pictures "$pictures")
python3 "$shared/scripts/verify_model/compare.py" "$folder" "${compare[@]}" --identify >/dev/null

work=$(mktemp -d "${TMPDIR:-/tmp}/sightline-verify.XXXXXX")
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

(
  unset "${!SIGHTLINE_@}"  # settings of another server: they would change the vectors, or who reaches them
  exec "$server_program" --model "model=$folder" --port 0 --dtype "$dtype" --log-level warning >"$work/ready" 2>"$work/log"
) &
server=$!
until grep -q '^ready ' "$work/ready"; do
  if ! kill -0 "$server" 2>/dev/null; then
    echo "FAIL: the server cannot load $folder:" >&2
    tail -5 "$work/log" | printable >&2
    exit 1
  fi
  sleep 0.2
done
python3 "$shared/scripts/verify_model/compare.py" "$folder" "${compare[@]}" --server "$(sed -n 's/^ready //p' "$work/ready")"
