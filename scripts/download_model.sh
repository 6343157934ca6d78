#!/usr/bin/env bash
# Downloads a model that Sightline supports from the Hugging Face hub: only the files it reads, each checked with the hub's
# checksum. Run it again after an interruption: it continues where it stopped.
#
#   scripts/download_model.sh NAME [FOLDER] [--open-clip] [--revision REV] [--accept-license] [--dry-run]
#   scripts/download_model.sh --list
#
#   NAME               a name of --list, or any OWNER/REPOSITORY of the hub
#   FOLDER             where to put it (default: checkpoints/NAME in the current folder). One that holds something else than this
#                      model, or a part of it, is refused
#   --open-clip        OpenCLIP's files (open_clip_config.json, open_clip_model.safetensors) instead of those of transformers;
#                      not needed for the models of --list, nor if a repository has no config.json
#   --revision REV     branch, tag or commit (default: main); all files are taken from that commit
#   --accept-license   you have read the model's licence and accept it; required if this script does not know the licence, or
#                      if it excludes commercial use
#   --dry-run          print the addresses and download nothing
#   --list             print the known models: name, repository, licence, cost of a picture (CLIP ViT-L/14 = 1), languages,
#                      what it is; the first is recommended
#
# HF_ENDPOINT names another hub (default: https://huggingface.co); HF_TOKEN is sent if set.
# Exit codes: 0 all files are complete; 1 a download failed; 2 wrong usage; 3 the licence is not accepted.
# Needs bash, curl, jq and sha256sum.
set -euo pipefail

# name | repository | licence, for any purpose unless it has NC | what it is | layout: open_clip, or text_tower (a model of
# texts, for --text-tower) | cost of a picture, CLIP ViT-L/14 = 1 | languages. The last three may be missing. docs/which_model.md has
# the sources of costs and languages. The first is the one to start with.
known="\
siglip2-b16|google/siglip2-base-patch16-224|Apache-2.0|SigLIP2 B/16, 768 numbers, 1.5 GB||0.22|multilingual
siglip2-b32|google/siglip2-base-patch32-256|Apache-2.0|SigLIP2 B/32 at 256 pixels, 768 numbers, 1.5 GB||0.07|multilingual
siglip2-l16|google/siglip2-large-patch16-256|Apache-2.0|SigLIP2 L/16 at 256 pixels, 1024 numbers, 3.5 GB||1.0|multilingual
siglip2-so400m|google/siglip2-so400m-patch14-224|Apache-2.0|SigLIP2 So400m/14, 1152 numbers, 4.5 GB||1.4|multilingual
siglip-b16|google/siglip-base-patch16-224|Apache-2.0|SigLIP B/16, 768 numbers, 0.8 GB||0.22|English
clip-b32|openai/clip-vit-base-patch32|MIT|CLIP ViT-B/32, 512 numbers, 0.6 GB||0.05|English
clip-b16|openai/clip-vit-base-patch16|MIT|CLIP ViT-B/16, 512 numbers, 0.6 GB||0.22|English
clip-l14|openai/clip-vit-large-patch14|MIT|CLIP ViT-L/14, 768 numbers, 1.7 GB||1|English
clip-l14-336|openai/clip-vit-large-patch14-336|MIT|CLIP ViT-L/14 at 336 pixels, 768 numbers, 1.7 GB||2.4|English
clip-b32-multilingual|sentence-transformers/clip-ViT-B-32-multilingual-v1|Apache-2.0|texts for the vectors of clip-b32, 512 numbers, 0.5 GB|text_tower|-|over 50
jina-clip-v1|jinaai/jina-clip-v1|Apache-2.0|jina-clip-v1, 768 numbers, 0.9 GB||0.22|English
jina-clip-v2|jinaai/jina-clip-v2|CC-BY-NC-4.0|jina-clip-v2, not for commercial use, 1024 numbers, 1.7 GB||5.9|89
datacomp-b32|laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K|MIT|OpenCLIP ViT-B/32 at 256 pixels, 512 numbers, 0.6 GB|open_clip|0.07
eva02-b16|timm/eva02_base_patch16_clip_224.merged2b_s8b_b131k|MIT|EVA02-CLIP B/16, 512 numbers, 0.3 GB|open_clip|0.22
eva02-l14|timm/eva02_large_patch14_clip_224.merged2b_s4b_b131k|MIT|EVA02-CLIP L/14, 768 numbers, 0.9 GB|open_clip|1.0
laion-h14|laion/CLIP-ViT-H-14-laion2B-s32B-b79K|MIT|OpenCLIP ViT-H/14, 1024 numbers, 3.9 GB||2.1|English
laion-g14|laion/CLIP-ViT-g-14-laion2B-s12B-b42K|MIT|OpenCLIP ViT-g/14, 1024 numbers, 5.5 GB||3.3|English
marqo-b|Marqo/marqo-ecommerce-embeddings-B|Apache-2.0|SigLIP B/16 trained on products, 768 numbers, 0.8 GB|open_clip|0.22
marqo-l|Marqo/marqo-ecommerce-embeddings-L|Apache-2.0|SigLIP L/16 trained on products, 1024 numbers, 2.6 GB|open_clip|1.0
marqo-fashion|Marqo/marqo-fashionSigLIP|Apache-2.0|SigLIP B/16 trained on fashion, 768 numbers, 0.8 GB|open_clip|0.22|English"
# The files that the server reads. The first ones are required; weights are looked up after these.
must=(config.json preprocessor_config.json)
open_clip_must=(open_clip_config.json)
open_clip_weights=(open_clip_model.safetensors open_clip_pytorch_model.safetensors model.safetensors)
text_tower_must=(modules.json config.json 1_Pooling/config.json 2_Dense/config.json 2_Dense/model.safetensors)
may=(processor_config.json tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json merges.txt vocab.txt spiece.model tokenizer.model
  sentence_bert_config.json config_sentence_transformers.json README.md)
