// Attributes of the loader, as CSV and as NDJSON.
#include "base/json/document.h"
#include "fuzz/target.h"
#include "ingest/attributes.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TemporaryFolder folder;
  for (const char* name : {"attributes.csv", "attributes.ndjson"}) {
    folder.write(name, fuzz::text_of(data, size));
    const auto attributes = ingest::Attributes::read(folder.path() / name);
    if (!attributes) continue;
    rapidjson::Document members;
    const std::string object = "{" + std::string(attributes->members_for("a.jpg")) + "}";
    fuzz::require(!json::read_document(object, members), "attributes are members of JSON");
  }
  return 0;
}
