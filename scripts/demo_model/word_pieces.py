"""A BERT tokenizer of our own: lower-cased WordPiece with the words of captions, in vocab.txt's order.

Ids: the five special tokens, every printable ASCII character, letters and digits as a word's continuation,
then each word that captions have, by name. Captions have few words, so pieces need not be learned: another
word is the longest beginning that is known and then letters ("ponds": pond ##s).
"""

import pathlib

from tokenizers import normalizers, pre_tokenizers
from transformers import BertTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_TOKENS = 8192


def train(folder, size, texts):
    """Writes the tokenizer's files into folder and returns it. It has at most `size` ids."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    words = {
        word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
    }
    characters = [chr(code) for code in range(ord("!"), ord("~") + 1) if not chr(code).isupper()]
    continued = [f"##{character}" for character in characters if character.isalnum()]
    tokens = [*SPECIAL, *characters, *continued, *sorted(words - set(characters))]
    if len(tokens) > size:
        raise ValueError(f"the captions have too many words: {len(tokens)} tokens, more than {size}")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return BertTokenizerFast(
        vocab_file=str(folder / "vocab.txt"), do_lower_case=True, model_max_length=MAX_TOKENS
    )
