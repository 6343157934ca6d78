#include "base/encoded_picture.h"

#include <utility>

#include "base/base64.h"
#include "base/data_url.h"
#include "base/file_kind.h"
#include "base/json/utf8.h"
#include "base/picture_text.h"

namespace sightline {
namespace {

Error bad(std::string message) {
  return {ErrorCode::invalid_argument, std::move(message)};
}

Error too_large_picture(std::size_t bytes, std::size_t max_bytes) {
  return {ErrorCode::too_large, "the picture has about " + std::to_string(bytes) + " bytes, the limit is " +
                                    std::to_string(max_bytes) + ": send a smaller picture"};
}

/// Refuses encoded data that cannot decode to less than the limit, before memory is allocated for it.
Status check_encoded_size(std::string_view encoded, std::size_t max_bytes) {
  constexpr std::size_t k_most_blanks = 32;  // at most one in this many characters, with lines of 76
  const std::size_t bytes = encoded.size() / 4 * 3;
  if (bytes <= max_bytes + max_bytes / k_most_blanks + 4) return {};
  return too_large_picture(bytes, max_bytes);
}

Result<EncodedPicture> checked_picture(std::string bytes, std::size_t max_bytes) {
  if (bytes.empty()) return bad("the picture is empty");
  if (bytes.size() > max_bytes) return too_large_picture(bytes.size(), max_bytes);
  return EncodedPicture{std::move(bytes)};
}

Error no_picture(const DataUrl& url, std::string_view bytes) {
  const auto kind = other_kind(bytes);
  const std::string what = kind ? "are " + std::string(*kind) : "begin with " + first_bytes(bytes);
  return bad("the data URL " + shown_header(url) + " holds no picture: its header does not say ;base64, and its data " +
             what + "; send data:image/jpeg;base64,..., or set [modality] to text if this is a text");
}

Result<EncodedPicture> data_url_picture(const DataUrl& url, std::size_t max_bytes) {
  const bool may_shrink = url.payload.find('%') != std::string_view::npos;
  const Status fits = check_encoded_size(url.payload, max_bytes);
  if (!fits && !may_shrink) return fits.error();
  constexpr std::string_view k_usual = "data:image/";
  const bool is_usual = url.header.starts_with(k_usual) && url.has_comma;
  auto bytes = decode_payload(url);
  if (!bytes) {
    return bad((is_usual ? "the picture is " : "the data URL " + shown_header(url) + " cannot be read: ") +
               bytes.error().message);
  }
  if (!url.is_base64 && !picture_format(*bytes)) return no_picture(url, *bytes);
  auto picture = checked_picture(*std::move(bytes), max_bytes);
  // Errors in the bytes are only found when they are decoded. The message then names a header that hides what the bytes
  // are.
  if (picture && !is_usual) picture->place = " " + shown_header(url);
  return picture;
}

}  // namespace

Result<EncodedPicture> read_encoded_picture(std::string_view text, std::size_t max_bytes) {
  if (const auto url = read_data_url(text)) return data_url_picture(*url, max_bytes);
  if (is_picture_address(text)) {
    return Error{ErrorCode::unsupported,
                 "this looks like a link to a picture, " + shown(text) +
                     ": Sightline does not download pictures; send the file itself, as data:image/jpeg;base64,... or "
                     "in bare base64"};
  }
  text = without_outer_blanks(text);
  if (text.empty()) {
    return bad(
        "the picture is empty; with several inputs, Elasticsearch's inference processor sends an "
        "empty "
        "string for a missing field: use a separate processor for each field");
  }
  if (const Status fits = check_encoded_size(text, max_bytes); !fits) return fits.error();
  // Words are valid base64 too if their whitespace is ignored.
  const bool begins_as_picture = base64_picture_format(text).has_value();
  const bool may_be_words = !begins_as_picture && text.find_first_of(" \t") != std::string_view::npos;
  auto bytes = may_be_words ? base64_decode(text) : base64_decode_leniently(text);
  if (!bytes) {
    const char* const form =
        begins_as_picture ? "" : "; send a picture as data:image/jpeg;base64,... or in bare base64";
    return bad("the picture is " + bytes.error().message + form);
  }
  return checked_picture(*std::move(bytes), max_bytes);
}

std::string shown(std::string_view text) {
  constexpr std::size_t k_shown = 80;
  const std::string_view begin = json::first_bytes(text, k_shown);
  return "[" + std::string(begin) + (begin.size() < text.size() ? "...]" : "]");
}

}  // namespace sightline
