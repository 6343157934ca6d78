#include "server/elastic/pipelines/pipeline.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/number_text.h"
#include "server/elastic/pipelines/property_reader.h"

namespace sightline::elastic {
namespace {

/// Names in the order in which they were added, each once.
class Names {
 public:
  void add(std::string name) {
    if (seen_.insert(name).second) names_.push_back(std::move(name));
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
  std::set<std::string, std::less<>> seen_;
};

/// As Elasticsearch reads a version: also from a text; null is none.
bool is_integer(const rapidjson::Value& value) {
  if (!value.IsString()) return value.IsInt() || value.IsNull();
  return number_from<int>({value.GetString(), value.GetStringLength()}).has_value();
}

/// How many lists of processors lie in each other, this one included.
std::size_t depth_of(const std::vector<Processor>& list) {
  std::size_t inner = 0;
  for (const auto& processor : list) inner = std::max(inner, depth_of(processor.on_failure));
  return list.empty() ? 0 : inner + 1;
}

}  // namespace

Answer<std::shared_ptr<const Pipeline>> Pipeline::parse(std::string id, rapidjson::Document config, bool guarded) {
  if (!config.IsObject()) return property_error({}, "a pipeline must be a JSON object");
  auto pipeline = std::make_shared<Pipeline>();
  pipeline->id = std::move(id);
  pipeline->guarded = guarded;
  pipeline->config = std::move(config);
  PropertyReader reader(pipeline->config);
  reader.optional_string("description");
  for (const char* name : {"_meta", "deprecated"}) reader.take(name);
  pipeline->access_pattern = reader.optional_string("field_access_pattern").value_or("");
  if (const auto* version = reader.take("version"); version && !is_integer(*version))
    reader.refuse("version", "property cannot be converted to an int");
  if (!reader.take("processors")) reader.refuse("processors", "required property is missing");
  const auto* list = reader.optional_list("processors");
  const auto* on_failure = reader.optional_list("on_failure");
  if (reader.failed()) return *reader.refusal();
  auto processors = parse_processors(*list);
  if (!processors) return processors.error();
  pipeline->processors = std::move(*processors);
  if (on_failure) {
    if (on_failure->Empty()) {
      return property_error({}, "pipeline [" + pipeline->id + "] cannot have an empty on_failure option defined");
    }
    auto rescue = parse_processors(*on_failure);
    if (!rescue) return rescue.error();
    pipeline->on_failure = std::move(*rescue);
  }
  if (const auto left = reader.left_over(); !left.empty()) {
    return property_error(
        {}, "pipeline [" + pipeline->id + "] doesn't support one or more provided configuration parameters " + left);
  }
  return std::shared_ptr<const Pipeline>(std::move(pipeline));
}

void Pipeline::visit(const std::function<void(const Processor&)>& visit) const {
  visit_processors(processors, visit);
  visit_processors(on_failure, visit);
}

Refusal Pipeline::refusal_without_cluster() const {
  Refusal refusal;
  visit([&](const Processor& processor) {
    if (refusal) return;
    if (const auto* foreign = std::get_if<ForeignStep>(&processor.step)) {
      refusal = foreign->refusal;
    } else if (!processor.condition.empty()) {
      refusal = condition_refusal(processor);
    }
  });
  return refusal;
}

Refusal Pipeline::refusal_of_access() const {
  if (access_pattern.empty() || access_pattern == "classic") return {};
  return property_error({}, "pipeline [" + id + "] doesn't support value of [" + shortened(access_pattern) +
                                "] for parameter [field_access_pattern]; Sightline looks up fields as [classic]");
}

Refusal Pipeline::refusal_of_size() const {
  std::size_t count = 0;
  visit([&count](const Processor&) { ++count; });
  const std::size_t depth = std::max(depth_of(processors), depth_of(on_failure));
  if (count <= k_most_processors && depth <= k_deepest_rescue + 1) return {};
  const std::string found =
      count > k_most_processors
          ? "has " + std::to_string(count) + " processors, the limit is " + std::to_string(k_most_processors)
          : "has [on_failure] lists " + std::to_string(depth - 1) + " levels deep, the limit is " +
                std::to_string(k_deepest_rescue);
  return illegal_argument("pipeline [" + id + "] " + found +
                          "; move parts of it to separate pipelines and call them with "
                          "[pipeline] processors");
}

std::vector<std::string> Pipeline::model_ids() const {
  Names ids;
  visit([&](const Processor& processor) {
    if (const auto* step = std::get_if<InferenceStep>(&processor.step)) ids.add(step->model_id);
  });
  return ids.take();
}

std::vector<std::string> Pipeline::pipeline_names() const {
  Names names;
  visit([&](const Processor& processor) {
    const auto* step = std::get_if<PipelineStep>(&processor.step);
    if (const auto name = step ? step->name.plain_text() : std::nullopt) names.add(*name);
  });
  return names.take();
}

}  // namespace sightline::elastic
