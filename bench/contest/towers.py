"""A model folder's two towers in PyTorch, as modules from pixels or ids to vectors. transformers runs them, and
ONNX is exported from them. jina-clip, which transformers does not have, comes from scripts/demo_model."""

import json
import pathlib
import sys

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ClipImages(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model.visual_projection(self.model.vision_model(pixel_values=pixels).pooler_output)


class ClipTexts(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model.text_projection(self.model.text_model(input_ids=ids).pooler_output)


class SiglipImages(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model.vision_model(pixel_values=pixels).pooler_output


class SiglipTexts(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model.text_model(input_ids=ids).pooler_output


class JinaImages(torch.nn.Module):
    """The tower's own forward counts the pictures in Python, which an export would turn into a constant."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        patches = self.model.patch_embed(pixels)
        class_tokens = self.model.cls_token.expand(patches.shape[0], -1, -1)
        hidden = torch.cat([class_tokens, patches], dim=1) + self.model.pos_embed
        for block in self.model.blocks:
            hidden = block(hidden, self.model.rope)
        return self.model.norm(hidden)[:, 0]


def load_jina(folder, dtype):
    sys.path.insert(0, str(ROOT / "scripts/demo_model"))
    from jina_towers import JinaClip
    from safetensors.torch import load_file

    model = JinaClip(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    model = model.to(dtype).eval()
    return JinaImages(model.vision_model), model.text_model


def load(folder, dtype=torch.float32):
    """(tower of images, tower of texts), for inference."""
    folder = pathlib.Path(folder)
    family = json.loads((folder / "config.json").read_text())["model_type"]
    torch.set_grad_enabled(False)
    if family == "jina_clip":
        return load_jina(folder, dtype)
    import transformers

    transformers.logging.set_verbosity_error()
    kind, images, texts = {
        "clip": (transformers.CLIPModel, ClipImages, ClipTexts),
        "siglip": (transformers.SiglipModel, SiglipImages, SiglipTexts),
    }[family]
    model = kind.from_pretrained(folder, dtype=dtype).eval()
    return images(model), texts(model)
