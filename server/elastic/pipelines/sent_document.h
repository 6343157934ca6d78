// A document on its way to the cluster's processors and back.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/pipelines/ingest_document.h"

namespace sightline::elastic {

/// A document as `_simulate` gets it, and the numbers that do not come back as they were sent.
///
/// Elasticsearch's processors see a decimal as a double, and simulation prints it anew: 1.50 comes back as
/// 1.5, 1e5 as 100000.0, 0.1000000000000000055 as 0.1. `restore` writes each such number as the document
/// wrote it: one that is at its place still, and one that has another place now if the document wrote that
/// number in one way only. What another number came of is the cluster's answer.
///
/// An integer beyond 64 bits with their sign fails a simulation. A text goes in its place and moves where its
/// field moves. That is done only where no processor can look at it: none names the top field that it is in,
/// and none is a `pipeline` or a stored script, which can name anything. Else the integer goes as it is.
/// Thread safety: none; it refers to the document, which must stay as it is until `restore`.
class SentDocument {
 public:
  /// `processors`: the JSON of those that shall run on it, or of a condition.
  SentDocument(const IngestDocument& document, std::string_view processors);

  /// `{"_index":..,"_id":..,"_source":{..}}`.
  const std::string& json() const { return json_; }

  /// Puts numbers back into `source`, what the cluster has made of the document's, read with
  /// json::Numbers::as_written. Errors: a processor has changed the text that stood for an integer.
  Refusal restore(rapidjson::Value& source, IngestDocument::Allocator& allocator) const;

  /// `error`, or what the sender can do about it if it is that of an integer which simulation cannot show.
  ElasticError explained(ElasticError error) const;

 private:
  using Value = rapidjson::Value;
  class Restorer;

  void find_numbers(const Value& value, std::string_view top_field);
  void replace_large(std::string_view processors);

  const IngestDocument& document_;
  std::string json_;
  /// Decimals by what Elasticsearch prints for them: as they are written, null if in several ways.
  std::map<std::string, const Value*, std::less<>> decimals_;
  std::vector<const Value*> large_;        ///< integers beyond 64 bits with their sign
  std::vector<std::string> large_fields_;  ///< the top fields that they are in
  std::string mark_;                       ///< what the texts in place of them begin with; empty: there are none
};

}  // namespace sightline::elastic
