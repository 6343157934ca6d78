// Bodies of /v1/embeddings and similar routes, and URLs of pictures in them.
#include "base/json/writer.h"
#include "base/picture_url.h"
#include "fuzz/target.h"
#include "server/api/json.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (is_web_link(text)) {
    const auto url = picture_url(text);
    if (url) fuzz::require(host_of(*url).find('@') == std::string::npos, "a URL that is fetched has no user");
  }
  const auto body = api::parse_json(text);
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
