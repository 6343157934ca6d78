#!/bin/sh
# Fails if a source outside of tests parses JSON otherwise than by base/json, whose reader is the one that
# is fuzzed: RapidJSON 1.1.0 reads its table of powers of ten out of range. Usage: one_reader.sh SOURCE_FOLDER
cd "$1" || exit 2
found=$(grep -rnE --include='*.h' --include='*.cpp' \
  '(rapidjson/(reader|istreamwrapper|filereadstream|cursorstreamwrapper)\.h|rapidjson::(Generic)?(Insitu)?Reader|\bParse(Insitu|Stream)?(<[^>]*>)?\(|kParse[A-Z])' \
  base models server ingest eval bench fuzz 2>/dev/null)
[ -z "$found" ] && exit 0
echo "JSON is read by RapidJSON's parser here; use base/json/document.h or base/json/reader.h:"
echo "$found"
exit 1
