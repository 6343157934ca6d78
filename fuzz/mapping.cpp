// A mapping and a document for it, in two parts.
#include "server/elastic/embedded/mapping.h"

#include "fuzz/target.h"
#include "server/elastic/embedded/document_parser.h"
#include "server/elastic/embedded/failures.h"

using namespace sightline;

namespace {

/// Restored vectors have the shortest digits of their floats, whatever digits the source had. Read again, the document
/// is the same.
void check_that_vectors_are_put_back(const elastic::PreparedDocument& prepared,
                                     const std::shared_ptr<const elastic::Mapping>& mapping) {
  const std::string whole = elastic::with_vectors(prepared.source, prepared.vectors);
  elastic::GrowingMapping growing(mapping);
  const auto again = elastic::answer_of([&] { return elastic::prepare_document(whole, "1", growing, true); });
  fuzz::require(again.ok(), "a document whose vectors are put back is one");
  fuzz::require(again->source == prepared.source, "nothing else changes");
  fuzz::require(elastic::with_vectors(again->source, again->vectors) == whole, "vectors are put back");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto halves = fuzz::halves_of(fuzz::text_of(data, size));
  auto mapping = elastic::Mapping::parse_text(halves.first);
  if (!mapping) {
    mapping.error().envelope_json();
    mapping = elastic::Mapping::parse_text("{}");
  }
  const auto shared = std::make_shared<const elastic::Mapping>(*std::move(mapping));
  for (const bool cut_vectors : {true, false}) {
    elastic::GrowingMapping growing(shared);
    const auto prepared =
        elastic::answer_of([&] { return elastic::prepare_document(halves.second, "1", growing, cut_vectors); });
    growing.take_back();
    fuzz::require(growing->size() == shared->size() && growing->to_json() == shared->to_json(),
                  "what a document added to the mapping is taken back");
    if (!prepared)
      prepared.error().envelope_json();
    else if (cut_vectors)
      check_that_vectors_are_put_back(*prepared, shared);
  }
  return 0;
}
