"""The demo CLIP: transformers' own CLIPModel, made small, and its files in Hugging Face layout."""

import json
import pathlib

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

EDGE = 96
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


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


def normalise(pixels):
    """uint8 [N, edge, edge, 3] to what the vision tower takes: float32 [N, 3, edge, edge]."""
    values = pixels.permute(0, 3, 1, 2).float() / 255
    return (values - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def image_vectors(model, pixels):
    """Unit image vectors [N, 128] of uint8 pictures [N, edge, edge, 3]."""
    return unit(model.get_image_features(pixel_values=normalise(pixels)))


def text_vectors(model, tokenizer, texts):
    """Unit text vectors [N, 128]."""
    tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    return unit(model.get_text_features(**tokens))


def unit(vectors):
    return vectors / vectors.norm(dim=-1, keepdim=True)


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
