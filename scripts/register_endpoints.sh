#!/usr/bin/env bash
# Registers Sightline with Elasticsearch: inference endpoints, ingest pipelines and indices, from es_config/.
#
#   scripts/register_endpoints.sh [--models clip,jina-clip,cohere] [--listings] [--dry-run | --console FOLDER]
#                                 [--drop-image-data] [--accept-model] [--remove [--with-data]] [--env-file FILE]
#
#   --models LIST      which models to set up, comma-separated, of clip, jina-clip and cohere (default: clip)
#   --listings         also the index and pipeline `listings`: the vectors of all these models plus text and numbers
#   --dry-run          print the requests as text to paste into Kibana's Dev Tools, without keys, and send nothing
#   --console FOLDER   write the same, with example searches, to FOLDER: one file per model, for the addresses and dimensions of
#                      this set-up; sends nothing to Elasticsearch
#   --drop-image-data  pipelines that remove image_data once it is embedded, for pictures that are stored elsewhere
#                      (sightline-ingest --image-url); without this option the pipelines keep it, as before
#   --accept-model     continue although an index holds vectors of another model; then embed its documents again
#   --remove           remove all of it; an index that holds documents is kept
#   --with-data        with --remove: also delete the indices that hold documents
#   --env-file F       settings file (default: .env in the current folder)
#
# Settings, from the environment or the settings file:
#   ELASTICSEARCH_URL       URL of the cluster; else ES_LOCAL_URL; else http://127.0.0.1:9200
#   ELASTICSEARCH_API_KEY   else ES_LOCAL_API_KEY; or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD
#   ELASTICSEARCH_CA_FILE   PEM file of the private certificate authority that signed the cluster's certificate
#   SIGHTLINE_GATEWAY_URL   a Sightline gateway in front of that cluster, used if the cluster cannot call a model itself: its
#                           version or its licence lacks the inference API. It gets the cluster's credentials
#   SIGHTLINE_URL           Sightline as Elasticsearch reaches it (default http://127.0.0.1:8080)
#   SIGHTLINE_CHECK_URL     Sightline as this machine reaches it, if that differs (a cluster in a container sees another host)
#   SIGHTLINE_CA_FILE       PEM file of the private certificate authority that signed Sightline's certificate
#   SIGHTLINE_API_KEY       a key of Sightline with the scope infer, if it requires keys: this script sends it, and so do the endpoints
#   COHERE_API_KEY          for cohere: stored only in Elasticsearch's secret settings
#   COHERE_URL              for cohere: another server with Cohere's API, for Elasticsearch's own connector
#
# Sightline may just have been started: the script waits while it loads its models.
# Running it twice is safe: it keeps what is correct, updates what differs, and changes no document.
# Needs bash, curl and jq.
set -euo pipefail

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/places.bash"
config=$shared/es_config
models=clip listings= drop_image_data= dry_run= console= accept_model= remove= with_data= env_file=

program=register_endpoints
. "$shared/scripts/messages.bash"

while [ $# -gt 0 ]; do
  case $1 in
    --models) models=${2:?--models needs a list}; shift ;;
    --models=*) models=${1#*=}; [ -n "$models" ] || fail "--models needs a list" ;;
    --listings) listings=1 ;;
    --dry-run) dry_run=1 ;;
    --console) console=${2:?--console needs a folder}; dry_run=1; shift ;;
    --drop-image-data) drop_image_data=1 ;;
    --accept-model) accept_model=1 ;;
    --remove) remove=1 ;;
    --with-data) with_data=1 ;;
    --env-file) env_file=${2:?--env-file needs a file}; shift ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
[ -z "$with_data" ] || [ -n "$remove" ] || fail "--with-data deletes the documents that --remove would keep; use it together with --remove"
[ -z "$accept_model" ] || [ -z "$remove$dry_run" ] || fail "--accept-model is for registering; it cannot be combined with --remove, --dry-run or --console"
[ -z "$drop_image_data" ] || [ -z "$remove" ] || fail "--drop-image-data is for registering pipelines; it cannot be combined with --remove"
[ -z "$console" ] || [ -z "$remove" ] || fail "--console writes requests that set up; --remove --dry-run prints requests that remove"
needs="the cluster privileges monitor, manage_inference and manage_pipeline, and all on the indices that are set up"
. "$shared/scripts/elasticsearch_requests.bash"
[ -z "${SIGHTLINE_GATEWAY_URL:-}" ] || check_url SIGHTLINE_GATEWAY_URL "$SIGHTLINE_GATEWAY_URL" "The gateway gets the cluster's credentials: ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD"
[ -z "${COHERE_URL:-}" ] || check_url COHERE_URL "$COHERE_URL" "A key of Cohere belongs in COHERE_API_KEY"

