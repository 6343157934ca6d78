#include "server/elastic/inference/endpoints.h"

#include <optional>

#include "base/json/builder.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

/// What a definition's secrets are bound to: they go where its config says, and nowhere else.
std::string sealing_context(const std::string& id, const std::string& config) {
  return "endpoint:" + id + "\n" + config;
}

std::string secrets_json(const StringPairs& secrets) {
  json::Builder object;
  object.object();
  for (const auto& [name, secret] : secrets) object.member(name, secret);
  return object.text();
}

std::optional<StringPairs> read_secrets(const std::string& json) {
  const auto object = rest::parse_json(json);
  if (!object || !object->IsObject()) return {};
  StringPairs secrets;
  for (const auto& member : object->GetObject()) {
    if (!member.value.IsString()) return {};
    secrets.emplace_back(std::string(member.name.GetString(), member.name.GetStringLength()),
                         std::string(member.value.GetString(), member.value.GetStringLength()));
  }
  return secrets;
}

ElasticError secrets_closed(const std::string& id, const std::string& why) {
  return {500, "illegal_state_exception",
          "the secrets of inference endpoint [" + id + "] cannot be read: " + why +
              ". Start sightline-server with --secret-key-file and the key that encrypted them (on a line "
              "below the newest key), or delete the endpoint and create it again"};
}

}  // namespace

Answer<std::shared_ptr<const Endpoint>> endpoint_of(const DefinitionIndex::Definition& definition) {
  auto config = rest::parse_json(definition.config);
  if (!config) return config.error();
  auto endpoint = parse_endpoint(definition.name, {}, *config, SettingsSource::stored);
  if (!endpoint) return endpoint.error();
  return std::make_shared<const Endpoint>(std::move(*endpoint));
}

ElasticError endpoint_not_found(const std::string& id) {
  return {404, "resource_not_found_exception", "Inference endpoint not found [" + id + "]"};
}

Answer<std::shared_ptr<const Endpoint>> Endpoints::get(const Caller& caller, const std::string& id) {
  return cache_.look_up(caller.key() + "/" + id, [&]() -> Answer<std::shared_ptr<const Endpoint>> {
    const auto known = native_.knows(caller, id);
    if (!known) return known.error();
    if (*known) return std::shared_ptr<const Endpoint>();
    auto definition = index_.get(caller, DefinitionIndex::Kind::endpoint, id);
    if (!definition) return definition.error();
    if (!*definition) return std::shared_ptr<const Endpoint>();
    return opened(**definition);
  });
}

Answer<std::shared_ptr<const Endpoint>> Endpoints::shown(const Caller& caller, const std::string& id) {
  auto definition = index_.get(caller, DefinitionIndex::Kind::endpoint, id);
  if (!definition) return definition.error();
  if (!*definition) return std::shared_ptr<const Endpoint>();
  return endpoint_of(**definition);
}

Refusal Endpoints::refuse_secrets(const Endpoint& endpoint) const {
  if (endpoint.secrets.empty() || secret_box_ || clear_secrets_allowed_) return {};
  return ElasticError{
      400, "illegal_argument_exception",
      "the secrets ([secret_parameters], [api_key]) of inference endpoint [" + endpoint.id +
          "] cannot be stored: there is no key to encrypt them before they are sent to the cluster. Make "
          "one with [openssl rand -hex 32 > FILE], start sightline-server with [--secret-key-file FILE], and use "
          "the same file for all gateways of this cluster; or use a [custom] endpoint without "
          "[secret_parameters]"};
}

Answer<DefinitionIndex::Content> Endpoints::sealed(const Endpoint& endpoint) const {
  if (Refusal refusal = refuse_secrets(endpoint)) return *refusal;
  if (endpoint.secrets.empty() || !secret_box_) return DefinitionIndex::Content{endpoint_json(endpoint, true)};
  Endpoint bare = endpoint;
  bare.secrets.clear();
  DefinitionIndex::Content content{endpoint_json(bare, true)};
  auto secrets = secret_box_->seal(secrets_json(endpoint.secrets), sealing_context(endpoint.id, content.config));
  if (!secrets) return ElasticError{500, "illegal_state_exception", secrets.error().message};
  content.secrets = std::move(*secrets);
  return content;
}

Answer<std::shared_ptr<const Endpoint>> Endpoints::opened(const DefinitionIndex::Definition& definition) const {
  auto endpoint = endpoint_of(definition);
  if (!endpoint || definition.secrets.empty()) return endpoint;
  const std::string& id = definition.name;
  if (!secret_box_) return secrets_closed(id, "they are encrypted, and sightline-server was started without a key");
  const auto json = secret_box_->open(definition.secrets, sealing_context(id, definition.config));
  if (!json) {
    return secrets_closed(
        id, json.error().message + ": the key was changed or lost, or the endpoint was modified in the index");
  }
  auto secrets = read_secrets(*json);
  if (!secrets) return secrets_closed(id, "another version of Sightline wrote them");
  Endpoint whole = **endpoint;
  whole.secrets = std::move(*secrets);
  return std::make_shared<const Endpoint>(std::move(whole));
}

Refusal Endpoints::refuse_to_store(const Caller& caller, const Endpoint& endpoint, const Endpoint* old) {
  const auto content = sealed(endpoint);
  if (!content) return content.error();
  const auto old_content = old ? sealed(*old) : content;
  if (!old_content) return old_content.error();
  constexpr auto kind = DefinitionIndex::Kind::endpoint;
  if (Refusal refusal = DefinitionIndex::refuse_content(kind, endpoint.id, *content, old ? &*old_content : nullptr))
    return refusal;
  return index_.refuse_writer(caller, kind, endpoint.id);
}

Answer<bool> Endpoints::create(const Caller& caller, const Endpoint& endpoint) {
  const auto content = sealed(endpoint);
  if (!content) return content.error();
  auto made = index_.create(caller, DefinitionIndex::Kind::endpoint, endpoint.id, *content);
  cache_.forget();
  return made;
}

Answer<Endpoint> Endpoints::change(const Caller& caller, const std::string& id, const Change& change) {
  std::optional<Endpoint> kept;
  const Refusal refusal =
      index_.change(caller, DefinitionIndex::Kind::endpoint, id,
                    [&](const DefinitionIndex::Definition* old) -> Answer<DefinitionIndex::Content> {
                      if (!old) return endpoint_not_found(id);
                      const auto before = opened(*old);
                      if (!before) return before.error();
                      auto after = change(**before);
                      if (!after) return after.error();
                      kept = std::move(*after);
                      return sealed(*kept);
                    });
  cache_.forget();
  if (refusal) return *refusal;
  return std::move(*kept);
}

Answer<bool> Endpoints::remove(const Caller& caller, const std::string& id) {
  auto removed = index_.remove(caller, DefinitionIndex::Kind::endpoint, id);
  cache_.forget();
  return removed;
}

}  // namespace sightline::elastic
