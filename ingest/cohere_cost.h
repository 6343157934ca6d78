// What a load costs where the model that embeds it runs at Cohere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::ingest {

/// A model at Cohere and what Sightline's operator allows it, as `scripts/register_endpoints.sh` notes them in the
/// `_meta` of an index's mapping.
struct CohereModel {
  std::string name;                                             ///< "embed-english-v3.0"
  std::uint64_t pictures_per_call = 1;                          ///< at most
  std::uint64_t pictures_per_minute = 0, calls_per_minute = 0;  ///< 0: no budget but Cohere's own
};

/// Those whose vectors the index holds, each once, by name. Anything else in `_meta` is passed over.
std::vector<CohereModel> cohere_models(std::string_view mapping);

/// One sentence: the calls that so many pictures need, and how long they take at least.
std::string cohere_cost(const CohereModel& model, std::size_t pictures);

}  // namespace sightline::ingest