# ---- what is registered

# What belongs to a model: its index and pipeline, its name at Sightline, and the dimensions of the model that it is named after
# (used by --dry-run when Sightline cannot be asked).
known_models="\
clip       clip-images   clip                768
jina-clip  jina-images   jina-clip           768
cohere     embed-images  embed-english-v3.0  1024"
model_names() { awk '{ print $1 }' <<<"$known_models"; }
select_model() { # MODEL
  read -r index served_as true_dims < <(awk -v model="$1" '$1 == model { print $2, $3, $4 }' <<<"$known_models") ||
    fail "unknown model '$1' in --models; known: $(model_names | paste -sd, - | sed 's/,/, /g')"
}

# Keys are read by jq from the environment, so that no process list shows them. --dry-run prints their names instead of their values.
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
# $served has what Sightline serves for each chosen model: {"clip": {"dims": 768, "fingerprint": "...", "demo": false}, ...}.
# Indices and pipelines are reduced to the parts of these models. An index names in its _meta the model of its vectors.
index_body() { # NAME
  jq --argjson served "$served" '
    (.mappings.properties | with_entries(select(.value.type == "dense_vector") | .value |= (.dims | capture("@DIMS:(?<model>.*)@").model) | select($served[.value] != null))) as $vectors
    | (.mappings.properties | with_entries(select(.value.type == "dense_vector" and $vectors[.key] == null)) | keys) as $absent
    | .mappings.properties |= with_entries(select([.key, (.key | sub("_fingerprint$"; "_embedding"))] | all(. as $name | $absent | index($name) | not)))
    | .mappings.properties |= with_entries(if $vectors[.key] == null then . else .value.dims = $served[$vectors[.key]].dims end)
    | .mappings = {_meta: {sightline: ($vectors | map_values({model: .} + ($served[.] | {fingerprint, demo, cohere} | with_entries(select(.value != null and .value != false)))))}} + .mappings' "$config/indices/$1.json"
}
pipeline_body() { # NAME
  jq --argjson served "$served" --arg drop "$drop_image_data" '
    def root: split(".")[0];
    .processors |= map(select(.inference == null or $served[.inference.model_id | sub("-ingest$"; "")] != null))
    | [.processors[].inference // empty | .input_output[0].output_field | root] as $made
    | .processors |= map(if (.remove.field? | type) == "array" then .remove.field |= map(select(. as $name | $made | index($name))) else . end)
    | .processors |= map(select((.set // .rename) as $step | $step == null or any($made[]; . == ($step.field | root)))
        | if .set then .set.value |= $served[capture("@FINGERPRINT:(?<model>.*)@").model].fingerprint | select(.set.value != null) else . end)
    | if $drop == "" then . else
        .description += " The picture is then removed: only its vector is stored."
        | .processors += [{"remove": {"field": "image_data", "ignore_missing": true}}]
      end' "$config/pipelines/$1.json"
}

# ---- cluster or gateway

# True if a gateway answers at $elasticsearch; prints where inference runs.
is_gateway() {
  es GET /_sightline/gateway
  [ "$status" = 200 ] && jq -e '.cluster | has("reachable")' <<<"$answer" >/dev/null 2>&1 || return 1
  local gateway=$answer why at
  if [ "$(jq -r .cluster.reachable <<<"$gateway")" != true ]; then
    why=$(jq -r '.reason // ""' <<<"$gateway"); at="its cluster at $(jq -r .cluster.url <<<"$gateway")"
    case $why in
      *certificate*) fail "the gateway at $elasticsearch cannot verify $at: start it with --elasticsearch-ca-file FILE (PEM file of the CA; Elasticsearch's own is config/certs/http_ca.crt) or --elasticsearch-ca-fingerprint SHA256.
  Reason: $why" ;;
      *) fail "the gateway at $elasticsearch does not reach $at: start the cluster, or start the gateway with the right address, --elasticsearch-gateway URL.
  Reason: $why" ;;
    esac
  fi
  es GET /  # credentials that the cluster refuses are named here
  say "$(jq -r --arg at "$elasticsearch" '"Gateway at \($at) to Elasticsearch \(.cluster.version // "of unknown version") at \(.cluster.url): inference is run by the \(.inference) (\(.reason))"' <<<"$gateway")"
}

# Uses a gateway, for the reason $1. Only one that is configured gets the cluster's credentials: anyone may listen at the usual place.
use_gateway() {
  local cluster=$elasticsearch cluster_id=$2 usual=http://127.0.0.1:9200 patience=10
  if [ -z "${SIGHTLINE_GATEWAY_URL:-}" ]; then
    if [ "$usual" != "$cluster" ] && ask true GET "$usual/_sightline/gateway" && [ "$status" = 200 ] && jq -e '.cluster | has("reachable")' <<<"$answer" >/dev/null 2>&1; then
      fail "$1. A gateway answers at $usual: if it is yours and in front of this cluster, set SIGHTLINE_GATEWAY_URL=$usual ($where), which sends it the cluster's credentials. See docs/gateway.md."
    fi
    no_gateway "$1" "$cluster"
  fi
  elasticsearch=${SIGHTLINE_GATEWAY_URL%/}
  if [ "$elasticsearch" != "$cluster" ] && ask elasticsearch_config GET "$elasticsearch/_sightline/gateway" && [ "$status" -lt 400 ]; then
    elasticsearch_variable=SIGHTLINE_GATEWAY_URL patience=
    es GET /
    if [ "$(jq -r '.cluster_uuid // empty' <<<"$answer")" = "$cluster_id" ]; then
      say "$1, so this uses the gateway in front of it; your clients must use it, too: ELASTICSEARCH_URL=$elasticsearch"
      is_gateway; return
    fi
  fi
  no_gateway "$1" "$cluster"
}
no_gateway() { # REASON CLUSTER
  fail "$1. Put a gateway in front of it:
  sightline-server --model clip=FOLDER --elasticsearch-gateway $2
  then set ELASTICSEARCH_URL ($where) to the address that it prints, here and for your clients. See docs/gateway.md."
}

# Chooses the cluster itself, or a gateway.
check_cluster() {
  if is_gateway; then return; fi
  es GET /
  [ "$status" = 200 ] || fail "Elasticsearch at $elasticsearch answered $status: $(reason)"
  local version major minor cluster_id
  version=$(jq -r '.version.number? // empty' <<<"$answer" 2>/dev/null || true); cluster_id=$(jq -r '.cluster_uuid? // empty' <<<"$answer" 2>/dev/null || true)
  [[ $version =~ ^[0-9]+\.[0-9]+ ]] || fail "what answers at $elasticsearch is not Elasticsearch: set $elasticsearch_variable ($where) to the address of the cluster"
  major=${version%%.*}; minor=${version#*.}; minor=${minor%%.*}
  if [ "$major" -lt 8 ] || { [ "$major" = 8 ] && [ "$minor" -lt 19 ]; } || { [ "$major" = 9 ] && [ "$minor" -lt 1 ]; }; then
    use_gateway "Elasticsearch $version at $elasticsearch has no 'custom' inference service (new in 8.19 and 9.1)" "$cluster_id"; return
  fi
  es GET /_license
  if [ "$status" = 200 ]; then
    local licence  # the embedded store has a basic one, but it does call Sightline
    licence=$(jq -r 'if .license.issuer == "sightline" then "trial" elif .license.status == "active" then .license.type else "expired" end' <<<"$answer")
    case $licence in
      enterprise|trial) ;;
      *) use_gateway "the licence of Elasticsearch $version at $elasticsearch is '$licence', and its inference API requires 'enterprise' or 'trial'" "$cluster_id"; return ;;
    esac
  fi
  say "Elasticsearch $version at $elasticsearch calls Sightline itself"
}

# True if a sightline-server was started here within the last half minute. Its libraries alone can take seconds to load.
server_is_young() {
  local stat started uptime
  read -r uptime _ 2>/dev/null </proc/uptime || return 1
  for stat in /proc/[0-9]*/stat; do
    read -r stat 2>/dev/null <"$stat" && [[ $stat = *"(sightline-serve) "* ]] || continue  # names are cut to 15 letters
    read -ra started <<<"${stat##*) }"
    [ $((${uptime%.*} - ${started[19]} / $(getconf CLK_TCK))) -ge 30 ] || return 0
  done
  return 1
}

# Waits for a server that was just started on this machine: until it listens, and as long as it loads its models. Its
# Elasticsearch port opens last. The checks below report all other problems.
wait_for_start() {
  local code told= waited= until=$((SECONDS + 2)) at_most=$((SECONDS + 20))
  [[ $sightline_here =~ ^https?://(127\.[0-9.]+|localhost|\[::1\])(:|/|$) ]] || return 0
  while :; do
    code=0; ask sightline_config GET "$sightline_here/health/ready" || code=$?
    if [ "$code" = 0 ] && jq -e 'any(.reasons[]; endswith("is loading"))' <<<"$answer" >/dev/null 2>&1; then
      [ -n "$told" ] || say "Sightline at $sightline_here is loading its models: waiting for it"
      told=1 until=$((SECONDS + 5)) at_most=$((SECONDS + 20))
    else
      [ "$code" = 7 ] || [ -n "$waited" ] || return 0
      code=0; ask elasticsearch_config GET "$elasticsearch" || code=$?
      [ "$code" = 7 ] || return 0
    fi
    [ "$SECONDS" -lt "$until" ] || { [ "$SECONDS" -lt "$at_most" ] && server_is_young; } || return 0
    waited=1; sleep 0.3
  done
}

# Puts Sightline's description of a model into $model_info. Without one: false, with the reason in $model_trouble.
ask_sightline() { # MODEL
  local code=0 at="Sightline at $sightline_here" how="--model $1=FOLDER"
  [ "$1" != embed-english-v3.0 ] || how=--cohere
  ask sightline_config GET "$sightline_here/v1/models/$1" || code=$?
  model_info=$answer
  if [ "$code" != 0 ]; then model_trouble=$(no_answer Sightline "$sightline_here" "$check_variable" SIGHTLINE_CA_FILE "$code")
  elif [ "$status" = 200 ] && jq -e '.dims | numbers' <<<"$answer" >/dev/null 2>&1; then return 0
  elif [ "$status" = 200 ] && jq -e '.state | strings' <<<"$answer" >/dev/null 2>&1; then
    model_trouble="the model '$1' at $sightline_here is not ready: $(jq -r '.state + (if .reason then ", " + .reason else "" end)' <<<"$answer"). Wait until the server has printed 'ready'."
  elif is_sightlines_error; then
    case $status in
      401) if [ -n "${SIGHTLINE_API_KEY:-}" ]; then model_trouble="$at refuses the key in SIGHTLINE_API_KEY ($where): set it to a valid key of that server (scripts/make_api_key.sh makes one)."
           else model_trouble="$at requires a key: set SIGHTLINE_API_KEY ($where) to a key of that server (scripts/make_api_key.sh makes one)."; fi ;;
      404) if [[ $answer = *"no model"* ]]; then model_trouble="$at does not serve a model named '$1'; it serves: $(served_names). Start it with $how."
           else model_trouble="Sightline answers at $sightline_here, but there is no route below that path: set $check_variable ($where) to http://HOST:PORT without a path."; fi ;;
      *) model_trouble="$at answered $status: $(reason)" ;;
    esac
  elif [[ $answer = *"no handler found for uri"* || $answer = *'"tagline"'* || $answer = *security_exception* ]]; then
    model_trouble="$sightline_here is an Elasticsearch port: set $check_variable ($where) to Sightline's own, which the server prints after 'ready'."
  else model_trouble="what answers at $sightline_here (status $status) is not Sightline: set $check_variable ($where) to its address."
  fi
  return 1
}
served_names() { ask sightline_config GET "$sightline_here/v1/models" && jq -r '[.data[].id] | join(", ") | if . == "" then "none" else . end' <<<"$answer" 2>/dev/null || printf 'nothing'; }