attempts=5

program=download_model
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/messages.bash"
. "$here/settings.bash"
usage() { warn "$@"; exit 2; }

unknown_licence="not known to this script"
name= folder= revision=main accepted= dry_run= layout=
while [ $# -gt 0 ]; do
  case $1 in
    --list)
      { echo 'NAME|REPOSITORY|LICENCE|MODEL||COST|LANGUAGES'; printf '%s\n' "$known"; } |
        awk -F'|' '{ printf "%-21s %-53s %-12s  %-4s  %-12s  %s\n", $1, $2, $3, $6 == "" ? "-" : $6, $7 == "" ? "-" : $7, $4 }'
      exit 0 ;;
    --revision) revision=${2:?--revision needs one}; shift ;;
    --accept-license) accepted=1 ;;
    --open-clip) layout=open_clip ;;
    --dry-run) dry_run=1 ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    -*) usage "unknown option $1 (see --help)" ;;
    "") usage "an empty argument; see --help" ;;
    *) if [ -z "$name" ]; then name=$1; elif [ -z "$folder" ]; then folder=$1; else usage "what is $1? (see --help)"; fi ;;
  esac
  shift
done
[ -n "$name" ] || usage "no model name; --list shows the known models"
for tool in curl jq sha256sum; do
  command -v "$tool" >/dev/null || fail "$tool is missing; scripts/install_dependencies.sh installs it"
done

entry=$(printf '%s\n' "$known" | awk -F'|' -v name="$name" '$1 == name || $2 == name')
if [ -n "$entry" ]; then
  IFS='|' read -r name repository licence _ known_layout _ <<<"$entry"
  : "${layout:=$known_layout}"
elif [[ $name =~ ^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$ && $name != *..* ]]; then
  repository=$name licence=$unknown_licence name=${name#*/}
else
  usage "no model $name; --list shows the known models, or use OWNER/REPOSITORY"
fi
: "${folder:=checkpoints/$name}"
hub=${HF_ENDPOINT:-https://huggingface.co}; hub=${hub%/}
take_credentials hub
[[ $hub != *@* ]] || fail "HF_ENDPOINT is not http(s)://HOST, or has an @ after its first /: write / in a password as %2F"
address() { printf '%s/%s/resolve/%s/%s' "$hub" "$repository" "${commit:-${revision//\//%2F}}" "$1"; }
commit=
required_files() {  # sets must
  case $layout in open_clip) must=("${open_clip_must[@]}") ;; text_tower) must=("${text_tower_must[@]}") ;; esac
}

say "$repository, licence: $licence; its terms: $hub/$repository"
if [ -n "$dry_run" ]; then
  required_files
  for file in "${must[@]}"; do address "$file"; echo; done
  for file in "${may[@]}"; do say "$(address "$file")  (if there is one)"; done
  if [ "$layout" = open_clip ]; then
    for file in "${open_clip_weights[@]}"; do say "$(address "$file")  (the first that exists)"; done
  else
    say "$(address model.safetensors)"
    say "$(address model.safetensors.index.json)  (with its shards, if there is no model.safetensors)"
  fi
  exit 0
fi
needs_acceptance=
case $licence in
  "$unknown_licence") needs_acceptance=1 ;;
  *-NC-*) needs_acceptance=1; say "$licence excludes commercial use." ;;
esac
if [ -n "$needs_acceptance" ] && [ -z "$accepted" ]; then
  if [ -t 0 ]; then
    read -r -p "Have you read the licence, and do you accept it? [yes/no] " answer
    [ "$answer" = yes ] || { say "not downloaded"; exit 3; }
  else
    printf 'download_model: read the licence; if you accept it, run this again with --accept-license\n' >&2
    exit 3
  fi
