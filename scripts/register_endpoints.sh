#!/usr/bin/env bash
# Registers Sightline with Elasticsearch: inference endpoints, ingest pipelines and indices, from es_config/.
#
#   scripts/register_endpoints.sh [--models clip,jina-clip,cohere] [--listings] [--dry-run] [--remove [--with-data]] [--env-file FILE]
#
#   --models LIST   which models to set up, comma-separated, of clip, jina-clip and cohere (default: clip)
#   --listings      also the index and pipeline `listings`: the vectors of all these models beside text and numbers
#   --dry-run       print the requests as text to paste into Kibana's Dev Tools, keys left out, and send nothing
#   --remove        take it all away again; an index that holds documents is kept unless --with-data is given too
#   --env-file F    settings file (default: .env in the current folder)
#
# Settings, from the environment or the settings file:
#   ELASTICSEARCH_URL       where the cluster is; else ES_LOCAL_URL; else http://127.0.0.1:9200
#   ELASTICSEARCH_API_KEY   else ES_LOCAL_API_KEY; or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD
#   ELASTICSEARCH_CA_FILE   PEM file of a private certificate authority
#   SIGHTLINE_GATEWAY_URL   a Sightline gateway in front of that cluster (default http://127.0.0.1:9200), used if the cluster
#                           cannot call a model itself: its version or its licence lacks the inference API
#   SIGHTLINE_URL           Sightline as Elasticsearch reaches it (default http://127.0.0.1:8080)
#   SIGHTLINE_CHECK_URL     Sightline as this machine reaches it, if that differs (a cluster in a container sees another host)
#   SIGHTLINE_API_KEY       key that Elasticsearch must send, if Sightline asks for one
#   COHERE_API_KEY          for cohere: goes into Elasticsearch's secret settings, and nowhere else
#   COHERE_URL              for cohere: another server that speaks Cohere's API, for Elasticsearch's own connector
#
# Running it twice is safe: what is there and right stays, what differs is put right, no document is touched.
# Needs bash, curl and jq.
set -euo pipefail

config=$(cd "$(dirname "${BASH_SOURCE[0]}")/../es_config" && pwd)
models=clip listings= dry_run= remove= with_data= env_file=.env

say()  { printf '%s\n' "$*"; }
fail() { printf 'register_endpoints: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --models) models=${2:?--models needs a list}; shift ;;
    --models=*) models=${1#*=} ;;
    --listings) listings=1 ;;
    --dry-run) dry_run=1 ;;
    --remove) remove=1 ;;
    --with-data) with_data=1 ;;
    --env-file) env_file=${2:?--env-file needs a file}; shift ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
for tool in curl jq; do command -v "$tool" >/dev/null || fail "$tool is missing; scripts/install_dependencies.sh installs it"; done

