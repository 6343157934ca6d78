// The searchable form of a document, and how it is stored on disk.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "server/elastic/embedded/document.h"

namespace sightline::elastic {

/// Replaces texts by terms, and drops fields that searches do not use. Throws Refused if the texts have more than
/// `max_tokens` words together.
void analyze(ParsedDocument& document, std::size_t max_tokens = std::numeric_limits<std::size_t>::max());

/// An analyzed document as a self-contained record: little-endian, lengths before contents, field paths in full.
std::string encode(const ParsedDocument& document);
/// Throws StorageFailed, corrupt_data, if `record` is not exactly one record.
ParsedDocument decode(std::string_view record);

}  // namespace sightline::elastic
