#!/usr/bin/env bash
# Makes the page's libraries and its font in server/web/vendored from the packages pinned in server/web/vendored/sources: one file
# per library, with its licence. Needs npm and the npm registry; it is not needed to build or run Sightline.
#
#   scripts/vendor_page_libraries.sh           write the files and their checksums
#   scripts/vendor_page_libraries.sh --check   make them in a temporary folder and compare: exit 1 if a file differs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../server/web/vendored"

check=
case ${1:-} in
  "") ;;
  --check) check=1 ;;
  *) sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 2 ;;
esac
command -v npm >/dev/null || { echo "vendor_page_libraries: npm is missing (apt-get install npm)" >&2; exit 1; }

folder=$(mktemp -d "${TMPDIR:-/tmp}/sightline-page-libraries.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cp sources/* "$folder/"
# The lock file holds the checksum of every package; the user chooses the address of the registry.
(cd "$folder" && npm ci --no-audit --no-fund --omit-lockfile-registry-resolved >"$folder/npm.log" 2>&1) || { tail -5 "$folder/npm.log" >&2; exit 1; }

bundle() {
  (cd "$folder" && node_modules/.bin/esbuild "$1.js" --bundle --minify --format=esm --target=es2022 --legal-comments=none \
    --define:process.env.NODE_ENV='"production"' --log-level=error --outfile="made/$1.js")
}
for library in preact-htm codemirror uplot; do bundle "$library"; done
cp "$folder/node_modules/uplot/dist/uPlot.min.css" "$folder/made/uplot.css"
cp "$folder/node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2" "$folder/made/inter-latin.woff2"

licences() {
  local package
  for package in "$@"; do
    local file
    file=$(find "$folder/node_modules/$package" -maxdepth 1 -iname 'licen[cs]e*' | head -1)
    printf '%s %s\n\n' "$package" "$(sed -n 's/^ *"version": "\(.*\)",\{0,1\}$/\1/p' "$folder/node_modules/$package/package.json" | head -1)"
    [ -n "$file" ] || { echo "vendor_page_libraries: $package has no licence file" >&2; exit 1; }
    cat "$file"; printf '\n\n'
  done
}
licences preact htm >"$folder/made/preact-htm.LICENSE"
licences uplot >"$folder/made/uplot.LICENSE"
licences @fontsource-variable/inter >"$folder/made/inter-latin.LICENSE"
mapfile -t codemirror < <(cd "$folder" && npm ls --all --parseable --omit=dev 2>/dev/null | sed -n "s|^$folder/node_modules/||p" | grep -vx -e preact -e htm -e uplot -e @fontsource-variable/inter)
licences "${codemirror[@]}" >"$folder/made/codemirror.LICENSE"
(cd "$folder/made" && sha256sum -- *.js *.css *.woff2 >SHA256SUMS)

if [ -n "$check" ]; then
  for file in "$folder"/made/*; do cmp "$file" "$(basename "$file")"; done
  echo "the vendored files match the pinned packages"
else
  cp "$folder"/made/* .
fi
