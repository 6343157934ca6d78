// What OpenCLIP does with a text before it is cut into tokens.
#pragma once

#include <string>
#include <string_view>

namespace sightline::models {

/// OpenCLIP's `clean` functions.
enum class Cleaning {
  lower,         ///< whitespace, then lower case
  whitespace,    ///< each run of whitespace one space, none at the ends
  canonicalize,  ///< "_" becomes a space, other ASCII punctuation is removed, then as `lower`
};

/// Python's " ".join(text.split()), for well-formed UTF-8.
std::string with_single_spaces(std::string_view text);

/// The text after OpenCLIP's `basic_clean` and `cleaning` (open_clip/tokenizer.py):
/// 1. ftfy's fix_text, line by line: character references of HTML (unless the text has a "<"), Latin ligatures, halfwidth
///    and fullwidth forms, curly quotation marks, line breaks, escape sequences of terminals, control characters, NFC.
///    What is missing is its repair of mojibake, text that was decoded with the wrong encoding ("Ã©" for "é").
/// 2. html.unescape, twice.
/// 3. The function itself, in the terms of Python's str.
/// `text` is well-formed UTF-8.
std::string cleaned(std::string_view text, Cleaning cleaning);

}  // namespace sightline::models
