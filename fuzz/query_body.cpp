// Bodies of _search and _count: the embedded store's readers, and the front's search for query vector builders. And
// ES|QL, in which the front searches for endpoints.
#include "fuzz/target.h"
#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/query_vectors/esql_embeddings.h"
#include "server/elastic/query_vectors/query_vector_builder.h"
#include "server/elastic/query_vectors/search_scan.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = fuzz::text_of(data, size);
  const elastic::Limits limits;
  const auto search = elastic::answer_of([&] { return elastic::parse_search(body, {}, limits); });
  if (!search) search.error().envelope_json();
  const auto query = elastic::answer_of([&] { return elastic::parse_query_body(body, limits); });
  if (!query) query.error().envelope_json();
  elastic::scan_search(body);
  elastic::read_query_vector_builder(body);
  elastic::embedding_endpoints_in(body);
  return 0;
}
