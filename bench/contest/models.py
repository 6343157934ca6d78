"""The models that are compared, their inputs, and the places of their files.

Every program of a comparison gets the same inputs: windows of pixels (uint8, before normalisation) and token ids. A
model's folder is a Hugging Face folder with full-size random weights; `inputs/` in it has

    windows.rgb     [pictures, edge, edge, 3] bytes
    ids.txt         one text per line, token ids separated by spaces
    inputs.json     edge, mean, std, tokens
"""

import dataclasses
import json
import pathlib
import random

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = ROOT / "demo/pictures"
TEXT_TOKENS = 11  # a query of nine short words, with begin and end tokens

CLIP_PIXELS = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
SIGLIP_PIXELS = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


@dataclasses.dataclass(frozen=True)
class Tower:
    """The data for the ceiling: `layers` layers of these products, [tokens, in] by [in, out]."""

    layers: int
    width: int
    products: tuple  # of (in, out), one layer's
    tokens: int  # per input


@dataclasses.dataclass(frozen=True)
class Model:
    name: str  # for --only
    title: str
    family: str  # clip, siglip2, jina-clip
    architecture: str  # sightline-make-checkpoint's --arch; empty: made by checkpoints.py
    image_batches: tuple
    text_batches: tuple
    image: Tower
    text: Tower
    edge: int = 224

    @property
    def cells(self):
        """(what, batch) of each measurement."""
        return [("images", batch) for batch in self.image_batches] + [("texts", batch) for batch in self.text_batches]

    @property
    def pixels(self):
        return SIGLIP_PIXELS if self.family == "siglip2" else CLIP_PIXELS

    @property
    def tokens(self):
        """Ids of a text, padding included."""
        return self.text.tokens


def plain(layers, width, tokens):
    """A tower of CLIP's kind: queries, keys and values at once, the output projection, and an MLP of four times the width."""
    return Tower(layers, width, ((width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)), tokens)


EVA_B16 = Tower(12, 768, ((768, 3 * 768), (768, 768), (768, 2 * 2048), (2048, 768)), 197)
JINA_BERT = Tower(12, 768, ((768, 3 * 768), (768, 768), (768, 2 * 3072), (3072, 768)), TEXT_TOKENS)

MODELS = {
    model.name: model
    for model in (
        Model("b32", "CLIP ViT-B/32", "clip", "vit-b-32", (1, 8), (1, 16), plain(12, 768, 50), plain(12, 512, TEXT_TOKENS)),
        Model("l14", "CLIP ViT-L/14", "clip", "vit-l-14", (1, 4), (1, 16), plain(24, 1024, 257), plain(12, 768, TEXT_TOKENS)),
        Model("b16", "CLIP ViT-B/16", "clip", "vit-b-16", (1, 8), (1, 16), plain(12, 768, 197), plain(12, 512, TEXT_TOKENS)),
        Model("siglip2", "SigLIP2 B/16", "siglip2", "", (1, 8), (1, 16), plain(12, 768, 196), plain(12, 768, 64)),
        Model("jina", "jina-clip-v1", "jina-clip", "", (1, 8), (1, 16), EVA_B16, JINA_BERT),
    )
}


def windows(edge, count):
    """Square crops from the middle of the demo's drawings, uint8 [count, edge, edge, 3]."""
    import numpy
    from PIL import Image

    made = []
    for file in sorted(PICTURES.glob("*.jpg"))[:count]:
        picture = Image.open(file).convert("RGB")
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        made.append(numpy.asarray(picture.resize((edge, edge), Image.Resampling.BICUBIC, (left, top, left + side, top + side))))
    return numpy.stack(made)


def token_ids(model, folder, count):
    """`count` different texts of TEXT_TOKENS ids; SigLIP2's are padded to its fixed number, as it was trained."""
    numbers = random.Random(11)
    config = json.loads((folder / "config.json").read_text())
    if model.family == "clip":
        end = config["text_config"]["eos_token_id"]
        begin, usual = end - 1, [id for id in range(300, 40000) if id not in (end - 1, end)]
    else:
        begin, end = {"siglip2": (None, 1), "jina-clip": (101, 102)}[model.family]
        usual = range(1000, 30000)
    texts = []
    for _ in range(count):
        first = [] if begin is None else [begin]
        words = numbers.sample(usual, TEXT_TOKENS - len(first) - 1)
        text = first + words + [end]
        texts.append(text + [0] * (model.tokens - len(text)))
    return texts


def write_inputs(model, folder):
    target = folder / "inputs"
    target.mkdir(exist_ok=True)
    (target / "windows.rgb").write_bytes(windows(model.edge, max(model.image_batches)).tobytes())
    ids = token_ids(model, folder, max(model.text_batches))
    (target / "ids.txt").write_text("".join(" ".join(map(str, text)) + "\n" for text in ids))
    (target / "inputs.json").write_text(json.dumps({"edge": model.edge, "tokens": model.tokens, **model.pixels}) + "\n")


class Inputs:
    """The inputs that write_inputs wrote, as numpy arrays."""

    def __init__(self, folder):
        import numpy

        folder = pathlib.Path(folder) / "inputs"
        self.settings = json.loads((folder / "inputs.json").read_text())
        edge = self.settings["edge"]
        rgb = numpy.fromfile(folder / "windows.rgb", numpy.uint8).reshape(-1, edge, edge, 3)
        mean, std = (numpy.array(self.settings[name], numpy.float32) for name in ("mean", "std"))
        scaled = (rgb.astype(numpy.float32) / 255 - mean) / std
        self.pixels = numpy.ascontiguousarray(scaled.transpose(0, 3, 1, 2))  # [pictures, 3, edge, edge]
        self.ids = numpy.loadtxt(folder / "ids.txt", numpy.int64, ndmin=2)  # [texts, tokens]