# Why the cluster could not create an endpoint: to create one, it calls Sightline, or Cohere.
endpoint_trouble() { # ID
  local who=Sightline at=$sightline variable=SIGHTLINE_URL key="SIGHTLINE_API_KEY ($where) to a key of that server (scripts/make_api_key.sh makes one)" reach
  reach="set SIGHTLINE_URL ($where) to Sightline's address as Elasticsearch sees it, and SIGHTLINE_CHECK_URL to the one that this machine uses. For a cluster in a container this is http://host.docker.internal:8080, and Sightline must not listen only on loopback (--host 0.0.0.0)."
  if [ "$(jq -r .service "$config/inference/$1.json")" = cohere ]; then
    who=Cohere at=${COHERE_URL:-"its own address"} variable=COHERE_URL key="COHERE_API_KEY ($where) to a valid key of Cohere"
    reach="allow it the way there, or set COHERE_URL ($where) to the address of another server with Cohere's API, as Elasticsearch sees it."
  fi
  case $(reason) in
    *"Cohere answered 401"*) say "Cohere refused the call: set COHERE_API_KEY ($where) to a valid key of Cohere." ;;
    *"[401]"*|*"valid key"*|*"authentication error"*) say "$who refused Elasticsearch's call: set $key." ;;
    *PKIX*|*certificat*) say "Elasticsearch does not trust the certificate at $at: its CA must be in the trust store of the JVM of every node, or $variable ($where) must be an http:// address." ;;
    *"onnection refused"*|*"ame or service not known"*|*UnknownHost*|*"imed out"*|*"nreachable"*|*"ailed to connect"*|*"ot resolve"*|*"be reached"*)
      say "Elasticsearch cannot reach $who at $at: $reach" ;;
    *) say "Elasticsearch calls $who at $at itself to measure the vectors: is that address ($variable) right as seen from Elasticsearch?" ;;
  esac
}

