"""From drawn pictures and texts to unit vectors, the same for every architecture.

A model is anything with get_image_features(pixel_values=...) and get_text_features(input_ids=...,
attention_mask=...), as transformers has them.
"""

import torch

EDGE = 96  # pixels that a model sees
WIDTH = 128  # numbers in a vector
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
LONGEST_TEXT = 512  # tokens, or fewer if the tokenizer says so


def normalise(pixels):
    """uint8 [N, edge, edge, 3] to what a vision tower takes: float32 [N, 3, edge, edge]."""
    values = pixels.permute(0, 3, 1, 2).float() / 255
    return (values - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def image_vectors(model, pixels):
    """Unit image vectors [N, width] of uint8 pictures [N, edge, edge, 3]."""
    return unit(model.get_image_features(pixel_values=normalise(pixels)))


def tokens(tokenizer, texts):
    return tokenizer(
        texts,
        padding=True,
        truncation=True,
        max_length=min(LONGEST_TEXT, tokenizer.model_max_length),
        return_token_type_ids=False,
        return_tensors="pt",
    )


def text_vectors(model, tokenizer, texts):
    """Unit text vectors [N, width]."""
    return unit(model.get_text_features(**tokens(tokenizer, texts)))


def unit(vectors):
    return vectors / vectors.norm(dim=-1, keepdim=True)
