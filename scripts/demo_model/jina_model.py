"""demo-jina-clip: jina-clip-v1 made small, and its files as the published checkpoint has them.

One thing is more than there: config.json gives the text tower's sizes, which the published one leaves to
another repository.
"""

import json
import pathlib

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import BertTokenizerFast

import word_pieces
from embedding import EDGE, MEAN, STD, WIDTH
from jina_towers import JinaClip

PATCH = 16
ROW_BLOCK = 64  # as in the published file, the word table has rows to spare: a multiple of this

train_tokenizer = word_pieces.train


def build(tokenizer):
    """A new model with random weights."""
    config = {
        "architectures": ["JinaCLIPModel"],
        "model_type": "jina_clip",
        "add_projections": False,
        "projection_dim": WIDTH,
        "logit_scale_init_value": 2.6592,
        "torch_dtype": "float16",
        "text_config": {
            "embed_dim": WIDTH,
            "hf_model_name_or_path": "jinaai/jina-bert-flash-implementation",
            "hf_model_config_kwargs": {"use_flash_attn": False},
            "pooler_type": "mean_pooler",
            "proj_type": None,
            "proj_bias": False,
            "vocab_size": -(-len(tokenizer) // ROW_BLOCK) * ROW_BLOCK,
            "hidden_size": WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 256,
        },
        "vision_config": {
            "embed_dim": WIDTH,
            "width": WIDTH,
            "layers": 4,
            "head_width": 32,
            "image_size": EDGE,
            "patch_size": PATCH,
            "mlp_ratio": 2.6667,
            "naive_swiglu": True,
            "subln": True,
            "rope_embeddings": True,
            "qkv_bias": True,
            "pt_hw_seq_len": EDGE // PATCH,
            "intp_freq": False,
            "patch_dropout": 0.0,
            "ls_init_value": None,
            "fused_layer_norm": False,
        },
    }
    return JinaClip(config)


def save(model, tokenizer, folder):
    """Everything a reader of the published folder needs, weights in half precision."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: values.detach().half().contiguous() for name, values in model.state_dict().items()}
    save_file(half, folder / "model.safetensors", {"format": "pt"})
    tokenizer.backend_tokenizer.no_truncation()  # what training asked of it is no part of the model
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)
    preprocessing = {
        "image_processor_type": "JinaCLIPImageProcessor",
        "size": EDGE,
        "resize_mode": "shortest",
        "interpolation": "bicubic",
        "fill_color": 0,
        "mean": MEAN,
        "std": STD,
    }
    for name, settings in (("config.json", model.config), ("preprocessor_config.json", preprocessing)):
        (folder / name).write_text(json.dumps(settings, indent=2) + "\n")


class Processor:
    """The preprocessing that a saved model's folder describes: one opened picture to [1, 3, edge, edge]."""

    def __init__(self, folder):
        settings = json.loads((pathlib.Path(folder) / "preprocessor_config.json").read_text())
        if (settings["resize_mode"], settings["interpolation"]) != ("shortest", "bicubic"):
            raise ValueError(f"{folder}: only resize_mode shortest with bicubic interpolation is known here")
        self.edge = settings["size"]
        self.mean, self.std = (torch.tensor(settings[name]).view(3, 1, 1) for name in ("mean", "std"))

    def __call__(self, picture):
        picture = picture.convert("RGB")
        scaled = [self.edge * side // min(picture.size) for side in picture.size]
        picture = picture.resize(scaled, Image.Resampling.BICUBIC)
        left, top = (round((side - self.edge) / 2) for side in scaled)  # round() goes to even halves
        picture = picture.crop((left, top, left + self.edge, top + self.edge))
        values = torch.from_numpy(numpy.array(picture)).permute(2, 0, 1).float() / 255
        return ((values - self.mean) / self.std).unsqueeze(0)


def load(folder):
    """A saved model in float32, its tokenizer, its preprocessing. The rotary tables are computed anew, as
    half precision has rounded them; what is stored only has to agree."""
    folder = pathlib.Path(folder)
    model = JinaClip(json.loads((folder / "config.json").read_text()))
    stored = {name: values.float() for name, values in load_file(folder / "model.safetensors").items()}
    for name, values in model.vision_model.rope.state_dict(prefix="vision_model.rope.").items():
        torch.testing.assert_close(stored[name], values, rtol=0, atol=1e-3)
        stored[name] = values
    model.load_state_dict(stored)
    return model.eval(), BertTokenizerFast.from_pretrained(folder), Processor(folder)