# The settings file gives only what the environment does not.
if [ -f "$env_file" ]; then
  while IFS='=' read -r key value; do
    key=${key#export }; key=${key//[[:space:]]/}
    case $key in ''|\#*) continue ;; esac
    value=${value%$'\r'}; value=${value#[\"\']}; value=${value%[\"\']}
    [ -n "${!key:-}" ] || declare -x "$key=$value"
  done < "$env_file"
fi
elasticsearch=${ELASTICSEARCH_URL:-${ES_LOCAL_URL:-http://127.0.0.1:9200}}; elasticsearch=${elasticsearch%/}
sightline=${SIGHTLINE_URL:-http://127.0.0.1:8080}; sightline=${sightline%/}
sightline_here=${SIGHTLINE_CHECK_URL:-$sightline}; sightline_here=${sightline_here%/}
api_key=${ELASTICSEARCH_API_KEY:-${ES_LOCAL_API_KEY:-}}

# curl reads credentials from a pipe, so that no process list shows them.
curl_config() {
  if [ -n "$api_key" ]; then printf 'header = "Authorization: ApiKey %s"\n' "$api_key"
  elif [ -n "${ELASTICSEARCH_USER:-}" ]; then printf 'user = "%s:%s"\n' "$ELASTICSEARCH_USER" "${ELASTICSEARCH_PASSWORD:-}"; fi
  if [ -n "${ELASTICSEARCH_CA_FILE:-}" ]; then printf 'cacert = "%s"\n' "$ELASTICSEARCH_CA_FILE"; fi
}

# es METHOD PATH [BODY]: sets $status and $answer.
es() {
  local method=$1 path=$2 out; shift 2
  out=$(printf '%s' "${1:-}" | curl -sS --config <(curl_config) -X "$method" -w '\n%{http_code}' --max-time 120 \
        -H 'Content-Type: application/json' -H 'Expect:' ${1:+--data-binary @-} "$elasticsearch$path" 2>&1) ||
    fail "no answer from Elasticsearch at $elasticsearch: ${out%%$'\n'*}
  Set ELASTICSEARCH_URL (environment or $env_file) to where it runs."
  status=${out##*$'\n'}; answer=${out%$'\n'*}
}
reason() { jq -r '.error | if type == "object" then ([.reason] + [.caused_by?.reason // empty] | join(" Cause: ")) else . end' <<<"$answer" 2>/dev/null || printf '%s' "$answer"; }

# What belongs to a model: its index and pipeline, its name at Sightline, and the dimensions of the model that it is named after
# (used by --dry-run when Sightline cannot be asked).
select_model() { # MODEL
  case $1 in
    clip)      index=clip-images;  served_as=clip;                dims=768 ;;
    jina-clip) index=jina-images;  served_as=jina-clip;           dims=768 ;;
    cohere)    index=embed-images; served_as=embed-english-v3.0;  dims=1024 ;;
    *) fail "unknown model '$1' in --models; known: clip, jina-clip, cohere" ;;
  esac
}

# Keys are read by jq from the environment, so that no process list shows them. --dry-run names them in place of their values.
endpoint_body() { # FILE
  local key=
  if [ -n "${SIGHTLINE_API_KEY:-}" ]; then key=SIGHTLINE_API_KEY
  elif [[ $1 = */cohere-* ]]; then key=COHERE_API_KEY; fi
  jq --arg url "$sightline" --arg key "$key" --arg show_names "$dry_run" '
    def secret($name): if $show_names == "" then env[$name] else "<\($name)>" end;
    if .service == "cohere" then
      .service_settings.api_key = secret("COHERE_API_KEY") | if (env.COHERE_URL // "") == "" then . else .service_settings.url = env.COHERE_URL end
    else
      .service_settings.url |= sub("@SIGHTLINE_URL@"; $url)
      | if $key == "" then . else .service_settings.secret_parameters = {api_key: secret($key)} | .service_settings.headers.Authorization = "Bearer ${api_key}" end
    end' "$1"
}
index_body() { # FILE DIMS
  jq --argjson dims "$2" '(.mappings.properties[] | select(.type == "dense_vector") | .dims) |= (if . == "@DIMS@" then $dims else . end)' "$1"
}
# The listings of the chosen models alone. DIMS: {"clip": 768, ...}
listings_index_body() { # DIMS
  jq --argjson dims "$1" '.mappings.properties |= with_entries(
    if .value.type == "dense_vector" then .value.dims |= $dims[sub("@DIMS:(?<model>.*)@"; "\(.model)")] | select(.value.dims != null) else . end)' "$config/indices/listings.json"
}
listings_pipeline_body() { # DIMS
  jq --argjson dims "$1" '.processors |= map(select(.inference == null or $dims[.inference.model_id | sub("-ingest$"; "")] != null))' "$config/pipelines/listings.json"
}

# True if a gateway answers at $elasticsearch; says who runs inference there.
is_gateway() {
  es GET /_sightline/gateway
  [ "$status" = 200 ] || return 1
  [ "$(jq -r .cluster.reachable <<<"$answer")" = true ] ||
    fail "the gateway at $elasticsearch does not reach its cluster at $(jq -r .cluster.url <<<"$answer")"
  say "$(jq -r --arg at "$elasticsearch" '"Gateway at \($at) to Elasticsearch \(.cluster.version // "of unknown version") at \(.cluster.url): inference is run by the \(.inference) (\(.reason))"' <<<"$answer")"
}

# Goes on through a gateway, because $1 says that the cluster cannot.
use_gateway() {
  local cluster=$elasticsearch cluster_id=$2
  elasticsearch=${SIGHTLINE_GATEWAY_URL:-http://127.0.0.1:9200}; elasticsearch=${elasticsearch%/}
  if [ "$elasticsearch" != "$cluster" ] && curl -sf -o /dev/null --max-time 10 --config <(curl_config) "$elasticsearch/_sightline/gateway"; then
    es GET /
    if [ "$(jq -r '.cluster_uuid // empty' <<<"$answer")" = "$cluster_id" ]; then
      say "$1, so this goes through the gateway in front of it; point your clients there too: ELASTICSEARCH_URL=$elasticsearch"
      is_gateway; return
    fi
  fi
  fail "$1. Put a gateway in front of it:
  sightline-server --model clip=FOLDER --elasticsearch-gateway $cluster
  then set ELASTICSEARCH_URL (environment or $env_file) to the address that it prints, here and for your clients. See docs/gateway.md."
}

# Finds out which way is right: the cluster itself, or a gateway.
check_cluster() {
  if is_gateway; then return; fi
  es GET /
  [ "$status" = 200 ] || fail "Elasticsearch at $elasticsearch answered $status: $(reason)"
  local version major minor cluster_id
  version=$(jq -r '.version.number // empty' <<<"$answer"); cluster_id=$(jq -r '.cluster_uuid // empty' <<<"$answer")
  [ -n "$version" ] || fail "$elasticsearch does not answer as Elasticsearch does"
  major=${version%%.*}; minor=${version#*.}; minor=${minor%%.*}
  if [ "$major" -lt 8 ] || { [ "$major" = 8 ] && [ "$minor" -lt 19 ]; } || { [ "$major" = 9 ] && [ "$minor" -lt 1 ]; }; then
    use_gateway "Elasticsearch $version at $elasticsearch has no 'custom' inference service (it came with 8.19 and 9.1)" "$cluster_id"; return
  fi
  es GET /_license
  if [ "$status" = 200 ]; then
    local licence; licence=$(jq -r 'if .license.status == "active" then .license.type else "expired" end' <<<"$answer")
    case $licence in
      enterprise|trial) ;;
      *) use_gateway "the licence of Elasticsearch $version at $elasticsearch is '$licence', and its inference API asks for 'enterprise' or 'trial'" "$cluster_id"; return ;;
    esac
  fi
  say "Elasticsearch $version at $elasticsearch calls Sightline itself"
}

measured_dims() { # MODEL
  local out
  out=$(curl -sS --max-time 30 ${SIGHTLINE_API_KEY:+--config <(printf 'header = "Authorization: Bearer %s"\n' "$SIGHTLINE_API_KEY")} \
        "$sightline_here/v1/models/$1" 2>&1) || return 1
  jq -er '.dims' <<<"$out" 2>/dev/null
}

register_endpoint() { # ID
  local body; body=$(endpoint_body "$config/inference/$1.json")
  es GET "/_inference/text_embedding/$1"
  if [ "$status" = 200 ]; then
    # The parts we set, as the cluster holds them; a changed secret cannot be seen, so an endpoint with one is made anew.
    local same
    same=$(jq -n --argjson want "$body" --argjson have "$answer" '
      ($have.endpoints[0].service_settings) as $h | ($want.service_settings) as $w
      | ($w.secret_parameters == null) and ($w.api_key == null) and $h.url == $w.url and $h.request == $w.request and $h.response.json_parser.text_embeddings == $w.response.json_parser.text_embeddings
        and $h.similarity == $w.similarity and $h.headers == $w.headers and $h.rate_limit == $w.rate_limit')
    if [ "$same" = true ] && [ "$(jq -r '.endpoints[0].service_settings.dimensions' <<<"$answer")" = "$dims" ]; then
      say "endpoint  $1: already there"; return
    fi
    es DELETE "/_inference/text_embedding/$1?force=true"
    [ "$status" = 200 ] || fail "could not replace endpoint $1 ($status): $(reason)"
  fi
  es PUT "/_inference/text_embedding/$1" "$body"
  [ "$status" = 200 ] || fail "could not create endpoint $1 ($status): $(reason)
  Elasticsearch calls $sightline itself to measure the vectors: is Sightline running, and is that address right as seen from Elasticsearch (SIGHTLINE_URL)?"
  local created; created=$(jq -r '.service_settings.dimensions' <<<"$answer")
  say "endpoint  $1: created, $created dimensions"
}

register_pipeline() { # ID BODY
  es PUT "/_ingest/pipeline/$1" "$2"
  [ "$status" = 200 ] || fail "could not put pipeline $1 ($status): $(reason)"
  say "pipeline  $1: in place"
}

register_index() { # NAME BODY
  es GET "/$1"
  if [ "$status" = 404 ]; then
    es PUT "/$1" "$2"
    [ "$status" = 200 ] || fail "could not create index $1 ($status): $(reason)"
    say "index     $1: created, $(jq -r '[.mappings.properties[] | select(.type == "dense_vector") | .dims | tostring] | join(" + ")' <<<"$2") dimensions"; return
  fi
  [ "$status" = 200 ] || fail "could not read index $1 ($status): $(reason)"
  local differs
  differs=$(jq -r --arg i "$1" --argjson want "$2" '
    .[$i].mappings.properties as $have | $want.mappings.properties | to_entries[] | select(.value.type == "dense_vector")
    | .key as $field | ($have[$field].dims // "none" | tostring) as $there | select($there != (.value.dims | tostring))
    | "\($field): \($there) dimensions in the index, \(.value.dims) from the model"' <<<"$answer")
  [ -z "$differs" ] || fail "index $1 does not fit the models: $differs.
  Vectors of two models cannot share a field: ingest into a new index, or delete this one (--remove --with-data) and run this again."
  es PUT "/$1/_settings" "$(jq '{index: .settings.index}' <<<"$2")"
  [ "$status" = 200 ] || fail "could not set the default pipeline of index $1 ($status): $(reason)"
  say "index     $1: already there"
}

remove_index_and_pipeline() { # NAME
  local index=$1 documents=0
  es GET "/$index/_count"
  if [ "$status" = 200 ]; then
    documents=$(jq -r .count <<<"$answer")
    if [ "$documents" = 0 ] || [ -n "$with_data" ]; then
      es DELETE "/$index"; [ "$status" = 200 ] || fail "could not delete index $index ($status): $(reason)"
      say "index     $index: deleted ($documents documents)"
    else
      es PUT "/$index/_settings" '{"index":{"default_pipeline":null}}'
      [ "$status" = 200 ] || fail "could not take the default pipeline off index $index ($status): $(reason)"
      say "index     $index: kept, it holds $documents documents (--with-data deletes them too)"
    fi
  fi
  es DELETE "/_ingest/pipeline/$index"
  case $status in 200) say "pipeline  $index: deleted" ;; 404) say "pipeline  $index: not there" ;; *) fail "could not delete pipeline $index ($status): $(reason)" ;; esac
}
remove_endpoints() { # MODEL
  local id
  for id in "$1-ingest" "$1-search"; do
    es DELETE "/_inference/text_embedding/$id?force=true"
    case $status in 200) say "endpoint  $id: deleted" ;; 404) say "endpoint  $id: not there" ;; *) fail "could not delete endpoint $id ($status): $(reason)" ;; esac
  done
}

