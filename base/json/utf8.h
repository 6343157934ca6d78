// UTF-8: writes characters, finds and replaces invalid bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::json {

/// Appends the code point `code`, at most U+10FFFF, in 1 to 4 bytes.
void append_utf8(std::string& out, std::uint32_t code);

/// Length in bytes of the UTF-8 sequence of a character beyond ASCII at the beginning of `text`; 0 if there
/// is none (RFC 3629: no surrogates, nothing overlong, nothing beyond U+10FFFF).
std::size_t utf8_sequence(std::string_view text);

/// Offset of the first byte of `text` that is not UTF-8; nothing if all of it is.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// Half of a surrogate pair (U+D800 to U+DFFF) at the beginning of `text`, in three bytes of the form that
/// UTF-8 would have for it; 0 if there is none.
std::uint16_t lone_surrogate(std::string_view text);
constexpr std::size_t k_surrogate_bytes = 3;

/// The first `most` bytes of `text`, less the beginning of a character that they would cut. All of a shorter text.
std::string_view first_bytes(std::string_view text, std::size_t most);

/// Appends `text`. Each byte that is not UTF-8, and each half of a surrogate pair, becomes U+FFFD.
void append_valid_utf8(std::string& out, std::string_view text);

/// The text as Java writes it as UTF-8 (String.getBytes): a question mark for each half of a surrogate pair.
std::string java_utf8(std::string_view text);

}  // namespace sightline::json
