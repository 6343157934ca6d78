"""The architectures that are trained here. Each is a module with train_tokenizer, build, save and load."""

import json

import clip_model
import jina_model

ARCHITECTURES = {"clip": clip_model, "jina-clip": jina_model}
MODEL_TYPES = {"clip": clip_model, "jina_clip": jina_model}


def load(folder):
    """A saved model in float32, its tokenizer and its preprocessing, by the model_type of its config.json."""
    return MODEL_TYPES[json.loads((folder / "config.json").read_text())["model_type"]].load(folder)
