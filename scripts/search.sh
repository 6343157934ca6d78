#!/usr/bin/env bash
# Searches pictures in Elasticsearch with words or with a picture, and prints the hits.
#
#   scripts/search.sh [--index NAME] [--field NAME] [--endpoint ID] [--size N] [--env-file FILE] [--] WORDS... | PICTURE
#
#   WORDS, PICTURE   the query; a single argument that is a file is a picture, everything else is words; options
#                    may follow them; put words that begin with a dash after --
#   --index NAME     the index to search, one of scripts/register_endpoints.sh (default: clip-images)
#   --field NAME     the field of the vectors to search (default: with --endpoint that of the endpoint's model, else the
#                    first one of scripts/register_endpoints.sh)
#   --endpoint ID    the inference endpoint that embeds the query (default: that of the field's model)
#   --size N         number of hits (default: 10)
#   --env-file F     settings file (default: .env in the current folder)
#
# Settings, from the environment or the settings file, as in scripts/register_endpoints.sh: ELASTICSEARCH_URL (default
# http://127.0.0.1:9200), ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD, ELASTICSEARCH_CA_FILE.
# Needs bash, curl and jq.
set -euo pipefail

program=search index=clip-images field= endpoint= size=10 env_file=
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/messages.bash"
looked_for=()
while [ $# -gt 0 ]; do
  case $1 in
    --index) index=${2:?--index needs a name}; shift ;;
    --field) field=${2:?--field needs a name}; shift ;;
    --endpoint) endpoint=${2:?--endpoint needs an id}; shift ;;
    --size) size=${2:?--size needs a number}; shift ;;
    --env-file) env_file=${2:?--env-file needs a file}; shift ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    --) shift; looked_for+=("$@"); break ;;
    -?*) fail "unknown option $1 (see --help); put words that begin with a dash after --" ;;
    *) looked_for+=("$1") ;;
  esac
  shift
