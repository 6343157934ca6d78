// Documents of `_ingest/pipeline/_simulate`, and what has become of them.
#pragma once

#include <cstddef>
#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <utility>
#include <vector>

#include "server/elastic/pipelines/ingest_service.h"

namespace sightline::elastic {

/// The documents of a `_simulate`, in parts: a small one takes kilobytes while it is held, and a body may have
/// hundreds of thousands.
class SimulatedDocuments {
 public:
  using Part = std::vector<std::unique_ptr<IngestDocument>>;

  /// Checks all of `{"docs":[{"_index":...,"_id":...,"_routing":...,"_source":{...}}]}`, which must outlive this.
  static Answer<SimulatedDocuments> read(const rapidjson::Value& body);

  bool at_end() const { return next_ == list_->Size(); }
  Part next_part();

 private:
  explicit SimulatedDocuments(const rapidjson::Value& list) : list_(&list) {}

  const rapidjson::Value* list_;
  rapidjson::SizeType next_ = 0;
};

/// `{"docs":[{"doc":{...}},{"error":{...}},null]}`: done, failed, dropped.
class SimulatedAnswer {
 public:
  explicit SimulatedAnswer(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// False if the answer would be larger than `max_bytes`.
  bool add(const std::vector<IngestTask>& tasks);
  std::string take() { return std::move(json_) + "]}"; }

 private:
  const std::size_t max_bytes_;
  std::string json_ = "{\"docs\":[";
};

}  // namespace sightline::elastic
