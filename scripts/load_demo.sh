#!/usr/bin/env bash
# Loads the demo pictures into a running server that serves the bundled demo models: registers the endpoints, pipelines and indices of
# these models and indexes 400 drawings with each of them. The page of the server then has something to search.
#
#   scripts/load_demo.sh [--if-new | --remove] [--env-file FILE]
#
#   --if-new       do nothing, and exit with 0, if the server serves no demo model, has one of the indices already, or requires a key
#   --remove       remove the endpoints, the pipelines and the indices again, with all of their documents
#   --env-file F   settings file (default: .env in the current folder)
#
# Settings, from the environment or the settings file, as in scripts/register_endpoints.sh: ELASTICSEARCH_URL (default
# http://127.0.0.1:9200), SIGHTLINE_URL (default http://127.0.0.1:8080), SIGHTLINE_API_KEY.
# Needs bash, curl and jq.
set -euo pipefail

program=load_demo if_new= remove= env_file=
fail() { printf '%s: %s\n' "$program" "$*" >&2; exit 1; }  # until the file below is read
while [ $# -gt 0 ]; do
  case $1 in
    --if-new) if_new=1 ;;
    --remove) remove=1 ;;
    --env-file) env_file=${2:?--env-file needs a file}; shift ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
[ -z "$if_new" ] || [ -z "$remove" ] || fail "--if-new and --remove exclude each other"
settings=(${env_file:+--env-file "$env_file"})
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/places.bash"
needs="the cluster privileges monitor, manage_inference and manage_pipeline, and all on the indices of the demo"
. "$shared/scripts/elasticsearch_requests.bash"

declare -A index_of=([clip]=clip-images [jina-clip]=jina-images)
# The demo models that the server serves under the names that the demo uses.
served=()
for model in clip jina-clip; do
  code=0; ask sightline_config GET "$sightline_here/v1/models/$model" || code=$?
  [ "$code" = 0 ] || fail "$(no_answer Sightline "$sightline_here" "$check_variable" SIGHTLINE_CA_FILE "$code")"
  case $status in
    200) [ "$(jq -r '.demo? // false' <<<"$answer")" != true ] || served+=("$model") ;;
    404) ;;
    401) if [ -n "$if_new" ]; then say "Sightline at $sightline_here requires a key: nothing is loaded"; exit 0; fi
         fail "Sightline at $sightline_here requires a key: set SIGHTLINE_API_KEY ($where) to one with all scopes" ;;
    *) fail "Sightline at $sightline_here answered $status: $(reason)" ;;
  esac
done
if [ ${#served[@]} = 0 ]; then
  [ -z "$if_new" ] || { say "no demo model is served at $sightline_here: nothing to load"; exit 0; }
  fail "no demo model is served at $sightline_here under the names clip and jina-clip: start it with --model clip=$shared/demo/models/demo-clip --model jina-clip=$shared/demo/models/demo-jina-clip"
fi
models=$(IFS=,; printf '%s' "${served[*]}")
register() { "$shared/scripts/register_endpoints.sh" --models "$models" "${settings[@]}" "$@"; }
if [ -n "$remove" ]; then register --remove --with-data; exit 0; fi

for model in "${served[@]}"; do
  es GET "/${index_of[$model]}"
  case $status in
    404) ;;
    200) [ -z "$if_new" ] || { say "index ${index_of[$model]} exists already: nothing to load"; exit 0; } ;;
    *) fail "could not read index ${index_of[$model]} ($status): $(reason)" ;;
  esac
done
register
for model in "${served[@]}"; do
  "$programs/sightline-ingest" "$shared/demo/pictures" --index "${index_of[$model]}" --attributes "$shared/demo/attributes.csv" \
    --elasticsearch "$elasticsearch" "${settings[@]}" --report "${TMPDIR:-/tmp}/sightline-load-demo-report.csv" --quiet
done
say "open the page: $sightline_here/"
