"""demo-clip: transformers' own CLIPModel, made small, and its files in Hugging Face layout."""

import json
import pathlib

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

import byte_pairs
from embedding import EDGE, MEAN, STD

train_tokenizer = byte_pairs.train


def build(tokenizer):
    """A new model with random weights. The three ids are written out at both levels because transformers
    takes a text_config.eos_token_id of 2 for an old file and then pools at the wrong token."""
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if tokenizer.eos_token_id != len(tokenizer) - 1:
        raise ValueError(
            f"the end token must have the largest id; it has {tokenizer.eos_token_id} of {len(tokenizer)}"
        )
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": tokenizer.model_max_length,
        "projection_dim": 128,
        **ids,
    }
    vision = {
        "image_size": EDGE,
        "patch_size": 16,
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "projection_dim": 128,
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=128, **ids))


def save(model, tokenizer, folder):
    """Everything a reader of Hugging Face folders needs, weights in half precision."""
    folder = pathlib.Path(folder)
    half = CLIPModel(model.config)
    half.load_state_dict(model.state_dict())
    half.half().save_pretrained(folder, safe_serialization=True)
    tokenizer.backend_tokenizer.no_truncation()  # what training asked of it is no part of the model
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": EDGE},
        crop_size={"height": EDGE, "width": EDGE},
        resample=3,
        image_mean=MEAN,
        image_std=STD,
    ).save_pretrained(folder)
    config = folder / "config.json"
    settings = json.loads(config.read_text())
    settings["torch_dtype"] = "float16"
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


class Processor:
    """The preprocessing that a saved model's folder describes: one opened picture to [1, 3, edge, edge]."""

    def __init__(self, folder):
        self.transformers = CLIPImageProcessor.from_pretrained(folder)

    def __call__(self, picture):
        return self.transformers(picture, return_tensors="pt").pixel_values


def load(folder):
    """A saved model in float32, its tokenizer, its preprocessing."""
    model = CLIPModel.from_pretrained(folder, torch_dtype=torch.float32).eval()
    return model, CLIPTokenizerFast.from_pretrained(folder), Processor(folder)
