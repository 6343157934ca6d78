// Where inference endpoints and ingest pipelines are kept: as documents of a hidden index, behind the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/caller.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Name of the hidden index. It holds secret parameters, so the front lets nobody address it from outside.
constexpr std::string_view k_definition_index = ".sightline";

/// Reads and writes definitions through Store::handle alone, so that they live where the documents live: a
/// front keeps no state, and any number of them may work on one store. Documents: `_id` "endpoint:clip",
/// `{"kind":"endpoint","name":"clip","config":"{...}","created":N,"modified":N}`; the config is JSON in a
/// string, so that no mapping grows from it; times are milliseconds since 1970. Every member blocks on the
/// store, which is asked as the caller. Errors: those of the store. Thread safety: all members may be called
/// from any thread.
class DefinitionIndex {
 public:
  enum class Kind { endpoint, pipeline };
  struct Definition {
    std::string name;
    std::string config;  ///< JSON
    std::int64_t created = 0, modified = 0;
  };

  explicit DefinitionIndex(Store& store) : store_(store) {}

  Answer<std::optional<Definition>> get(const Caller& caller, Kind kind, const std::string& name);
  /// All of a kind, by name.
  Answer<std::vector<Definition>> list(const Caller& caller, Kind kind);
  /// Adds a definition; false if there is one of that name.
  Answer<bool> create(const Caller& caller, Kind kind, const std::string& name, const std::string& config);
  /// Adds or replaces.
  Refusal put(const Caller& caller, Kind kind, const std::string& name, const std::string& config);
  /// False if there was none.
  Answer<bool> remove(const Caller& caller, Kind kind, const std::string& name);

 private:
  Refusal ensure_index(const Caller& caller);
  http::Response write(const Caller& caller, const char* action, Kind kind, const Definition& definition);

  Store& store_;
};

/// The error that a store's answer of status >= 400 holds.
ElasticError error_in(const http::Response& response);

/// A request to the store for a caller, with a JSON body if `body` is not empty.
http::Request store_request(const Caller& caller, http::Method method, std::string path,
                            std::string query = {}, std::string body = {});

http::Response json_response(std::string body, int status = 200);

}  // namespace sightline::elastic
