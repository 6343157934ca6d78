#include "server/elastic/writes/index_pipelines.h"

#include <optional>
#include <rapidjson/pointer.h>
#include <string_view>

#include "base/json/document.h"
#include "base/json/members.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/bulk_reader.h"

namespace sightline::elastic {
namespace {

/// The pipelines in `{"settings":{"index":{"default_pipeline":"p"}}}`.
IndexPipelines::Names names_in(const rapidjson::Value& holder, std::string_view index) {
  const auto read = [&](const std::string& setting) -> std::string {
    const auto* value = rapidjson::Pointer(("/settings/index/" + setting).c_str()).Get(holder);
    if (!value) value = rapidjson::Pointer(("/settings/index." + setting).c_str()).Get(holder);
    if (!value || json::text_or_empty(*value) == k_no_pipeline) return {};
    return std::string(json::text_or_empty(*value));
  };
  return {read("default_pipeline"), read("final_pipeline"), std::string(index)};
}

/// The newest backing index of a data stream among the members: ".ds-logs-2026.09.01-000007" has the highest
/// number at its end.
std::optional<std::string> newest_backing_index(const rapidjson::Value& settings, const std::string& stream) {
  const std::string prefix = ".ds-" + stream + "-";
  std::optional<std::string> newest;
  std::string newest_generation;
  for (const auto& member : settings.GetObject()) {
    const auto name = json::text_or_empty(member.name);
    if (!name.starts_with(prefix)) continue;
    std::string generation(name.substr(name.rfind('-') + 1));
    const bool later = generation.size() != newest_generation.size() ? generation.size() > newest_generation.size()
                                                                     : generation > newest_generation;
    if (!newest || later) {
      newest = std::string(name);
      newest_generation = std::move(generation);
    }
  }
  return newest;
}

}  // namespace

/// An object that the store answers; null if it has none (404, or 400: no name of an index).
Answer<rapidjson::Document> IndexPipelines::ask(const Caller& caller, const std::string& path, http::Method method,
                                                const std::string& query) {
  const auto response = store_.handle(store_request(caller, method, path, query));
  rapidjson::Document body;
  if (response.status == 400 || response.status == 404) return body;
  if (response.status >= 400) return error_in(response);
  if (json::read_document(response.body, body) || !body.IsObject()) {
    return ElasticError{
        500, "exception",
        "the store's answer to " + path + " cannot be read, so it is unknown whether a write goes through a pipeline"};
  }
  return body;
}

/// Which member of the settings of several indices a write to `name` goes to; empty: the store will refuse
/// it.
Answer<std::string> IndexPipelines::write_index(const Caller& caller, const std::string& name,
                                                const rapidjson::Value& settings) {
  if (auto newest = newest_backing_index(settings, name)) return *newest;
  const std::string encoded = http::percent_encode(name);
  const auto aliases = ask(caller, "/" + encoded + "/_alias/" + encoded, http::Method::get);
  if (!aliases) return aliases.error();
  if (!aliases->IsObject()) return std::string();
  for (const auto& member : aliases->GetObject()) {
    const auto* writes = member.value.IsObject() ? rapidjson::Pointer("/aliases").Get(member.value) : nullptr;
    if (!writes || !writes->IsObject()) continue;
    const auto alias = writes->FindMember(rapidjson::Value(rapidjson::StringRef(name.data(), name.size())));
    if (alias == writes->MemberEnd() || !alias->value.IsObject()) continue;
    const auto flag = alias->value.FindMember("is_write_index");
    if (flag == alias->value.MemberEnd() || !flag->value.IsTrue()) continue;
    const std::string target(json::text_or_empty(member.name));
    if (settings.HasMember(member.name)) return target;
    if (auto newest = newest_backing_index(settings, target)) return *newest;
  }
  return std::string();
}

Answer<IndexPipelines::Names> IndexPipelines::of_template(const Caller& caller, const std::string& name) {
  if (!store_.runs_pipelines()) return Names{};
  const auto simulated =
      ask(caller, "/_index_template/_simulate_index/" + http::percent_encode(name), http::Method::post);
  if (!simulated) {
    // Looking at templates takes a privilege that those who only write have not. The cluster itself then says
    // that the template's pipeline does not exist, and the document is not lost.
    if (simulated.error().status == 403) return Names{};
    return simulated.error();
  }
  const auto* made = simulated->IsObject() ? rapidjson::Pointer("/template").Get(*simulated) : nullptr;
  return made && made->IsObject() ? names_in(*made, name) : Names{};
}

Answer<IndexPipelines::Names> IndexPipelines::look_up(const Caller& caller, const std::string& name) {
  const auto settings = ask(caller, "/" + http::percent_encode(name) + "/_settings", http::Method::get);
  if (!settings) {
    // Many who write may not see the settings. The cluster refuses a document whose default pipeline is kept
    // here, since it has none of that name, so nothing gets in without its vector.
    if (settings.error().status == 403) return Names{};
    return settings.error();
  }
  if (!settings->IsObject() || settings->ObjectEmpty()) return of_template(caller, name);
  std::string target(json::text_or_empty(settings->MemberBegin()->name));
  if (settings->MemberCount() > 1) {
    auto chosen = write_index(caller, name, *settings);
    if (!chosen) return chosen.error();
    target = std::move(*chosen);
  }
  const auto found = settings->FindMember(rapidjson::Value(rapidjson::StringRef(target.data(), target.size())));
  return found == settings->MemberEnd() ? Names{} : names_in(found->value, target);
}

Answer<IndexPipelines::Names> IndexPipelines::of(const Caller& caller, const std::string& name) {
  if (name.empty() || name.find_first_of("*,") != std::string::npos || name.front() == '_') return Names{};
  return cache_.look_up(caller.key() + "/" + name, [&] {
    auto names = look_up(caller, name);
    if (names && names->index.empty()) names->index = name;
    return names;
  });
}

Answer<std::vector<IndexPipelines::Names>> IndexPipelines::all(const Caller& caller, const std::string& expression,
                                                               const std::string& query) {
  const auto settings = ask(caller, "/" + http::percent_encode(expression) + "/_settings", http::Method::get, query);
  if (!settings) return settings.error();
  std::vector<Names> found;
  if (!settings->IsObject()) return found;
  for (const auto& member : settings->GetObject()) {
    found.push_back(names_in(member.value, json::text_or_empty(member.name)));
  }
  return found;
}

}  // namespace sightline::elastic
