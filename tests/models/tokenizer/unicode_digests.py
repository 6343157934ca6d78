#!/usr/bin/env python3
"""Prints the digests of unicode_test.cpp, from the reference.

For each code point, surrogates left out, a function of the reference gives a line; the digest is the
SHA-256 of all lines. Needs Hugging Face's `tokenizers` (0.22.2 and 0.23.3 give the same) and nothing else.
"""
import hashlib

from tokenizers import Regex, normalizers, pre_tokenizers

CLIP_PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def bert(**steps):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **steps}).normalize_str


whole = bert(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
pieces = pre_tokenizers.Split(Regex(CLIP_PATTERN), "removed", invert=True).pre_tokenize_str
nfc, lower = normalizers.NFC().normalize_str, normalizers.Lowercase().normalize_str

LINES = {
    "clean_text": bert(clean_text=True),
    "space_chinese_letters": bert(handle_chinese_chars=True),
    "strip_accents": bert(strip_accents=True),
    "lowercase": bert(lowercase=True),
    "all steps, between letters and marks": lambda c: whole("a" + c + "\u0301\u0316B"),
    "words": lambda c: "|".join(word for word, _ in words("a" + c + "b")),
    "NFC and lower case": lambda c: lower(nfc("a" + c + "\u0301\u0316B")),
    "pieces between letters": lambda c: "|".join(piece for piece, _ in pieces("a" + c + "b")),
    "pieces between marks": lambda c: "|".join(piece for piece, _ in pieces("!" + c + "!")),
}

for name, line in LINES.items():
    digest = hashlib.sha256()
    for code_point in range(0x110000):
        if not 0xD800 <= code_point <= 0xDFFF:
            digest.update(line(chr(code_point)).encode() + b"\n")
    print(f"{digest.hexdigest()}  {name}")
