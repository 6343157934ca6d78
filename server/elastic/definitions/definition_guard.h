// Keeps requests from the index of endpoints and pipelines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/http/message.h"

namespace sightline::elastic {

/// What reads a request's body behind the front. Sightline reads it as the front does, and refuses what cannot be read
/// here; a cluster reads more than that (comments in JSON, YAML).
enum class BodyReader { sightline, cluster };

/// Errors: 403 for a request that names the index of definitions (`DefinitionIndex`), in its path or where
/// its body names indices. A wildcard in the path that would take it in is narrowed instead: `*` with hidden
/// indices becomes `*,-.sightline*`, so that cleaning up works as without it. `parts`: of the path, decoded.
Refusal keep_from_definitions(http::Request& request, const std::vector<std::string>& parts, BodyReader reader);

/// 403 for requests that address the index of endpoints and pipelines.
ElasticError restricted_index();

/// True for `_all`, also with a selector behind it: "_all::data".
bool is_all(std::string_view expression);
/// True for an index expression without a name ("", ",", "::data"): stores read it as all indices.
bool names_no_index(std::string_view expression);
/// True if a search of that index expression may find the index of definitions, by its name or by a wildcard.
bool touches_definitions(std::string_view expression);
/// True if a write to that name goes to the index of definitions, or may: date math can spell any name.
bool is_definition_index(std::string_view index);
/// True if a text that cannot be read here may name the index of definitions: as it is, or in escapes.
bool may_name_definitions(std::string_view unreadable);

}  // namespace sightline::elastic
