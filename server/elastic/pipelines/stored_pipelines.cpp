#include "server/elastic/pipelines/stored_pipelines.h"

#include <algorithm>

#include "base/json/document.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

/// Errors: those of parsing, if another version wrote the definition.
Answer<std::shared_ptr<const Pipeline>> pipeline_of(const DefinitionIndex::Definition& definition) {
  auto config = rest::parse_as_written(definition.config);
  if (!config) return config.error();
  return Pipeline::parse(definition.name, std::move(*config), definition.guarded);
}

}  // namespace

Answer<std::shared_ptr<const Pipeline>> StoredPipelines::get(const Caller& caller, const std::string& id) {
  return cache_.look_up(caller.key() + "/" + id, [&]() -> Answer<std::shared_ptr<const Pipeline>> {
    auto definition = index_.get(caller, DefinitionIndex::Kind::pipeline, id);
    if (!definition) return definition.error();
    if (!*definition) return std::shared_ptr<const Pipeline>();
    auto pipeline = pipeline_of(**definition);
    if (!pipeline) return pipeline;
    // An earlier version may have stored it.
    if (Refusal refusal = (*pipeline)->refusal_of_access()) return *std::move(refusal);
    return pipeline;
  });
}

Answer<std::vector<std::string>> StoredPipelines::using_endpoint(const Caller& caller, const std::string& endpoint_id) {
  auto definitions = index_.list(caller, DefinitionIndex::Kind::pipeline);
  if (!definitions) return definitions.error();
  std::vector<std::string> names;
  for (const auto& definition : *definitions) {
    const auto pipeline = pipeline_of(definition);
    if (!pipeline) continue;
    const auto ids = (*pipeline)->model_ids();
    if (std::find(ids.begin(), ids.end(), endpoint_id) != ids.end()) names.push_back(definition.name);
  }
  return names;
}

}  // namespace sightline::elastic