fi

# The token, and a user in HF_ENDPOINT, go through a pipe, so that the process list does not show them. curl does not send them to
# other hosts. ~/.curlrc is not read (-q): what it adds could show the token or write elsewhere.
hub_config() {
  if [ -n "${HF_TOKEN:-}" ]; then printf 'header = "Authorization: Bearer %s"\n' "$(quoted "$HF_TOKEN")"
  elif [ -n "$url_user" ]; then printf 'user = "%s:%s"\n' "$(quoted "$url_user")" "$(quoted "$url_password")"; fi
}
hub_curl() { curl -q -K <(hub_config) "$@"; }

# Looks up a file at the hub: sets status, checksum (SHA-256 of large files, git's SHA-1 of others), size and commit.
look_up() {
  local url head location hop found_commit
  url=$(address "$1")
  for hop in 1 2 3; do
    # A proxy's answer and those before a retry come first: the last one is the hub's.
    head=$(hub_curl -sS -I --suppress-connect-headers --connect-timeout 20 --max-time 60 --retry 3 -H 'Accept-Encoding: identity' "$url" \
      | tr -d '\r' | awk 'BEGIN { RS = "" } { last = $0 } END { print last }') \
      || fail "no answer from $hub; is this machine on the internet? (HF_ENDPOINT names another hub)"
    status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' <<<"$head")
    location=$(field location <<<"$head")
    # Follows the redirect of a renamed repository; an absolute address is that of the bytes, without metadata.
    case $status:$location in 30?:/*) url=$hub$location ;; *) break ;; esac
  done
  case $status in
    200|30?) ;;
    401|403) fail "the hub refuses $repository ($status): you may have to accept its terms at $hub/$repository; then set HF_TOKEN" ;;
    404) return 1 ;;
    *) fail "the hub answered ${status:-nothing readable} to $url" ;;
  esac
  checksum=$(field x-linked-etag <<<"$head"); : "${checksum:=$(field etag <<<"$head")}"
  checksum=${checksum#W/}; checksum=${checksum//\"/}
  size=$(field x-linked-size <<<"$head"); : "${size:=$(field content-length <<<"$head")}"
  found_commit=$(field x-repo-commit <<<"$head")
  [[ $checksum =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ ]] || fail "$hub has no checksum for $1; files without a checksum are not kept"
  [[ $size =~ ^[0-9]+$ ]] || fail "$hub has no size for $1"
  # From here on all files come from one commit, even if the branch moves meanwhile.
  if [ -z "$commit" ] && [[ $found_commit =~ ^[0-9a-f]{40}$ ]]; then commit=$found_commit; say "commit $commit"; fi
}
field() { awk -F': *' -v name="$1" 'tolower($1) == name { sub(/^[^:]*: */, ""); print; exit }'; }

# What the folder already has of the hub's files: their checksums, by name.
declare -A held=()
is_held() {  # FILE, after look_up
  if [ "${held[$1]:-}" != "$checksum" ]; then
    [ -f "$folder/$1" ] && is_right "$folder/$1" || return 1
    held[$1]=$checksum
  fi
}

# Files of two models together are no model, and a README.md or config.json may be the user's: only a folder that holds this model's
# weights, or nothing but files of it, is written to. With its weights, its other files are repaired.
check_folder() {
  local file
  [ -e "$folder" ] || return 0
  [ -d "$folder" ] || fail "$folder is not a folder; choose another FOLDER"
  for file in "${open_clip_weights[@]}"; do  # what is left of a download of these weights, whatever changed beside them
    if look_up "$file" && [ -e "$folder/$file.${checksum:0:12}.part" ]; then return 0; fi
  done
  for file in "${open_clip_weights[@]}" model.safetensors.index.json; do
    [ -e "$folder/$file" ] || continue
    if look_up "$file" && is_held "$file"; then return 0; fi
    fail "$folder/$file is not that of $repository at revision $revision: the folder holds another model, or another revision; choose another FOLDER, or delete it"
  done
  while IFS= read -r -d '' file; do
    [[ $file != *.part ]] || continue
    if [[ " ${must[*]} ${may[*]} " = *" $file "* ]] && look_up "$file" && is_held "$file"; then continue; fi
    fail "$folder holds $file, which is not a file of $repository at revision $revision; choose another FOLDER (or delete that file, if it is of an earlier, interrupted download)"
  done < <(find "$folder/" -mindepth 1 ! -type d -printf '%P\0')
}

