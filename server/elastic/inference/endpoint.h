// An inference endpoint of service `custom`: what PUT _inference stores.
#pragma once

#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/settings_reader.h"

namespace sightline::elastic {

/// Why a text is embedded. The internal kinds come from pipelines and queries; as in Elasticsearch no
/// translation knows them.
enum class InputType {
  unspecified,
  ingest,
  search,
  classification,
  clustering,
  internal_ingest,
  internal_search
};

/// "ingest", ...; nothing for words that a request may not use.
std::optional<InputType> input_type_of(std::string_view word);

/// A value of `task_settings.parameters`: JSON for the body, bare text for URLs and headers (strings only).
struct TaskParameter {
  std::string json;
  std::optional<std::string> text;
};
using TaskParameters = std::map<std::string, TaskParameter>;

/// Settings and their defaults are Elasticsearch's, see
/// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-inference-put-custom
struct Endpoint {
  std::string id;
  std::string task_type;  ///< "text_embedding"

  std::string url;  ///< may hold placeholders, as header values, parameter values and the request may
  StringPairs headers;
  StringPairs query_parameters;
  std::string request;                    ///< template of the JSON body
  std::string embeddings_path;            ///< response.json_parser.text_embeddings: "$.data[*].embedding"
  std::optional<std::string> similarity;  ///< cosine, dot_product, l2_norm
  std::optional<int> dimensions;          ///< measured when the endpoint is made
  std::optional<int> max_input_tokens;
  StringPairs translation;  ///< input_type.translation, e.g. {"ingest", "document"}
  std::string default_input_type;
  int requests_per_minute = 10'000;
  int batch_size = 10;            ///< kept for chunked inference, which is not part of this server
  StringPairs secrets;            ///< secret_parameters; never shown
  TaskParameters parameters;      ///< task_settings.parameters
  std::string chunking_settings;  ///< JSON, kept as given

  /// What ${input_type} stands for, without quotes.
  std::string translated(InputType type) const;
};

/// Reads the body of PUT _inference/{task_type}/{id}, or a stored endpoint. `task_type` is that of the path,
/// empty if it names none. Errors: those of Elasticsearch, for missing, wrong and unknown settings, unknown
/// services and task types.
Answer<Endpoint> parse_endpoint(std::string id, std::string task_type, const rapidjson::Value& body);

/// The endpoint as GET _inference shows it; `with_secrets` as it is stored.
std::string endpoint_json(const Endpoint& endpoint, bool with_secrets = false);

/// `task_settings` of a request or an endpoint: {"parameters": {...}}.
Answer<TaskParameters> parse_task_settings(const rapidjson::Value* task_settings);

}  // namespace sightline::elastic
