// The inference endpoints that are stored here, ready to use.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/timer.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/definitions/short_cache.h"
#include "server/elastic/inference/endpoint.h"
#include "server/elastic/inference/native_inference.h"
#include "server/security/secret_box.h"

namespace sightline::elastic {

/// The endpoints of DefinitionIndex, parsed, and cached for a second for each caller. Blocks on the store when it
/// must be read. Thread safety: all members may be called from any thread.
///
/// Secrets: with a box, the `secret_parameters` or the `api_key` of endpoints are stored encrypted and the rest in
/// clear. They open only for the endpoint, and with the settings, that they were given with: whoever writes
/// to the index cannot send them elsewhere. Without a box an embedded store, whose files are the operator's,
/// stores them in clear; a cluster, which others read too, is not given any.
class Endpoints {
 public:
  /// `secret_box` may be null, else it must outlive this.
  Endpoints(Store& store, const Timer& timer, NativeInference& native, const security::SecretBox* secret_box = nullptr)
      : index_(store),
        native_(native),
        secret_box_(secret_box),
        clear_secrets_allowed_(!store.runs_pipelines()),
        cache_(timer) {}

  /// To be used here: null if there is none of that id, or if the store has one of that id and runs it
  /// itself. Errors: also 500 if its secrets do not open.
  Answer<std::shared_ptr<const Endpoint>> get(const Caller& caller, const std::string& id);
  /// To be shown: null if none of that id is stored here. As the index has it now, without its secrets.
  Answer<std::shared_ptr<const Endpoint>> shown(const Caller& caller, const std::string& id);

  /// Adds an endpoint; false if there is one of that id. Errors: also those of `refuse_to_store`.
  Answer<bool> create(const Caller& caller, const Endpoint& endpoint);
  /// Replaces an endpoint by what `change` makes of it, its secrets included; the result is what is stored.
  /// Errors: 404 if there is none, and those of `change`.
  using Change = std::function<Answer<Endpoint>(const Endpoint&)>;
  Answer<Endpoint> change(const Caller& caller, const std::string& id, const Change& change);
  /// False if there was none.
  Answer<bool> remove(const Caller& caller, const std::string& id);
  /// What refuses an endpoint before it is called: a caller who may not write it, secrets that must not be stored in
  /// clear and cannot be encrypted, too large a definition. `old`: what it replaces; null: nothing.
  Refusal refuse_to_store(const Caller& caller, const Endpoint& endpoint, const Endpoint* old = nullptr);

  DefinitionIndex& index() { return index_; }

 private:
  Refusal refuse_secrets(const Endpoint& endpoint) const;
  Answer<DefinitionIndex::Content> sealed(const Endpoint& endpoint) const;
  Answer<std::shared_ptr<const Endpoint>> opened(const DefinitionIndex::Definition& definition) const;

  DefinitionIndex index_;
  NativeInference& native_;
  const security::SecretBox* secret_box_;
  bool clear_secrets_allowed_;
  ShortCache<std::shared_ptr<const Endpoint>> cache_;
};

/// Reads a stored endpoint, without encrypted secrets. Errors: those of parsing, if another version wrote it.
Answer<std::shared_ptr<const Endpoint>> endpoint_of(const DefinitionIndex::Definition& definition);

/// 404, as Elasticsearch says it.
ElasticError endpoint_not_found(const std::string& id);

}  // namespace sightline::elastic