print_model() { # MODEL
  local id
  for id in "$1-ingest" "$1-search"; do printf 'PUT _inference/text_embedding/%s\n%s\n\n' "$id" "$(endpoint_body "$config/inference/$id.json")"; done
  print_index "$index" "$(jq . "$config/pipelines/$index.json")" "$(index_body "$config/indices/$index.json" "$dims")"
}
print_index() { # NAME PIPELINE INDEX
  printf 'PUT _ingest/pipeline/%s\n%s\n\nPUT %s\n%s\n\n' "$1" "$2" "$1" "$3"
}

IFS=, read -ra chosen <<<"$models"
for model in "${chosen[@]}"; do
  select_model "$model"
  if [ "$model" = cohere ] && [ -z "$dry_run$remove" ] && [ -z "${COHERE_API_KEY:-}" ]; then
    fail "cohere needs COHERE_API_KEY (environment or $env_file): Elasticsearch's own connector asks for it"
  fi
done
[ -n "$dry_run" ] || check_cluster

if [ -n "$remove" ]; then
  names=(); for model in "${chosen[@]}"; do select_model "$model"; names+=("$index"); done
  [ -z "$listings" ] || names+=(listings)
  if [ -n "$dry_run" ]; then
    for name in "${names[@]}"; do printf 'DELETE %s\nDELETE _ingest/pipeline/%s\n' "$name" "$name"; done
    for model in "${chosen[@]}"; do printf 'DELETE _inference/text_embedding/%s-ingest\nDELETE _inference/text_embedding/%s-search\n' "$model" "$model"; done
  else
    for name in "${names[@]}"; do remove_index_and_pipeline "$name"; done
    for model in "${chosen[@]}"; do remove_endpoints "$model"; done
  fi
  exit 0
