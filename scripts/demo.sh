#!/usr/bin/env bash
# Runs all of Sightline on this machine with one command: installs what is missing, builds, starts the server with its
# embedded Elasticsearch-compatible store and the demo models, registers endpoints with the same script that a real cluster
# uses, ingests the demo pictures through the pipelines, searches by text and by picture with every model, prints the hits, and
# keeps the page running. With the demo pictures on the embedded store it also measures both models and saves the report there.
#
#   scripts/demo.sh [--once] [--cohere | --cohere-stand-in] [--elasticsearch URL] [--model NAME=FOLDER] [--pictures FOLDER]
#                   [--port N] [--elasticsearch-port N]
#
#   --once                stop at the end; exit 0 only if everything worked
#   --elasticsearch URL   the same on your own cluster instead of the embedded store, through the gateway if the cluster
#                         cannot call a model itself; credentials from the environment: ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and
#                         ELASTICSEARCH_PASSWORD; ELASTICSEARCH_CA_FILE. Everything the demo created there is deleted at the end
#   --cohere              a third column beside CLIP and jina-clip: Cohere, with your COHERE_API_KEY (environment or .env). The
#                         pictures and queries of the demo are sent to Cohere, one call per picture
#   --cohere-stand-in     the same with a program that imitates Cohere's API. It is not Cohere: its vectors come
#                         from the demo model
#   --model NAME=FOLDER   NAME is clip or jina-clip: your own Hugging Face folder instead of that bundled demo model
#   --pictures FOLDER     your own pictures instead of the demo set
#   --port, --elasticsearch-port   default 8080 and 9200; with --once free ports
# The settings SIGHTLINE_... in the environment are not used: they are those of another server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=demo
. scripts/messages.bash
. scripts/settings.bash

once= cluster= with_cohere= clip=demo/models/demo-clip jina_clip=demo/models/demo-jina-clip pictures=demo/pictures port= elasticsearch_port= own_pictures=
while [ $# -gt 0 ]; do
  case $1 in
    --once) once=1 ;;
    --elasticsearch) cluster=${2:?--elasticsearch needs a URL}; cluster=${cluster%/}; shift ;;
    --cohere) with_cohere=cohere ;;
    --cohere-stand-in) with_cohere=stand-in ;;
    --model)
      case ${2:?--model needs NAME=FOLDER} in
        clip=?*) clip=${2#*=} ;;
        jina-clip=?*) jina_clip=${2#*=} ;;
        *) echo "demo: --model must be clip=FOLDER or jina-clip=FOLDER, not $2" >&2; exit 2 ;;
      esac
      shift ;;
    --pictures) pictures=${2:?--pictures needs a folder}; own_pictures=1; shift ;;
    --port) port=${2:?--port needs a number}; shift ;;
    --elasticsearch-port) elasticsearch_port=${2:?--elasticsearch-port needs a number}; shift ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) echo "demo: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done
[[ $cluster != *@* ]] || { echo "demo: --elasticsearch has a user or a password in it, which process lists show: set ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD" >&2; exit 2; }
case $with_cohere in
  stand-in) export COHERE_API_KEY=key-of-the-stand-in ;;
  cohere)
    # In a subshell: only the key is used, not the addresses in that file.
    if [ -z "${COHERE_API_KEY:-}" ] && [ -f .env ]; then COHERE_API_KEY=$(read_settings .env && printf '%s' "${COHERE_API_KEY:-}"); export COHERE_API_KEY; fi
    [ -n "${COHERE_API_KEY:-}" ] || { echo "demo: --cohere needs COHERE_API_KEY (environment or .env)" >&2; exit 2; } ;;
esac
# The bundled models are trained only on the drawings of the demo set.
demo_models=
[ "$clip" != demo/models/demo-clip ] || demo_models="clip"
[ "$jina_clip" != demo/models/demo-jina-clip ] || demo_models+="${demo_models:+ and }jina-clip"
[ -d "$pictures" ] || { echo "demo: no folder $pictures (--pictures)" >&2; exit 2; }
: "${port:=${once:+0}}" "${elasticsearch_port:=${once:+0}}"
: "${port:=8080}" "${elasticsearch_port:=9200}"

step() { printf '\n== %s\n' "$*"; }
if [ -n "$own_pictures" ] && [ -n "$demo_models" ]; then
  step "Note"
  cat <<TEXT
With $demo_models this demo uses bundled demo models, which are trained only on drawings. On photos their hits are random, whatever their scores.
For photos: scripts/download_model.sh siglip2-b16 (multilingual), then --model clip=checkpoints/siglip2-b16 (docs/which_model.md).
TEXT
fi
step "Dependencies";  scripts/install_dependencies.sh
step "Build";         cmake --preset release >/dev/null; cmake --build --preset release --target sightline-server sightline-ingest sightline-eval $([ "$with_cohere" != stand-in ] || echo cohere-stand-in)

