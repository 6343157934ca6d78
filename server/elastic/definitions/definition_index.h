// Where inference endpoints and ingest pipelines are stored: as documents of a hidden index, behind the store.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/caller.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Name of the hidden index. It holds secret parameters, so the front refuses requests that address it.
constexpr std::string_view k_definition_index = ".sightline";

/// Of one kind; a search gives no more at once.
constexpr std::size_t k_most_definitions = 10'000;
/// Of one definition: those of a kind are read together where they are listed.
constexpr std::size_t k_max_definition_bytes = 1u << 20;

/// Reads and writes definitions through Store::handle alone, so that they live where the documents live: a
/// front keeps no state, and any number of them may work on one store. Documents: `_id` "endpoint:clip",
/// `{"kind":"endpoint","name":"clip","config":"{...}","secrets":"...","guarded":true,"created":N,"modified":N}`;
/// the config is JSON in a string, so that no mapping grows from it; times are milliseconds since 1970. Every
/// change names the version that it was made from, so that none is lost when several fronts change one
/// definition. Every member blocks on the store, which is asked as the caller. Errors: those of the store,
/// naming the index; a store that cannot tell is never taken for one that has nothing. Thread safety: all
/// members may be called from any thread.
class DefinitionIndex {
 public:
  enum class Kind { endpoint, pipeline };
  /// What a definition says. `secrets` is any text of the caller, stored beside the config.
  struct Content {
    std::string config;  ///< JSON
    std::string secrets = {};
    bool guarded = false;  ///< of a pipeline: see Pipeline::guarded
  };
  struct Definition : Content {
    std::string name;
    std::int64_t created = 0, modified = 0;
    std::int64_t seq_no = -1, primary_term = 0;  ///< its version; not set in a list
  };
  /// Makes the new content from what is there (null: nothing). May be called again, if another front was
  /// quicker.
  using Change = std::function<Answer<Content>(const Definition* old)>;

  explicit DefinitionIndex(Store& store) : store_(store) {}

  Answer<std::optional<Definition>> get(const Caller& caller, Kind kind, const std::string& name);
  /// All of a kind, by name. More than a search can give at once (k_most_definitions) are an error.
  Answer<std::vector<Definition>> list(const Caller& caller, Kind kind);
  /// Adds a definition; false if there is one of that name. Errors, here and of `change`: also 400 if there are
  /// k_most_definitions of that kind already (fronts that add at the same moment may exceed it by a few), if it has
  /// more than k_max_definition_bytes, if the name is not UTF-8, or if the config could not be read again.
  Answer<bool> create(const Caller& caller, Kind kind, const std::string& name, const Content& content);
  /// Adds or replaces, keeping when it was created. Errors: also those of `change`; 409 if others keep
  /// changing it.
  Refusal change(const Caller& caller, Kind kind, const std::string& name, const Change& change);
  /// What the store says against writes of the caller, by a write that cannot succeed. For work that must not begin for
  /// just anyone, as it has effects elsewhere.
  Refusal refuse_writer(const Caller& caller, Kind kind, const std::string& name);
  /// 400 if a definition could not be found or read again (its name is not UTF-8, its config is no JSON that is read), or
  /// would have more than k_max_definition_bytes. `old`: what it replaces, which may have been larger in an earlier
  /// version; null: nothing.
  static Refusal refuse_content(Kind kind, const std::string& name, const Content& content,
                                const Content* old = nullptr);
  /// False if there was none.
  Answer<bool> remove(const Caller& caller, Kind kind, const std::string& name);

 private:
  Refusal ensure_index(const Caller& caller);
  Answer<std::int64_t> count(const Caller& caller, Kind kind);
  Refusal refuse_one_more(const Caller& caller, Kind kind, const std::string& name);
  /// Writes over the version that `definition` names, or where there is nothing.
  http::Response write(const Caller& caller, Kind kind, const Definition& definition);

  Store& store_;
};

/// An error as Elasticsearch writes it, its causes included. `status` 0: that which goes with its type.
ElasticError read_error(const rapidjson::Value& error, int status);

/// The error that a store's answer of status >= 400 holds.
ElasticError error_in(const http::Response& response);

/// A request to the store for a caller, with a JSON body if `body` is not empty.
http::Request store_request(const Caller& caller, http::Method method, std::string path, std::string query = {},
                            std::string body = {});

http::Response json_response(std::string body, int status = 200);

}  // namespace sightline::elastic
