# Settings of the scripts: the reader of settings files, and of user and password in a URL. To be sourced after messages.bash.

# The settings that a file may set. All other names are ignored: the file in the current folder must not set what bash, curl or
# the loader of programs interprets (PATH, LD_PRELOAD, https_proxy, a[$(command)]).
setting_names='ELASTICSEARCH_(URL|API_KEY|USER|PASSWORD|CA_FILE)|ES_LOCAL_(URL|PORT|API_KEY)'
setting_names+='|SIGHTLINE_(URL|CHECK_URL|GATEWAY_URL|API_KEY|CA_FILE)|COHERE_(API_KEY|URL)'

trim() { # VARIABLE
  local -n trimmed=$1
  trimmed=${trimmed#"${trimmed%%[!$' \t\r']*}"}; trimmed=${trimmed%"${trimmed##*[!$' \t\r']}"}
}

# Exports the settings of a file, as base/env_file.h reads it. The environment takes precedence over the file. start-local writes
# http://localhost:${ES_LOCAL_PORT}: each ${ES_LOCAL_PORT} in a value becomes that setting, wherever the file has it, and stays if
# neither the file nor the environment has it. Nothing else in a value is interpreted.
read_settings() { # FILE
  local line name value port number=0
  local -A values=()
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    [ "$number" != 1 ] || line=${line#$'\xef\xbb\xbf'}
    trim line
    case $line in ''|'#'*) continue ;; esac
    [[ $line != "export "* ]] || { line=${line#export }; trim line; }
    [[ $line = [!=]*=* ]] || fail "$1, line $number: expected KEY=VALUE or a comment beginning with #"
    name=${line%%=*} value=${line#*=}; trim name; trim value
    [[ $name =~ ^($setting_names)$ ]] || continue
    if [[ $value = \"*\" || $value = \'*\' ]] && [ ${#value} -ge 2 ]; then value=${value:1:-1}; fi
    values[$name]=$value
  done <"$1"
  port=${ES_LOCAL_PORT:-${values[ES_LOCAL_PORT]:-}}
  for name in "${!values[@]}"; do
    [ -z "${!name:-}" ] || continue
    value=${values[$name]}
    # shellcheck disable=SC2016  # the text as it is in the file
    [ -z "$port" ] || value=${value//'${ES_LOCAL_PORT}'/"$port"}
    declare -gx "$name=$value"
  done
}

# Removes a user and a password from the URL in a variable, so that no message and no process list shows them: sets $url_user and
# $url_password, decoded, or empty. A password may hold @, but not /, which ends the host.
# shellcheck disable=SC2034  # used by the scripts that source this
take_credentials() { # VARIABLE
  local -n url=$1
  url_user='' url_password=''
  [[ $url =~ ^([^/@]*://)([^/]*)@(.*)$ ]] || return 0
  local found=${BASH_REMATCH[2]}
  url=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
  url_user=$(decoded "${found%%:*}")
  [[ $found != *:* ]] || url_password=$(decoded "${found#*:}")
}
decoded() { printf '%b' "$(sed -E 's/\\/&&/g; s/%([0-9A-Fa-f]{2})/\\x\1/g' <<<"$1")"; }

# curl reads credentials from a pipe, so that no process list shows them. What is in quotes in its configuration:
quoted() { local text=${1//\\/\\\\}; printf '%s' "${text//\"/\\\"}"; }
