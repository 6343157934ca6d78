#!/usr/bin/env bash
# Makes the files of a release from the commit that is checked out: source archive, Debian package of this Debian release, bill of
# materials, checksums. Publishes nothing.
#
#   scripts/release.sh [--output FOLDER] [--sign KEY] [--trial]
#
#   --output FOLDER   where the files are written (default: build/release/VERSION)
#   --sign KEY        also signs the checksums with gpg: SHA256SUMS.asc
#   --trial           also with uncommitted changes, and without a date in CHANGELOG.md; files that are not committed are not in the archive
#
# The version is that of CMakeLists.txt. The bill of materials lists the package and every package that it needs on a bare Debian, with
# their sources, as SPDX and as CycloneDX. debsbom makes it; it is installed from PyPI in build/release/sbom-venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

debsbom=debsbom[cdx,spdx]==0.10.2
output='' key='' trial=''
while [ $# -gt 0 ]; do
  case $1 in
    --output) output=${2:?--output needs a folder}; shift ;;
    --sign) key=${2:?--sign needs a key}; shift ;;
    --trial) trial=1 ;;
    -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
    *) echo "release: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done
fail() { printf 'release: %s\n' "$*" >&2; exit 1; }
step() { printf '== %s\n' "$*" >&2; }

version=$(sed -n 's/^project(Sightline VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
[ -n "$version" ] || fail "CMakeLists.txt names no version: project(Sightline VERSION ...)"
commit=$(git rev-parse --verify HEAD) || fail "this is no git repository"
if [ -z "$trial" ]; then
  [ -z "$(git status --porcelain)" ] || fail "there are uncommitted changes (git status); commit them, or add --trial"
  heading=$(grep -m1 '^## ' CHANGELOG.md)
  [[ $heading =~ ^"## $version ("[0-9]{4}-[0-9]{2}-[0-9]{2}")"$ ]] ||
    fail "the first section of CHANGELOG.md is \"$heading\", not \"## $version (YYYY-MM-DD)\"; write it, or add --trial"
fi
output=${output:-build/release/$version}
mkdir -p "$output"
output=$(realpath "$output")
rm -f "$output"/{SHA256SUMS,SHA256SUMS.asc,sightline-"$version"*,sightline_"$version"*}
# The same commit gives the same files.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH

step "source archive"
git archive --format=tar --prefix="sightline-$version/" "$commit" | xz -9 --threads=1 >"$output/sightline-$version.tar.xz"

step "Debian package"
package=$(scripts/package.sh --output "$output" | tee >(cat >&2) | tail -1)
[ -f "$package" ] || fail "scripts/package.sh made no package"

step "bill of materials"
venv=build/release/sbom-venv
if [ "$(cat "$venv/installed.txt" 2>/dev/null)" != "$debsbom" ]; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check "$debsbom"
  echo "$debsbom" >"$venv/installed.txt"
fi
# With an empty list of installed packages apt names all that the package needs, as "Inst NAME (VERSION RELEASE [ARCHITECTURE])".
needed=$(mktemp)
trap 'rm -f "$needed" "$needed.status"' EXIT
: >"$needed.status"
apt-get --simulate -o Dir::State::status="$needed.status" install --no-install-recommends "$(realpath "$package")" |
  sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\([a-z0-9]*\)\]).*/\1 \2 \3/p' >"$needed"
[ "$(wc -l <"$needed")" -gt 50 ] || fail "apt-get does not find what the package needs; run \`apt-get update\`"
"$venv/bin/debsbom" generate --from-pkglist --distro-name Sightline --distro-version "$version" \
  --distro-supplier "Sightline's developers" --distro-arch "$(dpkg --print-architecture)" \
  --timestamp "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" --out "$output/sightline-$version" <"$needed"

step "checksums"
(cd "$output" && sha256sum -- *"$version"* >SHA256SUMS)
if [ -n "$key" ]; then gpg --batch --yes --local-user "$key" --armor --detach-sign "$output/SHA256SUMS"; fi
cat "$output/SHA256SUMS"
