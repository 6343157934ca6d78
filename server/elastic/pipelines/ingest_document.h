// A document on its way through a pipeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <utility>

#include "server/elastic/elastic_error.h"
#include "server/elastic/limits.h"
#include "server/http/buffer_budget.h"

namespace sightline::elastic {

constexpr std::size_t k_members_per_step = 64;   ///< that a lookup passes, and that count as a step
constexpr std::size_t k_bytes_per_step = 1'024;  ///< that are copied, likewise

/// What pipelines may make of a document, in memory: a number takes 16 bytes, a text as many as it has in
/// JSON.
struct DocumentBounds {
  std::size_t max_bytes = Limits().max_pipeline_document_bytes;  ///< one that came larger may grow by 1 MB
  std::shared_ptr<http::BufferBudget> growth = {};               ///< of all documents together; null: no bound
};

/// Source, metadata and ingest metadata of one document, and paths into them as Elasticsearch's
/// IngestDocument reads them: names with dots between ("user.name", "tags.0"), `_source.` before them or not;
/// `_index`, `_id`, `_routing`, `_version` are the metadata, `_ingest.` leads to `_ingest.timestamp` and the
/// like. Numbers are what json::Numbers::as_written has: what no processor touches leaves as it came, digit
/// by digit. Errors of all paths: illegal_argument_exception with Elasticsearch's texts. Thread safety: none;
/// one thread at a time.
class IngestDocument {
 public:
  using Value = rapidjson::Value;
  using Allocator = rapidjson::Document::AllocatorType;

  struct Metadata {
    std::string index;
    std::optional<std::string> id;
    std::optional<std::string> routing;
  };

  /// `source` must be an object, read with json::Numbers::as_written. A text that its strings are borrowed
  /// from must outlive the document.
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
  /// Removes the value at `from` and puts it at `to`, which may lie inside or above where it was. Errors: those of both;
  /// the document is then as it was.
  Refusal move(std::string_view from, std::string_view to);

  // ---- time; a pipeline counts its steps, and the document what makes one longer than others

  /// Starts a count of steps, of which there may be `most`. Without this there is no bound.
  void allow_steps(std::size_t most);
  /// Counts so many steps, or the share of one that looking at members and copying bytes takes: k_members_per_step,
  /// k_bytes_per_step.
  void count_steps(std::size_t steps) const;
  void count_members(std::size_t members) const;
  void count_bytes(std::size_t bytes) const;
  /// True if more was counted than is allowed. From then on no path is followed any further: `get`, `set`, `append`
  /// and `remove` fail at once, so that not even a single long step goes on.
  bool is_out_of_steps() const { return work_ > max_work_; }

  // ---- memory; a pipeline's step takes room before it makes a value

  void bound(DocumentBounds bounds);
  /// What is left for new values, in bytes.
  std::size_t room();
  /// The same after what was overwritten or removed is no longer counted, which takes time.
  std::size_t exact_room();
  /// Nothing if there is room for so much more. Errors: 400 where the document would be too large, 429 where
  /// all documents together would.
  Refusal take_room(std::size_t bytes);
  /// Copies for `set` and `append`. Errors: those of take_room.
  Answer<Value> copy_of(const Value& value);
  Answer<Value> text_value(std::string_view text);
  /// Gives memory back that overwritten values have left behind, once it is much. Values got before are no
  /// longer good.
  void tidy();
  /// What the document is charged with in DocumentBounds::growth, for whoever keeps its text.
  std::unique_ptr<const http::BufferShare> take_share() { return std::move(share_); }

  Allocator& allocator() { return source_.GetAllocator(); }
  Value string_value(std::string_view text);
  const Value& source() const { return source_; }
  Value& mutable_source() { return source_; }
  Value& mutable_ingest_metadata() { return ingest_; }
  void append_source(std::string& json) const;
  std::string source_json() const;
  const Value& ingest_metadata() const { return ingest_; }
  /// As a pipeline may have changed it.
  Metadata metadata() const;

  /// Puts in place of source and metadata what another engine has made of them. Of `_ingest` stays what this one says
  /// of its run (`is_of_run`); `ingest`, in the allocator of `source`, has the other members. Null: all stay.
  void replace(const Metadata& metadata, rapidjson::Document source, const Value& ingest = {});

  /// A `drop` processor has taken the document out.
  bool dropped = false;
  /// A `terminate` processor has ended the pipeline that runs now.
  bool terminated = false;

 private:
  /// A member or an item of `parent`.
  struct Place {
    Value* parent;
    rapidjson::SizeType index;
  };
  Answer<Place> place_of(std::string_view path);
  void erase(const Place& place);
  void insert(const Place& place, Value name, Value value);
  /// As `set`; the value is moved if there is no error.
  Refusal put(std::string_view path, Value& value);
  Answer<Value*> step(Value& parent, std::string_view name, std::string_view path) const;
  Value::MemberIterator find(Value& object, std::string_view name) const;
  Refusal refuse_if_out_of_steps() const;
  void put_metadata(const Metadata& metadata);
  std::size_t allowed() const;
  void recount();
  void compact();

  rapidjson::Document source_;
  Value metadata_, ingest_;  // in the source's allocator
  DocumentBounds bounds_;
  std::unique_ptr<http::BufferShare> share_;  // null: charged with nothing
  std::size_t came_with_ = 0;                 // bytes, borrowed ones too
  std::size_t holds_ = 0;                     // bytes; since `recount` only what was added
  std::size_t tidied_ = 0;                    // the allocator's size when it was last looked at
  mutable std::uint64_t work_ = 0;            // in members
  std::uint64_t max_work_ = std::numeric_limits<std::uint64_t>::max();
  std::size_t max_steps_ = 0;  // for the error
};

/// True for the members of `_ingest` that tell of a run: its time, its pipeline and its failure. Those that processors
/// set are not among them.
bool is_of_run(std::string_view ingest_member);

/// 400: a document ran through more than `most` steps of pipelines.
ElasticError too_many_steps(std::size_t most);

/// What Elasticsearch's parser makes of a value, as its messages name it: "java.lang.Double".
const char* java_class(const rapidjson::Value& value);

/// Bytes that a text takes in JSON, without its quotes.
std::size_t json_size(std::string_view text);

/// "2026-09-01T10:00:00.123456789Z", now.
std::string ingest_timestamp();

}  // namespace sightline::elastic
