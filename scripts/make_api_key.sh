#!/bin/bash
# Makes an API key: prints it once, and adds a line with its SHA-256 to a file for sightline-server --api-key-file.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: scripts/make_api_key.sh [--file FILE] [--scopes SCOPE,...] [--expires DAYS] [--rate NUMBER] NAME

Makes an API key for sightline-server --api-key-file. The key is printed once, on standard output; the file gets only
its name and its SHA-256. A running server reads the file again within seconds.

  --file FILE       file of keys, created with mode 0600 if missing (default: api-keys)
  --scopes LIST     what the key may do (default: all):
                      infer    embed, classify and rerank
                      search   read documents and what is set up
                      ingest   write documents
                      manage   set up indices, pipelines and endpoints
                      metrics  read /metrics
  --expires DAYS    days until the key expires (default: never)
  --rate NUMBER     requests per second that the key may send, such as 10 or 0.5; with more: 429 (default: that of
                    sightline-server --rate-limit)

To revoke a key, delete its line. Needs: openssl.
USAGE
}

fail() {
  printf 'make_api_key.sh: %s\n' "$1" >&2
  exit 2
}

file=api-keys scopes='' days='' rate='' name=''
while [ $# -gt 0 ]; do
  case $1 in
    --file | --scopes | --expires | --rate)
      # An empty one, such as that of an unset variable, would make a key that may do more than was meant.
      [ -n "${2:-}" ] || fail "$1 needs a value"
      case $1 in
        --file) file=$2 ;;
        --scopes) scopes=$2 ;;
        --expires) days=$2 ;;
        --rate) rate=$2 ;;
      esac
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    -*) fail "unknown option $1: see --help" ;;
    *) [ -z "$name" ] || fail "one NAME per call: see --help"; name=$1; shift ;;
  esac
done

[[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || fail "NAME must consist of letters, digits, '.', '_' and '-': see --help"
rest=${scopes:+$scopes,}
while [ -n "$rest" ]; do
  word=${rest%%,*} rest=${rest#*,}
  case $word in
    infer | search | ingest | manage | metrics) ;;
    *) fail "unknown scope '$word': use infer, search, ingest, manage, metrics" ;;
  esac
done
[ -z "$days" ] || [[ $days =~ ^[1-9][0-9]{0,4}$ ]] || fail "--expires: '$days' must be a number of days"
# As the server checks it: a decimal number from 0.00001 to 1000000.
[ -z "$rate" ] || { [[ $rate =~ ^[0-9]+(\.[0-9]+)?$ ]] && awk -v rate="$rate" 'BEGIN { exit !(rate >= 0.00001 && rate <= 1000000) }'; } ||
  fail "--rate: '$rate' must be a number of requests per second between 0.00001 and 1000000, like 10 or 0.5"
if [ -e "$file" ] && cut -s -d ' ' -f 1 -- "$file" | grep -qxF -- "$name"; then
  fail "$file has a key named $name: choose another name, or delete that line"
fi
command -v openssl >/dev/null || fail "openssl is not installed"

key=$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')
digest=$(printf '%s' "$key" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
line="$name sha256:$digest"
[ -z "$scopes" ] || line+=" scopes=$scopes"
[ -z "$days" ] || line+=" expires=$(date -u -d "+$days days" +%F)"
[ -z "$rate" ] || line+=" rate=$rate"

umask 077
# Without a line break at its end, the last line of the file would be joined with this one.
if [ -s "$file" ] && [ -n "$(tail -c 1 -- "$file")" ]; then line=$'\n'$line; fi
before=$(stat -c %s -- "$file" 2>/dev/null) || before=
if ! printf '%s\n' "$line" >>"$file"; then
  # Half a line would be a key without the end of its scopes, or make the whole file invalid.
  if [ -z "$before" ]; then rm -f -- "$file"; elif [ -f "$file" ]; then truncate -s "$before" -- "$file"; fi
  fail "the key could not be written to $file, which is as it was"
fi
printf '%s\n' "$key"