fi

all_dims={}
for model in "${chosen[@]}"; do
  select_model "$model"
  if measured=$(measured_dims "$served_as"); then dims=$measured
  elif [ -z "$dry_run" ]; then
    how="--model $served_as=FOLDER"; [ "$model" != cohere ] || how="--cohere"
    fail "Sightline at $sightline_here does not serve a model named '$served_as'.
  Start it with $how, or set SIGHTLINE_URL (environment or $env_file) to where it runs."
  fi
  all_dims=$(jq -c --arg model "$model" --argjson dims "$dims" '.[$model] = $dims' <<<"$all_dims")
done
for model in "${chosen[@]}"; do
  select_model "$model"; dims=$(jq --arg model "$model" '.[$model]' <<<"$all_dims")
  if [ -n "$dry_run" ]; then print_model "$model"; continue; fi
  register_endpoint "$model-ingest"
  register_endpoint "$model-search"
  register_pipeline "$index" "$(cat "$config/pipelines/$index.json")"
  register_index "$index" "$(index_body "$config/indices/$index.json" "$dims")"
done
if [ -n "$listings" ]; then
  if [ -n "$dry_run" ]; then print_index listings "$(listings_pipeline_body "$all_dims")" "$(listings_index_body "$all_dims")"
  else
    register_pipeline listings "$(listings_pipeline_body "$all_dims")"
    register_index listings "$(listings_index_body "$all_dims")"
  fi
fi
