#!/usr/bin/env bash
# Loads the demo pictures into a running server that serves the bundled demo models: registers the endpoints, pipelines and indices of
# these models and indexes 400 drawings with each of them. The page of the server then has something to search.
#
#   scripts/load_demo.sh [--if-new | --remove] [--env-file FILE]
#
#   --if-new       do nothing, and exit with 0, if no server answers, if it serves no demo model or requires a key, if ELASTICSEARCH_URL is
#                  not the embedded store of a Sightline, or if that has one of the indices already.
#                  A load that was interrupted is continued: its index has only demo pictures, or none yet
#   --remove       remove the endpoints, the pipelines and the indices again, with all of their documents
#   --env-file F   settings file (default: .env in the current folder)
#
# Settings, from the environment or the settings file, as in scripts/register_endpoints.sh: ELASTICSEARCH_URL (default
# http://127.0.0.1:9200), SIGHTLINE_URL (default http://127.0.0.1:8080), SIGHTLINE_API_KEY.
# Needs bash, curl and jq.
set -euo pipefail

program=load_demo if_new= remove= env_file=
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/places.bash"
. "$shared/scripts/messages.bash"
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
needs="the cluster privileges monitor, manage_inference and manage_pipeline, and all on the indices of the demo"
. "$shared/scripts/elasticsearch_requests.bash"

declare -A index_of=([clip]=clip-images [jina-clip]=jina-images)
# The demo models that the server serves under the names that the demo uses.
served=()
for model in clip jina-clip; do
  code=0; ask sightline_config GET "$sightline_here/v1/models/$model" || code=$?
  if [ "$code" != 0 ] && [ -n "$if_new" ]; then say "no answer from Sightline at $sightline_here ($trouble): nothing is loaded"; exit 0; fi
  [ "$code" = 0 ] || fail "$(no_answer Sightline "$sightline_here" "$check_variable" SIGHTLINE_CA_FILE "$code")"
  case $status in
    200) is_object || fail "what answers at $sightline_here is not Sightline: set $check_variable ($where) to its address"
         [ "$(jq -r '.demo // false' <<<"$answer")" != true ] || served+=("$model") ;;
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
if [ -n "$if_new" ]; then  # the drawings belong in no cluster where nobody asked for them
  code=0; ask elasticsearch_config GET "$elasticsearch/_license" || code=$?
  if [ "$code" != 0 ]; then say "no answer from an embedded store at $elasticsearch ($trouble): nothing is loaded"; exit 0; fi
  if ! jq -e '.license.issuer == "sightline"' <<<"$answer" >/dev/null 2>&1; then
    say "what answers at $elasticsearch is not the embedded store of a Sightline: nothing is loaded"; exit 0
  fi
fi
register() { # MODELS [OPTIONS]
  "$shared/scripts/register_endpoints.sh" --models "${1// /,}" "${settings[@]}" "${@:2}"
}
if [ -n "$remove" ]; then register "${served[*]}" --remove --with-data; exit 0; fi

# ---- what is loaded already

count() { # INDEX [QUERY]: sets $counted, the number of documents
  es POST "/$1/_count" "${@:2}"
  [ "$status" = 200 ] || fail "could not count the documents of index $1 ($status): $(reason)"
  counted=$(jq -r .count <<<"$answer")
}

# Sets $state to how far a load has come: absent; started, with only demo pictures and not all of them; loaded; or used, for
# other documents. A load notes its end in the index, so that pictures that are deleted afterwards are not loaded again.
find_state() { # INDEX
  es GET "/$1"
  case $status in
    404) state=absent; return ;;
    200) ;;
    *) fail "could not read index $1 ($status): $(reason)" ;;
  esac
  state=loaded
  if jq -e --arg index "$1" "$jq_named"'named($index).mappings._meta.demo_pictures == "loaded"' <<<"$answer" >/dev/null; then return; fi
  local drawings documents  # the loader's _id of a picture is its SHA-256
  drawings=$(sha256sum "$shared"/demo/pictures/* | jq -Rn '{query: {ids: {values: [inputs | .[:64]] | unique}}}')
  count "$1"; documents=$counted
  count "$1" "$drawings"
  if [ "$counted" != "$documents" ]; then state=used
  elif [ "$counted" -lt "$(jq '.query.ids.values | length' <<<"$drawings")" ]; then state=started; fi
}

wanted=("${served[@]}")
if [ -n "$if_new" ]; then
  wanted=() there='' started=''
  for model in "${served[@]}"; do
    find_state "${index_of[$model]}"
    case $state in
      absent) wanted+=("$model") ;;
      started) wanted+=("$model"); started=1 ;;
      loaded) there=${index_of[$model]} ;;
      used) there=${index_of[$model]} started=''; break ;;
    esac
  done
  if [ -n "$there" ] && [ -z "$started" ]; then say "index $there exists already: nothing to load"; exit 0; fi
fi

# ---- the load

register "${wanted[*]}"
for model in "${wanted[@]}"; do
  index=${index_of[$model]}
  "$programs/sightline-ingest" "$shared/demo/pictures" --index "$index" --attributes "$shared/demo/attributes.csv" \
    --elasticsearch "$elasticsearch" "${settings[@]}" --report "${TMPDIR:-/tmp}/sightline-load-demo-report-$(id -u).csv" --quiet
  es GET "/$index"
  [ "$status" = 200 ] || fail "could not read index $index ($status): $(reason)"
  es PUT "/$index/_mapping" "$(jq --arg index "$index" "$jq_named"'{_meta: (named($index).mappings._meta + {demo_pictures: "loaded"})}' <<<"$answer")"
  [ "$status" = 200 ] || fail "could not note in index $index that the demo is loaded ($status): $(reason)"
done
say "open the page: $sightline_here/"
