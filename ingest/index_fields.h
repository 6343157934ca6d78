// The fields of a table and the mapping of an index.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingest/attributes.h"
#include "ingest/note.h"

namespace sightline::ingest {

/// What a table's fields mean for an index.
struct IndexFields {
  std::string new_properties;  ///< JSON object for `PUT _mapping`; empty: there is nothing to add
  std::vector<Note> misfits;   ///< fields whose mapping does not take all their values as they are
};

/// Compares `fields`, `binary_fields` that hold pictures, and `keyword_fields` that hold links to them or hashes, with `mapping` (`{"properties":{...}}`).
///
/// A field that the mapping lacks gets the type that Elasticsearch would give it (text with the subfield
/// `keyword`, long, boolean, date), but decimals `double` where it would say `float`: a float keeps seven
/// digits, and sums of prices would be wrong. Nothing is added where the mapping decides about new fields
/// itself (`dynamic` false, strict or runtime, `dynamic_templates`).
IndexFields compare_with_mapping(std::string_view mapping, const std::vector<Attributes::Field>& fields,
                                 const std::vector<std::string>& binary_fields,
                                 const std::vector<std::string>& keyword_fields = {});

/// The paths of the fields for vectors of numbers (`dense_vector`), also within objects, in order of name.
std::vector<std::string> vector_fields(std::string_view mapping);

/// Whether `_source` of the mapping may lack fields that a document has: `excludes`, `includes` or `enabled` is set.
bool leaves_out_of_source(std::string_view mapping);

/// The names of the demo models whose vectors an index holds, as `scripts/register_endpoints.sh` notes them in its
/// mapping's `_meta`. Each once, sorted.
std::vector<std::string> demo_models(std::string_view mapping);

}  // namespace sightline::ingest
