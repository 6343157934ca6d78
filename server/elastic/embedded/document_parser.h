// Turns the source of a document into values by field, and into what is stored.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/mapping.h"

namespace sightline::elastic {

/// A dense vector that is stored outside the source. To restore the source, insert `before`, the array and `after` at
/// `offset` of the stored text. Vectors with the same offset are inserted in their order.
struct CutVector {
  std::string path;
  std::size_t offset = 0;
  std::string before, after;  ///< the member's name, colon and comma as they were in the source
  std::vector<float> values;
};

/// A document that is ready to be written.
struct PreparedDocument {
  ParsedDocument values;
  std::string source;  ///< with the vectors cut out
  std::vector<CutVector> vectors;
};

/// Reads `source` by `mapping`. Unknown fields are added to it as Elasticsearch would add them, within `limits`; after
/// an error some may be there, to be taken back. `cut_vectors` false leaves vectors in the source
/// (index.mapping.exclude_source_vectors). Throws Refused: document_parsing_exception, illegal_argument_exception,
/// strict_dynamic_mapping_exception.
PreparedDocument prepare_document(std::string_view source, const std::string& id, GrowingMapping& mapping,
                                  bool cut_vectors, const MappingLimits& limits = {});

/// The source with its vectors put back.
std::string with_vectors(std::string_view source, const std::vector<CutVector>& vectors);

}  // namespace sightline::elastic
