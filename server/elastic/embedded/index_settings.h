// The settings of an index.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/limits.h"

namespace sightline::elastic {

/// Settings by their full dotted name ("index.number_of_shards"), values as text, as Elasticsearch keeps
/// them.
using IndexSettings = std::map<std::string, std::string, std::less<>>;

/// Reads settings flat, dotted, nested, with or without `index.`; a null value comes out as "\0" (see
/// updated_settings). Throws Refused: illegal_argument_exception for unknown names and bad values, and for settings that go
/// beyond `limits`.
IndexSettings parse_settings(const JsonView& body, const Limits& limits = {});

/// `changes` put over `settings`; a null removes. Refuses settings that cannot change after creation.
IndexSettings updated_settings(const IndexSettings& settings, const IndexSettings& changes, const std::string& index);

/// What a new index has besides the given ones: shards, replicas, name, uuid, dates.
IndexSettings creation_settings(IndexSettings given, const std::string& name, const std::string& uuid);

/// `{"index":{...}}`, as it is shown.
std::string settings_json(const IndexSettings& settings);
/// `{"index.number_of_shards":"1"}`, as it is stored.
std::string flat_settings_json(const IndexSettings& settings);

MappingLimits mapping_limits_of(const IndexSettings& settings);
int replicas_of(const IndexSettings& settings);
/// Those of the index with its replicas, as Elasticsearch counts them.
std::int64_t shards_of(const IndexSettings& settings);
bool is_hidden(const IndexSettings& settings);

}  // namespace sightline::elastic
