// The Elasticsearch cluster that pictures are loaded into.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/bulk.h"
#include "server/http/client.h"

namespace sightline::ingest {

/// Where the cluster is and who we are there.
struct ClusterSettings {
  /// A user and a password in it are used where there is neither `api_key` nor `user`.
  std::string url;
  std::string api_key;         ///< sent as `Authorization: ApiKey ...`
  std::string user, password;  ///< else as basic authentication
  std::string ca_file;         ///< PEM of a private certificate authority
  int max_connections = 8;
  std::chrono::milliseconds bulk_timeout{600'000};  ///< for one bulk: its pictures are embedded before it is answered

  /// Reads ELASTICSEARCH_URL, _API_KEY, _USER, _PASSWORD, _CA_FILE, else ES_LOCAL_URL and ES_LOCAL_API_KEY,
  /// from the environment or `env_file`. The URL defaults to http://127.0.0.1:9200.
  static Result<ClusterSettings> read(const std::filesystem::path& env_file);
};

/// Whether the same request may succeed later: there was no answer, or the cluster or a proxy before it was not ready.
bool may_pass(const Error& error);
/// The same, but something listens at the address.
bool is_not_ready(const Error& error);

/// Speaks Elasticsearch's REST API. Errors of all members: not_found (403, 404: it is not there, or the credentials
/// lack the privilege); too_large (413); those of `may_pass`; invalid_argument (any other refusal). Thread safety: all
/// members may be called from any thread.
class Cluster {
 public:
  static Result<std::unique_ptr<Cluster>> connect(const ClusterSettings& settings);

  /// What an index has to do with us.
  struct IndexState {
    bool exists = false;
    std::string read_from;         ///< the name asked about; of several indices behind it the one written to
    std::string default_pipeline;  ///< empty: none
    std::string final_pipeline;    ///< runs after any other, whatever a bulk says; empty: none
    std::string id;                ///< of the index read from: another one of that name has another
    std::vector<std::string> ids;  ///< of all indices behind the name
  };
  Result<IndexState> index_state(const std::string& index);

  /// What the index holds under each of `ids`, seen in real time (also what no refresh has shown yet), without the
  /// fields `left_out`. Vectors are there, although Elasticsearch leaves them out of what searches show. A document that
  /// is not read, as its shard fails, has an error of its own.
  /// Errors of all: too_large, unsupported (a document is nested too deeply to be read): ask for fewer.
  Result<std::vector<Result<StoredDocument>>> read_documents(const std::string& index,
                                                             const std::vector<std::string>& ids,
                                                             const std::vector<std::string>& left_out);

  /// What a pipeline does to fields, also through the pipelines that it calls.
  struct PipelineFields {
    std::vector<std::string> inferred;  ///< written by its inference processors
    std::vector<std::string> removed;   ///< by `remove` processors, perhaps before they are written again
    /// One input of an `inference` processor and where its result ends up, also after it is renamed.
    struct Inference {
      std::string input, output;
      std::size_t processor = 0;  ///< counted over all of them
    };
    std::vector<Inference> inferences;  ///< in order
  };
  /// Of pipelines that are not there: none.
  Result<PipelineFields> pipeline_fields(const std::vector<std::string>& pipelines);

  /// The index's mapping as JSON: `{"properties":{...}}`.
  Result<std::string> mapping(const std::string& index);
  /// Adds to it: `properties` is a JSON object.
  Status add_to_mapping(const std::string& index, const std::string& properties);

  /// Makes an index; `body` is a JSON object of settings and mappings. One that is there by now is no error.
  Status create_index(const std::string& index, const std::string& body);
  /// The ids of the documents, up to 10,000, whose keyword `field` is `value`, as of the last refresh.
  Result<std::vector<std::string>> find_ids(const std::string& index, const std::string& field,
                                            const std::string& value);

  Status refresh(const std::string& index);
  Result<std::uint64_t> count(const std::string& index);

  /// Sends one bulk body. `answered` runs on the client's thread.
  void send_bulk(const std::string& index, const std::string& pipeline, std::string body,
                 std::function<void(Result<http::Response>)> answered);
  /// The same, and waits for what became of its actions, which are on the documents `ids`.
  Result<std::vector<BulkOutcome>> bulk(const std::string& index, std::string body,
                                        const std::vector<std::string>& ids);

 private:
  Result<std::string> index_written_to(const std::string& alias);
  explicit Cluster(ClusterSettings settings) : settings_(std::move(settings)) {}
  http::ClientRequest request(http::Method method, const std::string& path, std::string body = {}) const;
  http::ClientRequest bulk_request(const std::string& index, const std::string& pipeline, std::string body) const;
  /// Turns every status but those of `accepted` into an error with Elasticsearch's own reason.
  Result<http::Response> judged(Result<http::Response> response, const std::string& path,
                                const std::vector<int>& accepted) const;
  /// Sends, and turns every status but those of `accepted` into an error with Elasticsearch's own reason.
  Result<http::Response> exchange(http::Method method, const std::string& path, std::string body = {},
                                  const std::vector<int>& accepted = {200});

  ClusterSettings settings_;
  bool shows_vectors_ = true;  // it knows `_source_exclude_vectors` (9.2): before, sources have their vectors
  std::unique_ptr<http::Client> client_;
};

/// The readable part of an error body of Elasticsearch, of Sightline or of another server with OpenAI's API: a text
/// `error`, else `message`, `reason` or `detail` of the object `error` or of the whole, the innermost cause first, then
/// what is around it; else the body's beginning.
std::string reason_of(const std::string& body);

}  // namespace sightline::ingest
