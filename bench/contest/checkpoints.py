#!/usr/bin/env python3
"""Writes a model's Hugging Face folder with full-size random weights, and the inputs of its comparison.

    checkpoints.py MODEL FOLDER --programs build/release/bin

CLIP's folders come from sightline-make-checkpoint, the others from the sizes of google/siglip2-base-patch16-224 and
jinaai/jina-clip-v1, with small tokenizers: the comparison passes token ids, so only their number matters.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

from models import CLIP_PIXELS, MODELS, ROOT, SIGLIP_PIXELS, write_inputs

DEMO_MODELS = ROOT / "demo/models"
DEVIATION = 0.02

SIGLIP2 = {
    "model_type": "siglip",
    "architectures": ["SiglipModel"],
    "text_config": {"model_type": "siglip_text_model", "vocab_size": 256000, "hidden_size": 768, "intermediate_size": 3072,
                    "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 64},
    "vision_config": {"model_type": "siglip_vision_model", "image_size": 224, "patch_size": 16, "hidden_size": 768,
                      "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
}  # fmt: skip
SIGLIP2_PREPROCESSOR = {
    "image_processor_type": "SiglipImageProcessor", "do_resize": True, "do_rescale": True, "do_normalize": True,
    "resample": 2, "rescale_factor": 1 / 255, "size": {"height": 224, "width": 224},
    "image_mean": SIGLIP_PIXELS["mean"], "image_std": SIGLIP_PIXELS["std"],
}  # fmt: skip

JINA_CLIP = {
    "model_type": "jina_clip",
    "architectures": ["JinaCLIPModel"],
    "add_projections": False,
    "projection_dim": 768,
    "logit_scale_init_value": 2.6592,
    "text_config": {"embed_dim": 768, "hf_model_name_or_path": "jinaai/jina-bert-flash-implementation",
                    "pooler_type": "mean_pooler", "vocab_size": 30528, "hidden_size": 768, "num_hidden_layers": 12,
                    "num_attention_heads": 12, "intermediate_size": 3072},
    "vision_config": {"embed_dim": 768, "width": 768, "layers": 12, "head_width": 64, "image_size": 224, "patch_size": 16,
                      "mlp_ratio": 2.6667, "naive_swiglu": True, "subln": True, "rope_embeddings": True, "qkv_bias": True,
                      "pt_hw_seq_len": 14, "intp_freq": False, "patch_dropout": 0.0},
}  # fmt: skip
JINA_PREPROCESSOR = {
    "image_processor_type": "JinaCLIPImageProcessor", "size": 224, "resize_mode": "shortest", "interpolation": "bicubic",
    "fill_color": 0, **CLIP_PIXELS,
}  # fmt: skip


def randomise(module):
    """Weights with deviation 0.02 and norms that change nothing, so that activations have ordinary sizes."""
    import torch

    torch.manual_seed(11)
    for name, values in module.named_parameters():
        with torch.no_grad():
            if name.endswith("logit_scale") or name.endswith("logit_bias"):
                continue
            if "norm" in name or name.endswith(("_ln.weight", "_ln.bias")) or "layrnorm" in name:
                values.fill_(1.0 if name.endswith("weight") else 0.0)
            else:
                values.normal_(std=DEVIATION)


def gemma_tokenizer():
    """The smallest tokenizer of Gemma's kind: special tokens, bytes, letters, no merges."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *map(chr, range(97, 123))]
    return {
        "version": "1.0",
        "added_tokens": [{"id": id, "content": tokens[id], "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for id in range(4)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "byte_fallback": True, "ignore_merges": False,
                  "vocab": {token: id for id, token in enumerate(tokens)}, "merges": []},
    }  # fmt: skip


def write_json(file, value):
    file.write_text(json.dumps(value, indent=2) + "\n")


def make_siglip2(folder):
    import transformers
    from safetensors.torch import save_file

    config = transformers.SiglipConfig(**{key: SIGLIP2[key] for key in ("text_config", "vision_config")})
    model = transformers.SiglipModel(config)
    randomise(model)
    save_file({name: values.contiguous() for name, values in model.state_dict().items()}, folder / "model.safetensors", {"format": "pt"})
    write_json(folder / "config.json", SIGLIP2)
    write_json(folder / "preprocessor_config.json", SIGLIP2_PREPROCESSOR)
    write_json(folder / "tokenizer.json", gemma_tokenizer())
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True,
                                                  "eos_token": "<eos>", "pad_token": "<pad>", "padding_side": "right"})  # fmt: skip


def make_jina(folder):
    from safetensors.torch import save_file

    sys.path.insert(0, str(ROOT / "scripts/demo_model"))
    from jina_towers import JinaClip

    model = JinaClip(JINA_CLIP)
    randomise(model)
    save_file({name: values.contiguous() for name, values in model.state_dict().items()}, folder / "model.safetensors", {"format": "pt"})
    write_json(folder / "config.json", JINA_CLIP)
    write_json(folder / "preprocessor_config.json", JINA_PREPROCESSOR)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(DEMO_MODELS / "demo-jina-clip" / name, folder / name)


def make(model, folder, programs):
    folder.mkdir(parents=True, exist_ok=True)
    if model.architecture:
        subprocess.run([programs / "sightline-make-checkpoint", "--arch", model.architecture, "--tokenizer", DEMO_MODELS / "demo-clip",
                        folder], check=True)  # fmt: skip
    elif model.family == "siglip2":
        make_siglip2(folder)
    else:
        make_jina(folder)
    (folder / "README.md").write_text(f"---\nlicense: cc0-1.0\n---\nRandom weights in the shape of {model.title}, for measuring; the vectors mean nothing.\n")
    write_inputs(model, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/release/bin")
    given = parser.parse_args()
    make(MODELS[given.model], given.folder, given.programs)
