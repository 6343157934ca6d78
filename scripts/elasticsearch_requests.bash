# Shared by the scripts that use Elasticsearch: settings, requests, and a message for each way they can fail. To be sourced after
# messages.bash, with $needs (the required privileges) and $env_file (the settings file; empty: .env, if there is one) set.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/settings.bash"

for tool in curl jq; do command -v "$tool" >/dev/null || fail "$tool is missing; scripts/install_dependencies.sh installs it"; done
if [ -n "$env_file" ] || [ -e .env ]; then
  : "${env_file:=.env}"
  [ ! -d "$env_file" ] || fail "the settings file $env_file (--env-file) cannot be read: it is a folder"
  [ -r "$env_file" ] || fail "the settings file $env_file (--env-file) cannot be read"
  read_settings "$env_file"
fi
: "${env_file:=.env}"

elasticsearch_variable=ELASTICSEARCH_URL; [ -n "${ELASTICSEARCH_URL:-}" ] || [ -z "${ES_LOCAL_URL:-}" ] || elasticsearch_variable=ES_LOCAL_URL
elasticsearch=${ELASTICSEARCH_URL:-${ES_LOCAL_URL:-http://127.0.0.1:9200}}; elasticsearch=${elasticsearch%/}
sightline=${SIGHTLINE_URL:-http://127.0.0.1:8080}; sightline=${sightline%/}
check_variable=${SIGHTLINE_CHECK_URL:+SIGHTLINE_CHECK_URL}; : "${check_variable:=SIGHTLINE_URL}"
sightline_here=${SIGHTLINE_CHECK_URL:-$sightline}; sightline_here=${sightline_here%/}
api_key=${ELASTICSEARCH_API_KEY:-${ES_LOCAL_API_KEY:-}}
where="environment or $env_file"
take_credentials elasticsearch
if [ -n "$url_user" ] && [ -z "$api_key${ELASTICSEARCH_USER:-}" ]; then
  # Exported for the programs that a script starts with the URL without them.
  export ELASTICSEARCH_USER="$url_user" ELASTICSEARCH_PASSWORD="${url_password:-${ELASTICSEARCH_PASSWORD:-}}"
fi

check_url() { # VARIABLE URL [WHERE CREDENTIALS BELONG]
  [[ $2 =~ ^https?://[^/[:space:]{}]+(/[^[:space:]]*)?$ ]] || fail "$1 is '${2##*@}', which is not a URL: write it as http://HOST:PORT or https://HOST:PORT ($where)"
  [[ $2 = *@* ]] || return 0
  [ -n "${3:-}" ] || fail "$1 has an @ after its first /: write / in a password as %2F, and @ in a path as %40 ($where)"
  fail "$1 has a user or a password in it, which messages, process lists and other users of the cluster would show: remove them ($where). $3"
}
check_url "$elasticsearch_variable" "$elasticsearch"
for variable in SIGHTLINE_URL "$check_variable"; do
  url=$sightline; [ "$variable" = SIGHTLINE_URL ] || url=$sightline_here
  check_url "$variable" "$url" "A key of Sightline belongs in SIGHTLINE_API_KEY"
done
for variable in ELASTICSEARCH_CA_FILE SIGHTLINE_CA_FILE; do
  [ -z "${!variable:-}" ] || [ -r "${!variable}" ] || fail "the certificate file ${!variable} cannot be read: set $variable ($where) to the PEM file of the CA"
done

# ---- requests

elasticsearch_config() {
  if [ -n "$api_key" ]; then printf 'header = "Authorization: ApiKey %s"\n' "$(quoted "$api_key")"
  elif [ -n "${ELASTICSEARCH_USER:-}" ]; then printf 'user = "%s:%s"\n' "$(quoted "$ELASTICSEARCH_USER")" "$(quoted "${ELASTICSEARCH_PASSWORD:-}")"; fi
  if [ -n "${ELASTICSEARCH_CA_FILE:-}" ]; then printf 'cacert = "%s"\n' "$(quoted "$ELASTICSEARCH_CA_FILE")"; fi
}
sightline_config() {
  if [ -n "${SIGHTLINE_API_KEY:-}" ]; then printf 'header = "Authorization: Bearer %s"\n' "$(quoted "$SIGHTLINE_API_KEY")"; fi
  if [ -n "${SIGHTLINE_CA_FILE:-}" ]; then printf 'cacert = "%s"\n' "$(quoted "$SIGHTLINE_CA_FILE")"; fi
}

# Without ~/.curlrc (-q, which must be the first option): what it adds, such as verbose or output, would show keys or hide answers.
# ask CONFIG METHOD URL [BODY]: waits $patience seconds (default: 120), and sets $status and $answer; or $trouble, and returns curl's exit code.
ask() {
  local config=$1 method=$2 url=$3 out; shift 3
  if out=$(printf '%s' "${1:-}" | curl -q -sS --config <("$config") -X "$method" -w '\n%{http_code}' --max-time "${patience:-120}" \
           -H 'Content-Type: application/json' -H 'Expect:' ${1:+--data-binary @-} "$url" 2>&1); then
    status=${out##*$'\n'}; answer=${out%$'\n'*}
    # jq 1.6 reports success for any condition on an empty text.
    [[ $answer = *[![:space:]]* ]] || answer=null
  else
    local code=$?
    trouble=${out%%$'\n'*}; trouble=${trouble#curl: (*) }; status=0 answer=
    return "$code"
  fi
}

# Why there was no answer, in a sentence, and the variable to set.
no_answer() { # WHO URL VARIABLE CA_VARIABLE CURL_CODE
  local who=$1 url=$2 variable=$3 ca=$4
  case $5 in
    6) say "the host name in $url cannot be resolved, so $who cannot be reached. Set $variable ($where) to its address." ;;
    7) say "nothing listens at $url: $who is not running there, or a firewall blocks it. Start it, or set $variable ($where) to its address." ;;
    28) say "$who at $url did not answer in time. Is $variable ($where) the right address?" ;;
    52|56) if [[ $url = http://* ]]; then say "$url closed the connection without an answer. If $who uses TLS there, set $variable ($where) to https://${url#http://}"
           else say "$who at $url closed the connection without an answer ($trouble). Is $variable ($where) the right address?"; fi ;;
    35) if [[ $trouble = *"wrong version number"* ]]; then say "$url does not speak TLS: set $variable ($where) to http://${url#https://}"
        else say "no TLS connection to $who at $url: $trouble. Is $variable ($where) the right address?"; fi ;;
    51|60) if [[ $trouble = *"subject name"* || $trouble = *"host name"* || $trouble = *hostname* ]]; then
             say "the certificate at $url is for another host name ($trouble). Set $variable ($where) to a name that is in it."
           elif [ -n "${!ca:-}" ]; then say "the certificate at $url is not signed by the CA in ${!ca}, which $ca ($where) names: $trouble."
           else say "the certificate at $url is signed by a CA that this machine does not trust ($trouble). Set $ca ($where) to that CA's PEM file$([ "$who" != Elasticsearch ] || printf "; Elasticsearch's own is config/certs/http_ca.crt")."; fi ;;
    58|77) say "the certificate file ${!ca:-} cannot be read as PEM: set $ca ($where) to the PEM file of the CA." ;;
    *) say "no answer from $who at $url: $trouble. Is $variable ($where) the right address?" ;;
  esac
}

# es METHOD PATH [BODY]: sets $status and $answer. Handles the failures of every request: no answer, another server, and credentials.
es() {
  local code=0
  ask elasticsearch_config "$1" "$elasticsearch$2" "${@:3}" || code=$?
  [ "$code" = 0 ] || fail "$(no_answer Elasticsearch "$elasticsearch" "$elasticsearch_variable" ELASTICSEARCH_CA_FILE "$code")"
  if [ "$status" -lt 400 ] || [ "$status" = 404 ]; then is_object || not_elasticsearch; fi
  [ "$status" -ge 400 ] || return 0
  if is_sightlines_error; then own_port; fi
  local why; why=$(reason)
  case $status in
    401) if [[ $why = *"inference entity id [cohere-search]"* || $why = *"Cohere answered 401"* ]]; then fail "Cohere refused Elasticsearch's call: $why
  Set COHERE_API_KEY ($where) to a valid key of Cohere, and run scripts/register_endpoints.sh --models cohere again: it sets that key in the endpoints."
         elif [[ $why = *"inference entity id"* ]]; then fail "Sightline refused Elasticsearch's call: $why
  Set SIGHTLINE_API_KEY ($where) to a key of that server (scripts/make_api_key.sh makes one), and run scripts/register_endpoints.sh again: it sets that key in the endpoints."
         elif [ -n "$api_key" ]; then fail "Elasticsearch at $elasticsearch refuses the API key: $why
  Set ELASTICSEARCH_API_KEY ($where) to the \`encoded\` value of a valid one."
         elif [ -n "${ELASTICSEARCH_USER:-}" ]; then fail "Elasticsearch at $elasticsearch refuses the user '$ELASTICSEARCH_USER': $why
  Set ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD ($where)."
         else fail "Elasticsearch at $elasticsearch requires credentials: $why
  Set ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD ($where)."; fi ;;
    403) [[ $why = *license* ]] || fail "the credentials for Elasticsearch at $elasticsearch lack a privilege: $why
  They need $needs. Set ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD ($where)." ;;
  esac
}
# Why, in the words of the answer: the reason, that of each shard that failed if they differ, and what caused it.
reason() {
  jq -er '.error // error | if type == "object"
    then reduce (.reason, .message, .root_cause[]?.reason?, (.caused_by? // empty | recurse(.caused_by? // empty) | .reason?) | strings) as $reason
      ([]; if any(.[]; . == $reason) then . else . + [$reason] end) | join(" Cause: ") | select(. != "") else . end' <<<"$answer" 2>/dev/null || printf '%.500s' "${answer/#null/an empty answer}"
}
# For jq: what GET /INDEX says of an index, also if the name is an alias, under which it has the index's own name.
# shellcheck disable=SC2034,SC2016  # used by the scripts that source this; jq's variables
jq_named='def named($name): .[$name] // first(.[]); '
is_object() { jq -e 'type == "object"' <<<"$answer" >/dev/null 2>&1; }
not_elasticsearch() { fail "what answers at $elasticsearch is not Elasticsearch: set $elasticsearch_variable ($where) to the address of the cluster"; }

# True if $answer is an error of Sightline's inference port, or its list of routes.
is_sightlines_error() { jq -e '(.error.type? // "" | IN("authentication_error", "invalid_request_error")) or (.name? == "sightline" and has("routes"))' <<<"$answer" >/dev/null 2>&1; }
own_port() { fail "$elasticsearch is Sightline's own port, not Elasticsearch's: set $elasticsearch_variable ($where) to the cluster, to the gateway, or to the embedded store, whose address the server prints after 'elasticsearch'"; }

