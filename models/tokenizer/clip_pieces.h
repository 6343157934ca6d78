// The part of CLIP's pipeline that comes before byte pair encoding: normalising and cutting into pieces.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace sightline::models {

/// Unicode NFC, then every code point lower-cased on its own. `text` is well-formed UTF-8.
///
/// The reference also turns each run of whitespace into one space. Whitespace separates pieces and is dropped, so it
/// never affects an id, and it is unchanged here.
std::string clip_normalize(std::string_view text);

/// Calls `take` with each piece of normalised text that
///     's|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+
/// matches, in order. What it does not match (whitespace) is dropped. Letters and numbers are those of ICU's
/// Unicode version: 15.0 on Debian 12, where the reference has 16.0.
void for_each_clip_piece(std::string_view normalized, const std::function<void(std::string_view)>& take);

/// The same with each of `literals` as a further alternative before all others: where a piece begins with one, the piece
/// is that literal.
void for_each_clip_piece(std::string_view normalized, const std::function<void(std::string_view)>& take,
                         std::span<const std::string> literals);

}  // namespace sightline::models
