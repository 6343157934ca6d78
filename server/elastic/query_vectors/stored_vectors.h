// Vectors of documents that are in the store.
#pragma once

#include <string>
#include <vector>

#include "server/elastic/caller.h"
#include "server/elastic/query_vectors/query_vector_builder.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Asks the store for all of them at once, as the caller. Each comes as the JSON list that the store wrote,
/// also where vectors are left out of `_source`. Searches see documents after a refresh, so these do too.
/// Errors, each of one vector: those of the store (index_not_found_exception, ...), 404 for a document or a
/// field that is not there, 400 for a field that is no vector.
std::vector<Answer<std::string>> stored_vectors(Store& store, const Caller& caller,
                                                const std::vector<StoredVector>& wanted);

}  // namespace sightline::elastic
