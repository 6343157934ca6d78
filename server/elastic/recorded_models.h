// Which models an index says its vectors come from.
#pragma once

#include <string>
#include <vector>

#include "server/elastic/store.h"

namespace sightline::elastic {

/// A field of vectors, and who made them.
struct RecordedModel {
  std::string index, field;
  std::string model;        ///< its name at Sightline
  std::string fingerprint;  ///< models::model_fingerprint when the index was set up
};

/// What scripts/register_endpoints.sh writes into the mappings: `_meta.sightline.FIELD` with `model` and
/// `fingerprint`. Fields without either are left out, and so is everything if the store does not answer.
std::vector<RecordedModel> recorded_models(Store& store);

}  // namespace sightline::elastic
