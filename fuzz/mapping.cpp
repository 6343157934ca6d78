// A mapping and a document for it, in two parts.
#include "fuzz/target.h"
#include "server/elastic/local/document_parser.h"
#include "server/elastic/local/mapping.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [mapping_text, document] = fuzz::halves_of(fuzz::text_of(data, size));
  auto mapping = elastic::Mapping::parse_text(mapping_text);
  if (!mapping) {
    mapping.error().envelope_json();
    mapping = elastic::Mapping::parse_text("{}");
  }
  const auto shared = std::make_shared<const elastic::Mapping>(*std::move(mapping));
  for (const bool cut_vectors : {true, false}) {
    const auto prepared = elastic::prepare_document(document, "1", shared, cut_vectors);
    if (!prepared)
      prepared.error().envelope_json();
    else if (cut_vectors)
      fuzz::require(elastic::with_vectors(prepared->source, prepared->vectors) == document, "vectors are put back");
  }
  return 0;
}