# ---- registration

# What must not remain when the script ends early: an endpoint that only tries settings, and one that is deleted to be created again.
tried='' deleted=''
finish() {
  [ -z "$tried" ] || ask elasticsearch_config DELETE "$elasticsearch/_inference/text_embedding/$tried?force=true" || true
  [ -z "$deleted" ] || warn "the endpoint $deleted is deleted and not created again: run this again"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

create_endpoint() { # ID BODY WHAT-FAILED
  es PUT "/_inference/text_embedding/$1" "$2"
  [ "$status" = 200 ] || fail "$3 ($status): $(reason)
  $(endpoint_trouble "${1#sightline-check-}")"
}
delete_endpoint() { # ID
  es DELETE "/_inference/text_embedding/$1?force=true"
  [ "$status" = 200 ] || [ "$status" = 404 ] || fail "could not delete endpoint $1 ($status): $(reason)"
}

# Elasticsearch replaces no endpoint. The one that works is deleted only after the new settings have worked under another name, and
# no signal ends the script until it is created again.
replace_endpoint() { # ID BODY
  tried=sightline-check-$1
  delete_endpoint "$tried"  # left by a script that was killed
  create_endpoint "$tried" "$2" "could not replace endpoint $1, which stays as it was"
  delete_endpoint "$tried"
  tried=
  trap '' INT TERM HUP
  delete_endpoint "$1"; deleted=$1
  create_endpoint "$1" "$2" "could not create endpoint $1"
  deleted=
  trap 'exit 130' INT TERM HUP
}

register_endpoint() { # ID DIMS
  local body same; body=$(endpoint_body "$config/inference/$1.json")
  es GET "/_inference/text_embedding/$1"
  if [ "$status" = 200 ]; then
    # The parts we set, as the cluster stores them; a changed secret cannot be seen, so an endpoint with one is created again.
    same=$(jq -n '
      input as $want | (input.endpoints[0].service_settings) as $h | ($want.service_settings) as $w
      | ($w.secret_parameters == null) and ($w.api_key == null) and $h.url == $w.url and $h.request == $w.request and $h.response.json_parser.text_embeddings == $w.response.json_parser.text_embeddings
        and $h.similarity == $w.similarity and $h.headers == $w.headers and $h.rate_limit == $w.rate_limit' <<<"$body$answer")
    if [ "$same" = true ] && [ "$(jq -r '.endpoints[0].service_settings.dimensions' <<<"$answer")" = "$2" ]; then
      say "endpoint  $1: already there"; return
    fi
    replace_endpoint "$1" "$body"
  else
    create_endpoint "$1" "$body" "could not create endpoint $1"
  fi
  say "endpoint  $1: created, $(jq -r '.service_settings.dimensions' <<<"$answer") dimensions"
}

register_pipeline() { # ID BODY
  es GET "/_ingest/pipeline/$1"
  local there=$answer removed='' dropped=''
  [ "$status" != 200 ] || removed=$(jq -n --arg id "$1" 'input as $have | input as $want |
    def drops: any(.processors[]?.remove.field; . == "image_data" or (type == "array" and index("image_data") != null));
    if ($have[$id] | drops) and ($want | drops | not) then true else empty end' <<<"$there$2")
  [ "$status" != 200 ] || dropped=$(jq -rn --arg id "$1" 'input as $have | input as $want |
    def written: [.processors[]? | (.inference.input_output? | if type == "array" then .[] else . end | .output_field?), .rename.target_field?] | map(strings | select(startswith("sightline_new_") | not)) | unique;
    ($have[$id] | written) - ($want | written) | join(", ")' <<<"$there$2")
  es PUT "/_ingest/pipeline/$1" "$2"
  [ "$status" = 200 ] || fail "could not create pipeline $1 ($status): $(reason)"
  say "pipeline  $1: in place"
  [ -z "$dropped" ] || say "note      $1: the pipeline no longer writes $dropped, as it did before: name all its models in --models to keep them"
  [ -z "$removed" ] || say "note      $1: the pipeline no longer removes image_data, because --drop-image-data is not given: the index will store the pictures of later loads"
}

# Called before any change: an existing index must hold vectors of the models that Sightline serves now.
check_index() { # NAME BODY
  es GET "/$1"
  [ "$status" != 404 ] || return 0
  [ "$status" = 200 ] || fail "could not read index $1 ($status): $(reason)"
  local there=$answer differs field
  differs=$(jq -r --arg i "$1" --argjson want "$2" "$jq_named"'
    named($i).mappings.properties as $have | any($have[]?; .type == "dense_vector") as $is_ours
    | $want.mappings.properties | to_entries[] | select(.value.type == "dense_vector")
    | .key as $field | select($have[$field] != null or ($is_ours | not)) | ($have[$field].dims // "none" | tostring) as $there | select($there != (.value.dims | tostring))
    | "\($field): \($there) dimensions in the index, \(.value.dims) from the model"' <<<"$there")
  [[ $differs != *" none dimensions"* ]] || fail "index $1 has no field for vectors ($differs): a document created it before this script ran.
  Delete it (--remove --with-data), run this again, and load the documents again; or move them with POST _reindex on a cluster."
  [ -z "$differs" ] || fail "index $1 does not fit the models: $differs.
  Vectors of two models cannot share a field: ingest into a new index, or delete this one (--remove --with-data) and run this again."
  [ -z "$accept_model" ] || return 0
  while read -r field; do
    es POST "/$1/_count" "$(jq -n --arg field "$field" '{query: {exists: {field: $field}}}')"
    [ "$status" = 200 ] || fail "could not count the documents of index $1 ($status): $(reason)"
    [ "$(jq -r .count <<<"$answer")" != 0 ] || continue
    fail "$(jq -r --arg i "$1" --arg field "$field" --argjson want "$2" --arg count "$(jq -r .count <<<"$answer")" --arg at "$sightline_here" "$jq_named"'
      named($i).mappings._meta.sightline[$field] as $have | $want.mappings._meta.sightline[$field] as $now
      | "index \($i) holds \($count) vectors of another model: they were made by \($have.model) with fingerprint \($have.fingerprint), and \($now.model) at \($at) has \($now.fingerprint) (other weights, tokenizer, preprocessing or precision)."' <<<"$there")
  Vectors of two models are not comparable, so hits would be wrong. Serve the earlier model again; or embed every document again:
  run this with --accept-model, then load the pictures again (sightline-ingest), or POST $1/_update_by_query?pipeline=$1 on a cluster;
  or start over with --remove --with-data."
  done < <(jq -r --arg i "$1" --argjson want "$2" "$jq_named"'
    (named($i).mappings._meta.sightline // {}) as $have | $want.mappings._meta.sightline | to_entries[]
    | select(.value.fingerprint != null and $have[.key].fingerprint != null and $have[.key].fingerprint != .value.fingerprint) | .key' <<<"$there")
}

register_index() { # NAME BODY
  es GET "/$1"
  if [ "$status" = 404 ]; then
    es PUT "/$1" "$2"
    [ "$status" = 200 ] || fail "could not create index $1 ($status): $(reason)"
    say "index     $1: created, $(jq -r '[.mappings.properties[] | select(.type == "dense_vector") | .dims | tostring] | join(" + ")' <<<"$2") dimensions"; return
  fi
  [ "$status" = 200 ] || fail "could not read index $1 ($status): $(reason)"
  # The models of its vectors, and fields that a later version of this script has added. What is noted of a vector field is
  # replaced whole: a budget that Cohere no longer has, or a demo model, must not remain.
  local mapping
  mapping=$(jq --arg i "$1" --argjson want "$2" "$jq_named"'named($i).mappings as $have
    | {_meta: (($have._meta // {}) | .sightline = (.sightline // {}) + $want.mappings._meta.sightline)} as $meta | ($want.mappings.properties | with_entries(select($have.properties[.key] == null))) as $new
    | if $meta._meta == $have._meta and $new == {} then empty else $meta + {properties: $new} end' <<<"$answer")
  if [ -n "$mapping" ]; then
    es PUT "/$1/_mapping" "$mapping"
    [ "$status" = 200 ] || fail "could not add to the mapping of index $1 ($status): $(reason)"
  fi
  es PUT "/$1/_settings" "$(jq '{index: .settings.index}' <<<"$2")"
  [ "$status" = 200 ] || fail "could not set the default pipeline of index $1 ($status): $(reason)"
  say "index     $1: already there"
  note_old_vectors "$1" "$2"
}

# Counts documents with vectors of another model than the one served now: they were not loaded again after --accept-model.
note_old_vectors() { # NAME BODY
  local model field member now old all
  while read -r model field now; do
    member=model_fingerprint; [ "$1" != listings ] || member=${field%_embedding}_fingerprint
    es POST "/$1/_count" "$(jq -n --arg member "$member" --arg now "$now" '{query: {bool: {filter: [{exists: {field: $member}}], must_not: [{term: {($member): $now}}]}}}')"
    [ "$status" = 200 ] || fail "could not count the documents of index $1 ($status): $(reason)"
    old=$(jq -r .count <<<"$answer")
    [ "$old" != 0 ] || continue
    es GET "/$1/_count"; all=$(jq -r .count <<<"$answer")
    say "note      $1: $old of $all documents still hold vectors that another $model made (their $member is not $now). They are not comparable: load these documents again (sightline-ingest)"
  done < <(jq -r '.mappings._meta.sightline | to_entries[] | select(.value.fingerprint != null) | "\(.value.model) \(.key) \(.value.fingerprint)"' <<<"$2")
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
      [ "$status" = 200 ] || fail "could not remove the default pipeline of index $index ($status): $(reason)"
      say "index     $index: kept, it holds $documents documents (--with-data deletes them too)"
    fi
  fi
  es DELETE "/_ingest/pipeline/$index"
  case $status in 200) say "pipeline  $index: deleted" ;; 404) say "pipeline  $index: not there" ;; *) fail "could not delete pipeline $index ($status): $(reason)" ;; esac
}
remove_endpoints() { # MODEL
  local id
  for id in "$1-ingest" "$1-search"; do
    es DELETE "/_inference/text_embedding/$id"  # not forced: other pipelines may use it
    case $status in 200) say "endpoint  $id: deleted" ;; 404) say "endpoint  $id: not there" ;;
      409) warn "endpoint $id is in use, so it was not deleted: $(reason)
  Delete or change what uses it, then run this again; for the pipeline listings use --listings."; in_use=1 ;;
      *) fail "could not delete endpoint $id ($status): $(reason)" ;; esac
  done
}

# ---- requests as text

print_endpoints() { # MODEL
  local id
  for id in "$1-ingest" "$1-search"; do printf 'PUT _inference/text_embedding/%s\n%s\n\n' "$id" "$(endpoint_body "$config/inference/$id.json")"; done
}
print_index() { # NAME
  printf 'PUT _ingest/pipeline/%s\n%s\n\nPUT %s\n%s\n\n' "$1" "$(pipeline_body "$1")" "$1" "$(index_body "$1")"
}
# The console files of es_config with the requests of this set-up instead of those for the real models, and without requests
# that name a model which is not chosen.
write_console() { # FILE REQUESTS
  local head tail absent='^$' model
  for model in $(model_names); do
    [[ " ${chosen[*]} " = *" $model "* ]] || absent+="|[\"_]${model%-clip}[-_]"
  done
  head=$(sed -n '/^PUT /q; p' "$config/console/$1")
  tail=$(sed -n '/^# One /,$p' "$config/console/$1" | awk -v absent="$absent" 'BEGIN { RS = ""; ORS = "\n\n" } $0 !~ absent')
  printf '%s\n\n%s\n\n%s\n' "$head" "$2" "$tail" >"$console/$1"
  say "wrote     $console/$1"
}
print_removal() { # NAME
  if [ -n "$with_data" ]; then printf 'DELETE %s\n' "$1"
  else printf '# %s is kept, with its documents (--with-data also prints its deletion); only its pipeline is deleted.\nPUT %s/_settings\n{"index":{"default_pipeline":null}}\n\n' "$1" "$1"; fi
  printf 'DELETE _ingest/pipeline/%s\n' "$1"
}

# ---- the work

IFS=, read -ra chosen <<<"$models"
names=()
for model in "${chosen[@]}"; do
  select_model "$model"; names+=("$index")
  if [ "$model" = cohere ] && [ -z "$dry_run$remove" ] && [ -z "${COHERE_API_KEY:-}" ]; then
    fail "cohere needs COHERE_API_KEY ($where): Elasticsearch's own connector requires it"
  fi
done
[ -z "$listings" ] || names+=(listings)
[ -n "$dry_run$remove" ] || wait_for_start
[ -n "$dry_run" ] || check_cluster

if [ -n "$remove" ]; then
  if [ -n "$dry_run" ]; then
    for name in "${names[@]}"; do print_removal "$name"; done
    for model in "${chosen[@]}"; do printf 'DELETE _inference/text_embedding/%s-ingest\nDELETE _inference/text_embedding/%s-search\n' "$model" "$model"; done
  else
    for name in "${names[@]}"; do remove_index_and_pipeline "$name"; done
    in_use=
    for model in "${chosen[@]}"; do remove_endpoints "$model"; done
    [ -z "$in_use" ] || exit 1
  fi
  exit 0
fi

served={}
for model in "${chosen[@]}"; do
  select_model "$model"
  if ask_sightline "$served_as"; then
    served=$(jq -c --arg model "$model" --argjson info "$model_info" '.[$model] = ($info | {dims, fingerprint, demo,
      cohere: (if .owned_by == "cohere" then {model: .id} + (.limits | {pictures_per_call, pictures_per_minute, calls_per_minute} | with_entries(select(.value != null))) else null end)})' <<<"$served")
  elif [ -n "$dry_run" ]; then
    warn "$model_trouble
  So the requests for $model have $true_dims dimensions, those of the model it is named after; if your model has others, change \"dims\"."
    served=$(jq -c --arg model "$model" --argjson dims "$true_dims" '.[$model] = {dims: $dims}' <<<"$served")
  else fail "$model_trouble"
  fi
done

if [ -n "$dry_run" ]; then
  [ -z "$console" ] || mkdir -p "$console"
  for model in "${chosen[@]}"; do
    select_model "$model"; requests=$(print_endpoints "$model"; print_index "$index")
    if [ -n "$console" ]; then write_console "$model.console" "$requests"; else printf '%s\n\n' "$requests"; fi
  done
  if [ -n "$listings" ]; then
    requests=$(print_index listings)
    if [ -n "$console" ]; then write_console listings.console "$requests"; else printf '%s\n\n' "$requests"; fi
  fi
  exit 0
fi

for name in "${names[@]}"; do check_index "$name" "$(index_body "$name")"; done
for model in "${chosen[@]}"; do
  select_model "$model"; dims=$(jq --arg model "$model" '.[$model].dims' <<<"$served")
  register_endpoint "$model-ingest" "$dims"
  register_endpoint "$model-search" "$dims"
  register_pipeline "$index" "$(pipeline_body "$index")"
  register_index "$index" "$(index_body "$index")"
done
if [ -n "$listings" ]; then
  register_pipeline listings "$(pipeline_body listings)"
  register_index listings "$(index_body listings)"
fi
for model in "${chosen[@]}"; do
  if [ "$(jq --arg model "$model" '.[$model].demo' <<<"$served")" = true ]; then
    say "note      $model is a demo model, trained only on drawings. On photos its hits are random, whatever their scores. For photos use a real model: docs/which_model.md"
  fi
done
