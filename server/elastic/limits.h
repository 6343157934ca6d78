// What one request to the Elasticsearch side may cost: the one table of its limits.
#pragma once

#include <chrono>
#include <cstddef>

namespace sightline::elastic {

/// Each has an option of the server (docs/limits.md lists them), and is named in the error that it leads to.
struct Limits {
  std::size_t max_body_bytes = 100u << 20;   ///< of one request, decompressed; as http.max_content_length
  std::size_t max_json_values = 1'000'000;   ///< values and keys of one body; of a bulk: of one line
  std::size_t max_bulk_values = 10'000'000;  ///< of one bulk, or of a cluster's answer that is read here

  // answers
  std::size_t max_answer_bytes = 100u << 20;  ///< of one answer of our own
  std::size_t max_patterns = 1024;            ///< names in one list (_source, fields, h, ...); levels of filter_path

  // searches
  std::size_t max_clauses = 16'384;          ///< of one search; as indices.query.bool.max_clause_count
  std::size_t max_query_depth = 30;          ///< as indices.query.bool.max_nested_depth
  std::size_t max_query_values = 262'144;    ///< in all terms and ids queries of one search
  std::size_t max_knn_clauses = 100;         ///< of one search
  std::size_t max_knn_candidates = 100'000;  ///< num_candidates of all kNN clauses of one search together
  std::size_t max_sort_keys = 100;
  std::size_t max_aggregations = 256;
  std::size_t max_buckets = 65'536;          ///< of one answer; as search.max_buckets
  std::size_t max_searches = 1000;           ///< of one _msearch
  std::size_t max_scrolls = 500;             ///< and points in time, open at once; as search.max_open_scroll_context
  std::size_t max_scroll_bytes = 64u << 20;  ///< that all of them keep
  std::chrono::milliseconds max_keep_alive{86'400'000};  ///< as search.max_keep_alive

  // documents and indices
  std::size_t max_get_documents = 10'000;        ///< of one _mget
  std::size_t max_bulk_items = 500'000;          ///< of one _bulk
  std::size_t max_document_words = 1'000'000;    ///< in the text fields of one document
  std::size_t max_shards = 1000;                 ///< of all indices, replicas too; as cluster.max_shards_per_node
  std::size_t max_fields = 100'000;              ///< to which index.mapping.total_fields.limit may be raised
  std::size_t max_aliases = 1000;                ///< of one index
  std::size_t max_alias_changes = 10'000;        ///< of one request
  std::size_t max_definition_bytes = 16u << 20;  ///< of an index: settings, mapping and aliases as JSON

  // inference and pipelines
  std::size_t max_waiting_requests = 256;  ///< for an inference server or the cluster, at once
  /// Of one call of an inference server; longer ones that a request sets are cut to it.
  std::chrono::milliseconds max_inference_timeout{600'000};
  std::size_t max_pipeline_steps = 1'000'000;            ///< processors that one document may run through
  std::size_t max_pipeline_document_bytes = 100u << 20;  ///< that pipelines may make of one, in memory
  std::size_t max_pipeline_growth_bytes = 256u << 20;    ///< of all together, over what they came with
};

}  // namespace sightline::elastic
