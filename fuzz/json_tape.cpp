// The tape of the Elasticsearch side, filters, and error messages in Elasticsearch's format.
#include "server/elastic/rest/json_tape.h"

#include "base/json/document.h"
#include "base/json/value_count.h"
#include "fuzz/target.h"
#include "server/elastic/rest/json_filter.h"

using namespace sightline;
using elastic::rest::JsonTape;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto tape = JsonTape::parse(text);
  const auto document = elastic::rest::parse_as_written(text);
  fuzz::require(tape.ok() == document.ok(), "tape and document take the same texts");
  if (!tape) {
    rapidjson::Document error;
    fuzz::require(!json::read_document(tape.error().envelope_json(), error), "an error is JSON");
    return 0;
  }
  const std::size_t counted = json::count_values(text, SIZE_MAX, SIZE_MAX).all;
  fuzz::require(counted + 1 >= tape->size(), "no values go uncounted");
  elastic::rest::SourceFilter filter;
  filter.includes = {"a", "*.b", "c*"};
  filter.excludes = {"a.d"};
  elastic::rest::filter_source(text, filter);
  return 0;
}
