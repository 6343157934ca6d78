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
  const json::Limits java{.lone_surrogates = true};
  fuzz::require(json::decoded_string(quoted, java).has_value(), "what is written as a string is read as one");
  json::java_utf8(text);
  rapidjson::Document as_written;
  if (!json::read_document(text, as_written, java, json::Strings::copied, json::Numbers::as_written)) {
    const std::string kept = json::text_as_written(as_written);
    fuzz::require(!json::find_invalid_utf8(kept), "what is written is UTF-8");
    rapidjson::Document same;
    fuzz::require(!json::read_document(kept, same, java, json::Strings::copied, json::Numbers::as_written),
                  "what is written is read again");
    fuzz::require(kept == json::text_as_written(same), "numbers and halves of surrogate pairs stay");
  }
  if (fault) return 0;
  json::find_duplicate_name(document);
  const std::string written = json::text_of(document);
  fuzz::require(!json::find_invalid_utf8(written), "what is written is UTF-8");
  fuzz::require(!json::read_document(written, again), "what is written is read again");
  fuzz::require(written == json::text_of(borrowed), "borrowed strings are the same");
  return 0;
}
