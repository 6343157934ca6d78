// Bodies of _bulk.
#include "fuzz/target.h"
#include "server/elastic/rest/bulk_reader.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  elastic::BulkReader reader(fuzz::text_of(data, size), "index");
  for (;;) {
    const auto item = reader.next();
    if (!item) {
      item.error().envelope_json();
      return 0;
    }
    if (*item == nullptr) return 0;
    (*item)->action_after_pipelines("other", (*item)->id, (*item)->routing);
  }
}
