// A string that may be a text or a picture: data URLs, base64, links; and a file's first bytes.
#include "base/picture_text.h"

#include <string>

#include "base/base64.h"
#include "base/data_url.h"
#include "base/file_kind.h"
#include "fuzz/target.h"

using namespace sightline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto url = read_data_url(text);
  fuzz::require((kind_of_text(text) == TextKind::data_url) == url.has_value(), "one reader of data URLs");
  if (url) {
    shown_header(*url);
    const auto bytes = decode_payload(*url);
    fuzz::require(!bytes || bytes->size() <= url->payload.size(), "data do not grow");
    fuzz::require(!bytes || url->has_comma, "a URL without a comma has no data");
  }
  other_kind(text);
  picture_format(text);
  const auto strict = base64_decode(text);
  const auto lenient = base64_decode_leniently(text);
  fuzz::require(!strict || !lenient || *strict == *lenient, "leniency changes no bytes");
  // A correctly written data URL must be read.
  const std::string written = "data:image/jpeg;base64," + base64_encode(text);
  const auto whole = read_data_url(written);
  fuzz::require(whole && decode_payload(*whole).value() == text, "a data URL by the book");
  return 0;
}
