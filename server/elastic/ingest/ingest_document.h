// A document on its way through a pipeline.
#pragma once

#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// Source, metadata and ingest metadata of one document, and paths into them as Elasticsearch's
/// IngestDocument reads them: names with dots between ("user.name", "tags.0"), `_source.` before them or not;
/// `_index`, `_id`, `_routing`, `_version` are the metadata, `_ingest.` leads to `_ingest.timestamp` and the
/// like. Errors of all paths: illegal_argument_exception with Elasticsearch's texts. Thread safety: none; one
/// thread at a time.
class IngestDocument {
 public:
  using Value = rapidjson::Value;
  using Allocator = rapidjson::Document::AllocatorType;

  struct Metadata {
    std::string index;
    std::optional<std::string> id;
    std::optional<std::string> routing;
  };

  /// `source` must be an object.
  IngestDocument(const Metadata& metadata, rapidjson::Document source);
  IngestDocument(const IngestDocument&) = delete;
  IngestDocument& operator=(const IngestDocument&) = delete;

  /// The value at the path; an error if there is none. It stays good until the document is changed.
  Answer<const Value*> get(std::string_view path) const;
  bool has(std::string_view path) const;
  /// Puts a value (made with `allocator()`) at the path, with objects on the way there where nothing is.
  Refusal set(std::string_view path, Value value);
  /// Adds to the list at the path; what is there and no list becomes its first item. A list is added item by
  /// item.
  Refusal append(std::string_view path, Value value);
  Refusal remove(std::string_view path);

  Allocator& allocator() { return source_.GetAllocator(); }
  Value string_value(std::string_view text) {
    return Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), source_.GetAllocator());
  }
  const Value& source() const { return source_; }
  Value& mutable_source() { return source_; }
  Value& mutable_ingest_metadata() { return ingest_; }
  std::string source_json() const;
  const Value& ingest_metadata() const { return ingest_; }
  /// As a pipeline may have changed it.
  Metadata metadata() const;

  /// Puts in place of source and metadata what another engine has made of them; `_ingest` stays.
  void replace(const Metadata& metadata, rapidjson::Document source);

  /// A `drop` processor has taken the document out.
  bool dropped = false;
  /// A `terminate` processor has ended the pipeline that runs now.
  bool terminated = false;

 private:
  void put_metadata(const Metadata& metadata);

  rapidjson::Document source_;
  Value metadata_, ingest_;  // in the source's allocator
};

/// "2026-09-01T10:00:00.123456789Z", now.
std::string ingest_timestamp();

}  // namespace sightline::elastic
