// The body of an update, as far as pipelines care.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sightline::elastic {

/// `{"doc":{..},"doc_as_upsert":true,"upsert":{..},"detect_noop":true,...}`. All texts are JSON as written
/// and views of the body; empty if absent.
struct PartialUpdate {
  std::string_view doc, upsert, script, source;  ///< `source`: what `_source` says
  std::string_view if_seq_no, if_primary_term;
  bool doc_as_upsert = false;
  bool has_doc_as_upsert = false;  ///< the body says it, whatever it says
  bool detect_noop = true;

  /// Nothing if the body is no update that can be read: the store then says what is wrong.
  static std::optional<PartialUpdate> parse(std::string_view body);

  /// The document that is written if there is none yet; empty: none.
  std::string_view first_document() const { return doc_as_upsert ? doc : upsert; }

  /// The body of an update in `_bulk` after its first document went through pipelines. With doc_as_upsert
  /// both `doc` and `upsert` are that document, and the flag goes: Elasticsearch puts the pipeline's outcome
  /// over a document that is there already, and heeds the line's pipeline for `upsert` alone. `as_doc`: the
  /// document as it is put over one that is there, where no pipeline of the cluster runs.
  std::string with_first_document(std::string_view document, std::string_view as_doc) const;

 private:
  std::vector<std::pair<std::string_view, std::string_view>> members_;  // but doc_as_upsert; names with their quotes
};

}  // namespace sightline::elastic