folder=$(mktemp -d "${TMPDIR:-/tmp}/sightline-demo.XXXXXX")
server= cohere= registered= models=clip,jina-clip
finish() {
  trap '' INT TERM  # a second signal must not interrupt the cleanup
  if [ -n "$registered" ]; then
    step "Removing the demo from $cluster"
    scripts/register_endpoints.sh --models "$models" --remove --with-data --env-file /dev/null || true
  fi
  for process in $server $cohere; do kill "$process" 2>/dev/null || true; wait "$process" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

step "Server"
place="embedded store"
if [ -n "$cluster" ]; then
  place="gateway to $cluster"
  # A gateway encrypts the secrets of endpoints, including Cohere's key.
  (umask 077; openssl rand -hex 32 >"$folder/secret.key")
  behind=(--elasticsearch-gateway "$cluster" --secret-key-file "$folder/secret.key" ${ELASTICSEARCH_CA_FILE:+--elasticsearch-ca-file "$ELASTICSEARCH_CA_FILE"})
else
  behind=(--embedded-elasticsearch --data-dir "$folder/data")
  # Settings of a real cluster in this shell must not be used for the demo's store.
  unset ELASTICSEARCH_API_KEY ELASTICSEARCH_USER ELASTICSEARCH_PASSWORD ELASTICSEARCH_CA_FILE ES_LOCAL_URL ES_LOCAL_API_KEY
fi
unset "${!SIGHTLINE_@}"  # of another server: they would change this one, and who reaches it
options=(--model "clip=$clip" --model "jina-clip=$jina_clip" "${behind[@]}" --port "$port" --elasticsearch-port "$elasticsearch_port")
if [ "$with_cohere" = stand-in ]; then
  build/release/bin/cohere-stand-in --model "$clip" --port 0 >"$folder/cohere" 2>"$folder/cohere-log" &
  cohere=$!
  until grep -qs '^ready ' "$folder/cohere"; do
    kill -0 "$cohere" 2>/dev/null || { echo "demo: the stand-in for Cohere did not start:" >&2; tail -20 "$folder/cohere-log" >&2; exit 1; }
    sleep 0.2
  done
  COHERE_URL=$(sed -n 's/^ready //p' "$folder/cohere"); export COHERE_URL
  options+=(--cohere-url "$COHERE_URL")
fi
if [ -n "$with_cohere" ]; then options+=(--cohere); models+=,cohere; fi
build/release/bin/sightline-server "${options[@]}" >"$folder/ready" 2>"$folder/log" &
server=$!
until grep -qs '^elasticsearch ' "$folder/ready"; do
  kill -0 "$server" 2>/dev/null || { echo "demo: the server did not start:" >&2; tail -20 "$folder/log" >&2; exit 1; }
  sleep 0.2
done
cat "$folder/ready"
SIGHTLINE_URL=$(sed -n 's/^ready //p' "$folder/ready"); ELASTICSEARCH_URL=$(sed -n 's/^elasticsearch //p' "$folder/ready")
export SIGHTLINE_URL ELASTICSEARCH_URL

step "Endpoints, pipelines, indices"
if [ -n "$cluster" ]; then
  python3 scripts/demo_queries.py --elasticsearch "$ELASTICSEARCH_URL" --models "$models" --must-not-exist
  registered=1
fi
scripts/register_endpoints.sh --models "$models" --env-file /dev/null

step "Pictures"
attributes=()
[ -n "$own_pictures" ] || attributes=(--attributes demo/attributes.csv)
for index in clip-images jina-images ${with_cohere:+embed-images}; do
  build/release/bin/sightline-ingest "$pictures" --index "$index" --env-file /dev/null "${attributes[@]}"
done

step "Search"
checks=(--pictures "$pictures")
[ "$with_cohere" != stand-in ] || checks+=(--stand-in)
[ -n "$own_pictures" ] || checks+=(--queries demo/queries.json)
python3 scripts/demo_queries.py --elasticsearch "$ELASTICSEARCH_URL" --models "$models" "${checks[@]}"

if [ -z "$cluster" ] && [ -z "$own_pictures" ]; then
  step "Quality"
  build/release/bin/sightline-eval demo/attributes.csv --sets demo/eval/sets.json --model clip --model jina-clip --env-file /dev/null --quiet \
    --save demo >"$folder/quality"
  # Prints only a part of the report: the demo's queries and the thresholds.
  sed -n '1p; /^queries (/,/^$/p; /^thresholds (/,/^$/p; /^saved as/p' "$folder/quality"
fi
step "Page"
# Requests the page as a browser does.
page_has() { # PATH TEXT
  curl -q -fsS --max-time 30 -H 'Accept: text/html,application/json' "$SIGHTLINE_URL$1" | grep -F "$2" >/dev/null || { echo "demo: wrong answer of the page at $SIGHTLINE_URL$1" >&2; exit 1; }
}
page_has / '<title>Sightline</title>'
page_has /page/modules/main.js render
page_has /v1/page '"kind"'
echo "the page answers at $SIGHTLINE_URL/"

if [ -n "$once" ]; then
  step "Next"
  echo 'scripts/demo.sh without --once keeps it running. With your own pictures: README.md, "With your own pictures, on this machine".'
else
  step "Running"
  ask=
  [ "$elasticsearch_port" = 9200 ] || ask="ELASTICSEARCH_URL=$ELASTICSEARCH_URL "
  cat <<TEXT
Sightline      $SIGHTLINE_URL
Elasticsearch  $ELASTICSEARCH_URL   ($place)
In another terminal: ${ask}scripts/search.sh a red house with a pool; or the searches in es_config/console.
Press Ctrl-C to stop. This also deletes the demo's data.

Open the page: $SIGHTLINE_URL/
TEXT
  wait "$server"
fi
