// The steps of a pipeline.
#pragma once

#include <functional>
#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/ingest/ingest_document.h"

namespace sightline::elastic {

/// What an `inference` processor does: the texts of all input fields go to the endpoint in one call, the
/// vectors into the output fields, and the endpoint's id beside the first of them.
struct InferenceStep {
  struct Field {
    std::string input, output;
  };
  std::string model_id;
  std::vector<Field> fields;
  bool ignore_missing = false;

  /// The texts to send, views into the document. None: nothing is to be done, because no field so far is
  /// there. An empty text stands for a field that is missing, if that is ignored. Errors: a field that is
  /// missing, or no text.
  Answer<std::vector<std::string_view>> inputs(const IngestDocument& document) const;
  /// Writes the vectors: onto what the output fields hold already, as Elasticsearch does.
  Refusal write(IngestDocument& document, const std::vector<std::vector<float>>& vectors) const;
};

/// Changes a document in place.
using DocumentStep = std::function<Refusal(IngestDocument&)>;

struct Processor {
  std::string type, tag;
  bool ignore_failure = false;
  std::vector<Processor> on_failure;  ///< run instead of giving up; empty: give up
  std::variant<DocumentStep, InferenceStep> step;
};

/// Reads a list of processors: `[{"set": {...}}, ...]`. The JSON must live as long as the processors.
/// Known: inference, set, remove, rename, fail, drop. Errors: 400 parse_exception as Elasticsearch words
/// them, with processor_type and property_name beside them.
Answer<std::vector<Processor>> parse_processors(const rapidjson::Value& list);

/// 400 parse_exception about one property: "[field] required property is missing".
ElasticError property_error(std::string_view property, const std::string& what, std::string_view type = {},
                            std::string_view tag = {});

/// The double whose shortest decimal text is that of the float: written as JSON it reads 0.1 and not
/// 0.10000000149011612, and read as float32 it is the same number.
double shortest_double(float value);

}  // namespace sightline::elastic
