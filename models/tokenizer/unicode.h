// Unicode as the reference tokenizers use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unicode/utypes.h>

namespace sightline::models {

/// SentencePiece's mark of a space.
inline constexpr std::string_view k_space_mark = "\u2581";
inline constexpr UChar32 k_space_mark_letter = 0x2581;

bool is_ascii(std::string_view text);
bool has_unicode_tables();  ///< false: ICU's data cannot be loaded, and texts must not be normalised

// The functions below require well-formed UTF-8.

/// The code point at `at`, which is moved past it.
UChar32 next_code_point(std::string_view text, std::size_t& at);

/// Normal forms by the tables of Unicode 9.0, as in the reference: later combining marks neither move nor
/// compose.
std::string to_nfc(std::string_view text);
std::string to_nfd(std::string_view text);

/// The normal form by ICU's own tables, as Python's unicodedata has it by its own.
std::string to_current_nfc(std::string_view text);
std::string to_current_nfkc(std::string_view text);

/// Python's str.lower and str.upper: with context (a capital sigma at the end of a word becomes ς), by ICU's tables.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

/// Python's str.isspace, which counts four separators as whitespace that Unicode does not.
bool is_python_space(UChar32 c);
bool is_ascii_punctuation(UChar32 c);

/// Appends `c` in lower case, without context, possibly as several code points: a capital sigma at the end of a word
/// becomes σ, as in Rust's char::to_lowercase, which the reference uses. The mappings are those of Unicode 17.0, as in
/// the reference's Rust, whatever ICU has.
void append_lower(std::string& out, UChar32 c);

/// The general category as a mask (U_GC_L_MASK ...) in Unicode 8.0, the version of BERT's pipeline in the reference
/// (the crate unicode_categories 0.1.1). Code points added later are unassigned.
std::uint32_t category_in_unicode_8(UChar32 c);

/// The same in Unicode 16.0, the version of the reference's regular expressions (Oniguruma), for letters and numbers.
/// Of the code points added after ICU's tables, all others are unassigned.
std::uint32_t category_in_unicode_16(UChar32 c);

}  // namespace sightline::models
