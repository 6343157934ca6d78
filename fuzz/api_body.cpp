// Bodies of /v1/embeddings and similar routes.
#include "base/json/writer.h"
#include "fuzz/target.h"
#include "server/api/json.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = api::parse_json(fuzz::text_of(data, size));
  if (!body) return 0;
  api::FieldReader fields(*body);
  fields.string("model");
  fields.integer("dimensions");
  fields.boolean("truncate");
  fields.strings("input");
  fields.array("input");
  if (const auto* object = fields.object("parameters")) api::FieldReader(*object).string("truncate");
  if (!fields.ok()) json::json_string(fields.error().message);
  return 0;
}
