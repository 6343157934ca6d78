"""A CLIP tokenizer of our own: byte-level BPE trained on captions, ids in the order that OpenAI's vocabulary
has.

Ids: the 256 byte symbols, the same with </w>, one for each merge, then start and end. The end token has the
largest id of all: transformers and others look for it there.
"""

import json
import pathlib

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"
MAX_TOKENS = 77
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def byte_symbols():
    """The 256 printable stand-ins for bytes, in the order of OpenAI's vocabulary: printable bytes first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    rest = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(rest))]


def _pipeline(model):
    """The text pipeline of CLIP's tokenizer.json around a BPE model."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(folder, size, texts):
    """Writes the tokenizer's files into folder and returns it. `size` counts every id."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    learner = _pipeline(models.BPE(end_of_word_suffix="</w>"))
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size + 512,
            initial_alphabet=byte_symbols(),
            end_of_word_suffix="</w>",
            show_progress=False,
        ),
    )
    merges = [
        tuple(pair) if isinstance(pair, list) else tuple(pair.split(" "))
        for pair in json.loads(learner.to_str())["model"]["merges"]
    ][: size - 514]

    symbols = byte_symbols()
    tokens = (
        symbols
        + [symbol + "</w>" for symbol in symbols]
        + [left + right for left, right in merges]
        + [START, END]
    )
    if len(set(tokens)) != len(tokens):
        raise ValueError("two merges make the same token; train on other captions")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges), encoding="utf-8"
    )

    tokenizer = _pipeline(
        models.BPE(vocabulary, merges, end_of_word_suffix="</w>", continuing_subword_prefix="", unk_token=END)
    )
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.RobertaProcessing(
        sep=(END, vocabulary[END]), cls=(START, vocabulary[START]), trim_offsets=False, add_prefix_space=False
    )
    clip = CLIPTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=MAX_TOKENS,
    )
    clip.save_pretrained(folder)
    return clip
