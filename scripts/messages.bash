# Messages of the scripts. To be sourced, with $program (the name in messages) set.

# A filter. File names, captions and answers of servers come from outside, and a terminal interprets control characters: each
# becomes "?", except line feeds and tabs.
printable() { LC_ALL=C sed 's/[\x00-\x08\x0b-\x1f\x7f]/?/g; s/\xc2[\x80-\x9f]/?/g'; }

say()  { printf '%s\n' "$*" | printable; }
# shellcheck disable=SC2154  # $program is set by the scripts that source this
warn() { printf '%s: %s\n' "$program" "$*" | printable >&2; }
fail() { warn "$@"; exit 1; }
