// The settings of an index.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/limits.h"

namespace sightline::elastic {

/// Settings by their full dotted name ("index.number_of_shards"), with values as text, as Elasticsearch stores them.
using IndexSettings = std::map<std::string, std::string, std::less<>>;

/// Reads settings that are flat, dotted or nested, with or without `index.`. A null value becomes "\0" (see
/// updated_settings). Throws Refused: illegal_argument_exception for unknown names, bad values, and values beyond
/// `limits`.
IndexSettings parse_settings(const JsonView& body, const Limits& limits = {});

/// `settings` with `changes` applied; a null removes a setting. Refuses changes of settings that are fixed after
/// creation.
IndexSettings updated_settings(const IndexSettings& settings, const IndexSettings& changes, const std::string& index);

/// The settings of a new index: the given ones, and shards, replicas, name, uuid, dates.
IndexSettings creation_settings(IndexSettings given, const std::string& name, const std::string& uuid);

/// `{"index":{...}}`, as requests show it.
std::string settings_json(const IndexSettings& settings);
/// `{"index.number_of_shards":"1"}`, as it is stored.
std::string flat_settings_json(const IndexSettings& settings);

MappingLimits mapping_limits_of(const IndexSettings& settings);
int replicas_of(const IndexSettings& settings);
/// The shards of the index, replicas included, as Elasticsearch counts them.
std::int64_t shards_of(const IndexSettings& settings);
bool is_hidden(const IndexSettings& settings);

}  // namespace sightline::elastic
