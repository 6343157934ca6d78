# Where the scripts find what belongs to them: in the repository, and installed by `cmake --install` (PREFIX/share/sightline), also
# when called through the links in PREFIX/bin. To be sourced; sets
#   $shared     the folder of scripts/, es_config/ and demo/
#   $programs   the folder of sightline-server, sightline-ingest and sightline-eval
shared=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
if [ -f "$shared/CMakeLists.txt" ]; then programs=$shared/build/release/bin; else programs=${shared%/share/sightline}/bin; fi