done
set -- "${looked_for[@]}"
[[ $* = *[![:space:]]* ]] || fail "no query: add words, or the file of a picture (see --help)"
for argument in "$@"; do  # the name of a picture is never a text query
  [[ ${argument,,} =~ [^[:space:]]\.(jpe?g|png|webp|gif|bmp|heic|heif|avif)$ ]] || continue
  [ $# = 1 ] || fail "a picture cannot be combined with words: use only $argument, or only words"
  [ -f "$argument" ] || fail "no file $argument"
done
[[ $size =~ ^[1-9][0-9]{0,3}$ ]] || fail "--size is '$size'; it must be a number from 1 to 9999"
[[ $index =~ ^[^/?#[:space:]]+$ ]] || fail "--index is '$index', which is not an index name"
needs="read and view_index_metadata on the index, and the cluster privilege monitor_inference"
. "$here/elasticsearch_requests.bash"

es GET "/$index/_mapping"
[ "$status" != 404 ] || fail "no index $index at $elasticsearch: scripts/register_endpoints.sh creates the indices of --models, sightline-ingest fills them"
[ "$status" = 200 ] || fail "could not read index $index ($status): $(reason)"
# The vector fields of the index, or of all that a pattern names, with their models: of the mapping, and of register_endpoints.sh.
vectors=$(jq -c 'def flat: to_entries[] | .key as $name | (select(.value.type? == "dense_vector") | $name), (.value.properties? // {} | flat | "\($name).\(.)");
  ([.[].mappings.properties? // {} | flat] | unique) as $mapped | [.[].mappings._meta.sightline? // {} | to_entries[] | {field: .key} + .value] as $named
  | {fields: ($mapped + [$named[].field] | unique), named: $named}' <<<"$answer")

# The model that an endpoint embeds with, by its name or by what it sends; nothing if neither says one.
endpoint_model() {
  local model
  model=$(jq -r --arg endpoint "$endpoint" 'first(.named[].model | strings | select("\(.)-search" == $endpoint or "\(.)-ingest" == $endpoint)) // empty' <<<"$vectors")
  if [ -z "$model" ]; then
    es GET "/_inference/$(jq -rn --arg id "$endpoint" '$id | @uri')"
    [ "$status" != 200 ] || model=$(jq -r 'first(.endpoints[]?.service_settings) | .model_id // ((.request? | strings | capture("\"model\"\\s*:\\s*\"(?<model>[^\"\\\\]*)\"").model)) // empty' <<<"$answer")
  fi
  printf '%s' "$model"
}

if [ -n "$field" ]; then
  jq -e --arg field "$field" '.fields | index($field)' <<<"$vectors" >/dev/null || fail "--field is '$field', which is no vector field of index $index; it has: $(jq -r '.fields | join(", ")' <<<"$vectors")"
elif [ -n "$endpoint" ] && [ "$(jq '.fields | length' <<<"$vectors")" -gt 1 ]; then
  model=$(endpoint_model)
  field=$(jq -r --arg model "$model" 'first(.named[] | select(.model == $model) | .field) // empty' <<<"$vectors")
  [ -n "$field" ] || fail "index $index has several vector fields, and it is not known which of them the model of endpoint $endpoint made: choose one with --field ($(jq -r '.fields | join(", ")' <<<"$vectors"))"
else
  field=$(jq -r '.named[0].field // (if .fields | length == 1 then .fields[0] else "image_embedding" end)' <<<"$vectors")
fi
about=$(jq -c --arg field "$field" 'first(.named[] | select(.field == $field)) // {}' <<<"$vectors")
model=$(jq -r '.model // empty' <<<"$about")
picture=
if [ $# = 1 ] && [ -f "$1" ]; then picture=$1; fi
if [ -z "$endpoint" ]; then
  [ -n "$model" ] || fail "index $index does not name the model of its vectors in $field: use --endpoint ID (GET /_inference lists them), or run scripts/register_endpoints.sh again"
  endpoint=$model-search
  # Elastic's own connector to Cohere supports only words.
  if [ "$model" = cohere ] && [ -n "$picture" ]; then endpoint=cohere-ingest; fi
fi

# Elasticsearch accepts num_candidates from k to 10000.
query='{size: $size, _source: ["image_name", "caption"],
  knn: {field: $field, k: $size, num_candidates: ([$size, 100] | max), query_vector_builder: {text_embedding: {model_id: $endpoint, model_text: .}}}}'
asked=(--arg field "$field" --arg endpoint "$endpoint" --argjson size "$size")
if [ -n "$picture" ]; then
  # The type in a data URL is ignored; only the bytes count. A pipe, because no command line is long enough for a photo.
  body=$(base64 -w0 -- "$picture" | jq -Rs "${asked[@]}" "(\"data:image/jpeg;base64,\" + .) | $query")
else
  body=$(jq -n "${asked[@]}" --arg words "$*" "\$words | $query")
fi
es POST "/$index/_search" "$body"
[ "$status" = 200 ] || fail "the search was refused ($status): $(reason)"

if [ "$(jq '.hits.hits | length' <<<"$answer")" = 0 ]; then say "no hits: index $index holds no vectors yet"; exit 0; fi
# Names and captions come from outside: control characters in them would break the lines, and a terminal interprets them.
jq -r '.hits.hits | to_entries[] | [.key + 1, (.value._score * 10000 | round / 10000),
    ([.value._source.image_name, .value._id] | map(select(. != null and . != "")) | first), .value._source.caption // ""]
  | map(tostring | gsub("\\p{Cc}"; "?")) | join("\u001f")' <<<"$answer" |
  while IFS=$'\x1f' read -r rank score name caption; do printf '%3d  %-6s  %-40s  %s\n' "$rank" "$score" "$name" "$caption"; done | sed 's/ *$//'
if [ "$(jq -r .demo <<<"$about")" = true ]; then
  say "note: $model is a demo model, trained only on drawings. On photos these hits are random, whatever their scores."
fi
