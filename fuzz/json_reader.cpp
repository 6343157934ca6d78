// The reader in all its modes, the writer, and counting values.
#include "base/json/document.h"
#include "base/json/utf8.h"
#include "base/json/value_count.h"
#include "base/json/writer.h"
#include "fuzz/target.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  rapidjson::Document document, borrowed, bounded, again;
  const json::Fault fault = json::read_document(text, document);
  fuzz::require(fault.offset <= text.size(), "a fault lies in the text");
  fuzz::require(!json::message(fault).empty(), "every fault has a message");
  json::read_document(text, borrowed, {.comments = true}, json::Strings::borrowed);
  json::read_document(text, bounded, {.max_depth = 3, .max_values = 10, .max_bytes = 1000});
  json::decoded_string(text);
  const std::string quoted = json::json_string(text);
  fuzz::require(json::decoded_string(quoted).has_value(), "what is written as a string is read as one");
  if (fault) return 0;
  json::find_duplicate_name(document);
  const std::string written = json::text_of(document);
  fuzz::require(!json::find_invalid_utf8(written), "what is written is UTF-8");
  fuzz::require(!json::read_document(written, again), "what is written is read again");
  fuzz::require(written == json::text_of(borrowed), "borrowed strings are the same");
  return 0;
}
