// Documents of `_ingest/pipeline/_simulate`, and what has become of them.
#pragma once

#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "server/elastic/pipelines/ingest_service.h"

namespace sightline::elastic {

using SimulatedDocuments = std::vector<std::unique_ptr<IngestDocument>>;

/// Reads `{"docs":[{"_index":...,"_id":...,"_routing":...,"_source":{...}}]}`.
Answer<SimulatedDocuments> read_simulated_documents(const rapidjson::Value& body);

/// `{"docs":[{"doc":{...}},{"error":{...}},null]}`: done, failed, dropped.
std::string simulated_json(const std::vector<IngestTask>& tasks);

}  // namespace sightline::elastic
