// Attributes of the loader, as CSV and as NDJSON.
#include "base/json/document.h"
#include "fuzz/target.h"
#include "ingest/attributes.h"
#include "ingest/json_members.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;

namespace {

bool is_json_or_too_large(const json::Fault& fault) {
  return !fault || fault.is_limit() || fault.kind == json::Fault::Kind::number_too_large;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TemporaryFolder folder;
  for (const char* name : {"attributes.csv", "attributes.ndjson"}) {
    folder.write(name, fuzz::text_of(data, size));
    const auto attributes = ingest::Attributes::read(folder.path() / name);
    if (!attributes) continue;
    std::string before;
    for (const ingest::Attributes::Row& row : attributes->rows()) {
      rapidjson::Document members;
      fuzz::require(is_json_or_too_large(json::read_document("{" + row.members + "}", members)),
                    "attributes are members of JSON");
      const std::string merged = "{" + ingest::merged_members(before, row.members) + "}";
      fuzz::require(is_json_or_too_large(json::read_document(merged, members)),
                    "merged attributes are members of JSON");
      before = row.members;
    }
    for (const ingest::Attributes::Field& field : attributes->fields())
      fuzz::require(!ingest::describe(field).empty(), "a field has a type");
  }
  return 0;
}
