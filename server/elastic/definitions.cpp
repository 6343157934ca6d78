#include "server/elastic/definitions.h"

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

/// From the cache, else from the index.
template <class T, class Parse>
Answer<std::shared_ptr<const T>> look_up(ShortCache<std::shared_ptr<const T>>& cache, DefinitionIndex& index,
                                         const Caller& caller, DefinitionIndex::Kind kind,
                                         const std::string& id, const Timer& timer, Parse parse) {
  const std::string key = caller.key() + "/" + id;
  if (auto kept = cache.get(key)) return *kept;
  const auto asked = timer.now();
  auto definition = index.get(caller, kind, id);
  if (!definition) return definition.error();
  std::shared_ptr<const T> value;
  if (*definition) {
    auto parsed = parse(**definition);
    if (!parsed) return parsed.error();
    value = std::move(*parsed);
  }
  cache.put(key, value, asked);
  return value;
}

}  // namespace

Answer<std::shared_ptr<const Endpoint>> endpoint_of(const DefinitionIndex::Definition& definition) {
  auto config = rest::parse_json(definition.config);
  if (!config) return config.error();
  auto endpoint = parse_endpoint(definition.name, {}, *config);
  if (!endpoint) return endpoint.error();
  return std::make_shared<const Endpoint>(std::move(*endpoint));
}

Answer<std::shared_ptr<const Pipeline>> pipeline_of(const DefinitionIndex::Definition& definition) {
  auto config = rest::parse_json(definition.config);
  if (!config) return config.error();
  return Pipeline::parse(definition.name, std::move(*config));
}

Answer<std::shared_ptr<const Endpoint>> Definitions::endpoint(const Caller& caller, const std::string& id) {
  return look_up<Endpoint>(endpoints_, index_, caller, DefinitionIndex::Kind::endpoint, id, timer_,
                           endpoint_of);
}

Answer<std::shared_ptr<const Pipeline>> Definitions::pipeline(const Caller& caller, const std::string& id) {
  return look_up<Pipeline>(pipelines_, index_, caller, DefinitionIndex::Kind::pipeline, id, timer_,
                           pipeline_of);
}

}  // namespace sightline::elastic
