// The steps of a pipeline.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/pipelines/ingest_document.h"
#include "server/elastic/pipelines/template.h"

namespace sightline::elastic {

/// What an `inference` processor does: the texts of the input fields go to the endpoint in one call, the
/// vectors into the output fields, and the endpoint's id beside the first of them. A field that is missing,
/// where that is ignored, or null takes no part: its output stays as it is. Elasticsearch sends an empty text
/// for it instead, unless it is the first, and stores what the endpoint makes of that; one that takes
/// pictures alone refuses it, and the document with it.
struct InferenceStep {
  struct Field {
    std::string input, output;
  };
  std::string model_id;
  std::vector<Field> fields;
  bool ignore_missing = false;

  /// The texts to send, views into the document; none if no field is there. Errors: a field that is missing,
  /// or no text.
  Answer<std::vector<std::string_view>> inputs(const IngestDocument& document) const;
  /// Writes the vectors, one for each of `inputs`, which the document still holds: onto what the output
  /// fields hold already, as Elasticsearch does.
  Refusal write(IngestDocument& document, const std::vector<std::vector<float>>& vectors) const;

 private:
  /// The fields that take part.
  Answer<std::vector<const Field*>> present(const IngestDocument& document) const;
};

/// Runs another pipeline in its place.
struct PipelineStep {
  Template name;
  bool ignore_missing = false;
};

/// A processor that cannot be run here. A cluster behind the front runs it; without one `refusal` is the
/// answer to whoever wants to store it.
struct ForeignStep {
  ElasticError refusal;
};

/// Changes a document in place.
using DocumentStep = std::function<Refusal(IngestDocument&)>;

struct Processor {
  std::string type, tag;
  const rapidjson::Value* options = nullptr;  ///< what stands behind the type, as it was given
  std::string condition;                      ///< JSON of `if`, a script that only a cluster runs; empty: none
  bool ignore_failure = false;
  std::vector<Processor> on_failure;  ///< run instead of giving up; empty: give up
  std::variant<DocumentStep, InferenceStep, PipelineStep, ForeignStep> step;

  /// True if its `on_failure` list holds what a cluster may not be able to run, so that it cannot leave this
  /// server along with the processor.
  bool needs_rescue_here() const;
};

/// Reads a list of processors: `[{"set": {...}}, ...]`. The JSON, read with json::Numbers::as_written, must
/// live as long as the processors.
/// Run here: inference, pipeline, set, remove, rename, fail, drop, terminate; all else, and what is wrong in
/// one of these, becomes a ForeignStep whose refusal is a 400 parse_exception as Elasticsearch words it, with
/// processor_type and property_name beside it. Errors: a list that is none.
Answer<std::vector<Processor>> parse_processors(const rapidjson::Value& list);

/// Calls `visit` for every processor, those of `on_failure` lists (before their owner) too.
void visit_processors(const std::vector<Processor>& processors, const std::function<void(const Processor&)>& visit);

/// Why a processor with an `if` cannot run where no cluster evaluates it.
ElasticError condition_refusal(const Processor& processor);

/// 400 parse_exception about one property: "[field] required property is missing".
ElasticError property_error(std::string_view property, const std::string& what, std::string_view type = {},
                            std::string_view tag = {});

}  // namespace sightline::elastic
