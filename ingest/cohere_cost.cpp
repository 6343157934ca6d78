#include "ingest/cohere_cost.h"

#include <algorithm>
#include <map>

#include "base/json/document.h"
#include "base/json/members.h"

namespace sightline::ingest {
namespace {

// docs.cohere.com/docs/rate-limits: pictures per minute of trial and production keys, and calls of a trial key.
constexpr std::uint64_t k_trial = 5, k_production = 400;
constexpr const char* k_trial_calls = "a trial key has 1,000 calls per month";

std::uint64_t number_at(const rapidjson::Value& object, const char* name, std::uint64_t otherwise) {
  const auto& value = json::member(object, name);
  return value.IsUint() ? value.GetUint() : otherwise;
}

std::uint64_t divided_up(std::uint64_t number, std::uint64_t by) {
  return number / by + (number % by != 0 ? 1 : 0);
}

/// How long `number` take at `per_minute`: "30 seconds", "80 minutes", "17 hours".
std::string time_for(std::uint64_t number, std::uint64_t per_minute) {
  const std::uint64_t seconds = divided_up(number * 60, per_minute), minutes = divided_up(seconds, 60);
  if (seconds < 120) return std::to_string(seconds) + (seconds == 1 ? " second" : " seconds");
  if (minutes < 180) return std::to_string(minutes) + " minutes";
  return std::to_string(divided_up(minutes, 60)) + " hours";
}

/// The same, with the pace: "80 minutes at 5 pictures per minute".
std::string time_at(std::uint64_t number, std::uint64_t per_minute, const std::string& what) {
  return time_for(number, per_minute) + " at " + std::to_string(per_minute) + " " + what + " per minute";
}

}  // namespace

std::vector<CohereModel> cohere_models(std::string_view mapping) {
  std::map<std::string, CohereModel> models;
  rapidjson::Document document;
  if (json::read_document(mapping, document)) return {};
  const auto& fields = json::member(document, "_meta", "sightline");
  if (!fields.IsObject()) return {};
  for (const auto& field : fields.GetObject()) {
    const auto& noted = json::member(field.value, "cohere");
    const std::string name(json::text_at(noted, "model"));
    if (name.empty()) continue;
    models[name] = {name, std::max<std::uint64_t>(1, number_at(noted, "pictures_per_call", 1)),
                    number_at(noted, "pictures_per_minute", 0), number_at(noted, "calls_per_minute", 0)};
  }
  std::vector<CohereModel> sorted;
  sorted.reserve(models.size());
  for (auto& [name, model] : models) sorted.push_back(std::move(model));
  return sorted;
}

std::string cohere_cost(const CohereModel& model, std::size_t pictures) {
  const std::uint64_t fewest = divided_up(pictures, model.pictures_per_call);
  std::string calls = std::to_string(pictures);
  if (fewest < pictures) calls = std::to_string(fewest) + " to " + calls;
  std::string times;
  const auto add = [&](const std::string& time) { times += (times.empty() ? "" : ", and ") + time; };
  if (model.pictures_per_minute > 0)
    add(time_at(pictures, model.pictures_per_minute, "pictures") + " (--cohere-pictures-per-minute)");
  if (model.calls_per_minute > 0)
    add(time_at(fewest, model.calls_per_minute, "calls") + " (--cohere-calls-per-minute)");
  if (times.empty()) {
    times = time_at(pictures, k_trial, "pictures") + " with a trial key, or " + time_for(pictures, k_production) +
            " with a production key (" + std::to_string(k_production) + " per minute)";
  }
  return model.name + " runs at Cohere: up to " + std::to_string(pictures) + " pictures use " + calls + " calls (" +
         k_trial_calls + ") and take at least " + times;
}

}  // namespace sightline::ingest
