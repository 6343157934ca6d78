// File names as people and other systems write them.
#pragma once

#include <string>
#include <string_view>

namespace sightline::ingest {

/// `bytes` as UTF-8: each byte that is not part of a UTF-8 character becomes `\xE9`. Names that are UTF-8
/// stay as they are.
std::string utf8_name(std::string_view bytes);

/// The same for a line of a report or a terminal: control characters are escaped, too.
std::string printable(std::string_view bytes);

/// `path` in the one form that all spellings of it share: '/' between parts, without `.` and `..` parts,
/// doubled slashes, or whitespace around it, and in Unicode's composed form (NFC). `path` is UTF-8.
std::string canonical_path(std::string_view path);

/// The canonical form without difference between capital and small letters (Unicode's full case folding).
std::string folded_path(std::string_view path);

/// What follows the last '/'.
std::string_view file_name_of(std::string_view path);

/// How many bytes must be inserted, removed or replaced to make `a` of `b`; `limit` + 1 if more than
/// `limit` are needed.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

}  // namespace sightline::ingest