is_right() {  # FILE: size and checksum are those of the hub
  [ "$(stat -c %s "$1")" = "$size" ] || return 1
  local sum
  if [ ${#checksum} = 64 ]; then sum=$(sha256sum <"$1"); else sum=$({ printf 'blob %s\0' "$size"; cat "$1"; } | sha1sum); fi
  [ "${sum%% *}" = "$checksum" ]
}

fetch() {  # FILE, after look_up
  local target=$folder/$1 part attempt pause=1 code
  mkdir -p "${target%/*}"
  if is_held "$1"; then say "have   $1"; return; fi
  # A partial download is continued only if it belongs to the same bytes.
  part=$target.${checksum:0:12}.part
  for attempt in $(seq $attempts); do
    if [ -f "$part" ] && [ "$(stat -c %s "$part")" -gt "$size" ]; then rm -f "$part"; fi
    if [ -f "$part" ] && [ "$(stat -c %s "$part")" = "$size" ]; then break; fi
    say "get    $1 ($size bytes$([ ! -s "$part" ] || printf ', %s there already' "$(stat -c %s "$part")"))"
    code=0
    hub_curl -fSL --silent --connect-timeout 20 --speed-limit 1 --speed-time 60 -H 'Accept-Encoding: identity' \
      $([ ! -t 2 ] || printf -- '--no-silent --progress-bar') -C - -o "$part" "$(address "$1")" || code=$?
    if [ $code = 0 ] && [ ! -e "$part" ]; then : >"$part"; fi
    [ $code != 33 ] || rm -f "$part"  # the server cannot continue in the middle
    if [ $code = 0 ]; then break; fi
    [ "$attempt" != $attempts ] || fail "$1 could not be downloaded (curl's code $code); run this again to continue"
    sleep $pause; pause=$((pause * 2))
  done
  if ! is_right "$part"; then
    rm -f "$part"
    fail "$1 arrived with a wrong checksum and was deleted; run this again"
  fi
  mv -T -- "$part" "$target" || fail "$target could not be written; its bytes are in $part"
}

if [ -z "$layout" ] && ! look_up config.json && look_up open_clip_config.json; then layout=open_clip; fi
required_files
if [ "$layout" = open_clip ] && [ -e "$folder/config.json" ]; then
  fail "$folder has a model in transformers' layout, which the server would use; choose another FOLDER"
fi
look_up "${must[0]}" || fail "$repository has no ${must[0]} at revision $revision"
check_folder
for file in "${must[@]}"; do
  look_up "$file" || fail "$repository has no $file at revision $revision"
  fetch "$file"
done
tokenizer=
for file in "${may[@]}"; do
  if look_up "$file"; then
    fetch "$file"
    case $layout:$file in
      open_clip:vocab.txt|open_clip:tokenizer.model) ;;  # the server does not read them in this layout
      *:tokenizer.json|*:vocab.json|*:vocab.txt|*:spiece.model|*:tokenizer.model) tokenizer=1 ;;
    esac
  fi
done
if [ -z "$tokenizer" ] && [ "$layout" = open_clip ]; then
  say "note: $repository has no tokenizer. If its open_clip_config.json has no hf_tokenizer_name, put tokenizer.json of
  openai/clip-vit-base-patch32 into $folder; else the tokenizer of the repository that it names"
elif [ -z "$tokenizer" ]; then
  fail "$repository has no tokenizer that the server reads"
fi
if [ "$layout" = open_clip ]; then
  weights=
  for file in "${open_clip_weights[@]}"; do
    if [ -z "$weights" ] && look_up "$file"; then fetch "$file"; weights=$file; fi
  done
  [ -n "$weights" ] || fail "$repository has no ${open_clip_weights[0]} at revision $revision, nor ${open_clip_weights[2]}"
elif look_up model.safetensors; then
  fetch model.safetensors
elif look_up model.safetensors.index.json; then
  fetch model.safetensors.index.json
  shards=$(jq -r '.weight_map | map(.) | unique | .[]' "$folder/model.safetensors.index.json")
  while IFS= read -r shard; do
    [[ $shard =~ ^[A-Za-z0-9._-]+\.safetensors$ ]] || fail "model.safetensors.index.json names a shard $shard, which is not a file name"
    look_up "$shard" || fail "$repository has no shard $shard"
    fetch "$shard"
  done <<<"$shards"
else
  fail "$repository has no model.safetensors at revision $revision. See $hub/$repository/tree/main and its pull requests: the hub's
  converter offers one as --revision refs/pr/NUMBER for many repositories that have only pytorch_model.bin"
fi
published=$here/verify_model/published.json
if [ "$layout" = text_tower ]; then
  say "$folder is complete. It embeds only texts: sightline-server --model NAME=FOLDER --text-tower NAME=$folder, with the
  model whose pictures it finds (docs/which_model.md)"
elif [ "$layout" = open_clip ] || ! jq -e --arg model "$repository" '.models | has($model)' "$published" >/dev/null; then
  say "$folder is complete"
else
  say "$folder is complete. Compare it with published numbers: scripts/verify_model.sh $folder"
fi
