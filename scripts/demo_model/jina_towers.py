"""jina-clip-v1's two towers in plain PyTorch: JinaBERT v2 for text, EVA02 for pictures.

transformers has no class for this architecture. Modules carry the names of the published checkpoint, so that
state_dict() is its list of tensors. Only what jina-clip-v1 uses is here, and no dropout.
"""

import math

import torch
from torch import nn
from torch.nn import functional

PADDING_ID = 0


def alibi_slopes(heads):
    """How fast attention fades with distance, a number a head. For heads that are no power of two the rest
    comes from between the slopes of the next lower power."""
    power = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8 * (head + 1) / power) for head in range(power)]
    between = [2.0 ** (-4 * (2 * head + 1) / power) for head in range(heads - power)]
    return torch.tensor(slopes + between)


def split_heads(values, heads):
    """[N, tokens, width] to [N, heads, tokens, width / heads]."""
    return values.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(values):
    return values.transpose(1, 2).flatten(2)


class TextMixer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.Wqkv = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, hidden, bias):
        query, key, value = (split_heads(part, self.heads) for part in self.Wqkv(hidden).chunk(3, dim=-1))
        return self.out_proj(
            merge_heads(functional.scaled_dot_product_attention(query, key, value, attn_mask=bias))
        )


class GatedMlp(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.gated_layers = nn.Linear(width, 2 * inner, bias=False)
        self.wo = nn.Linear(inner, width)

    def forward(self, hidden):
        gate, up = self.gated_layers(hidden).chunk(2, dim=-1)
        return self.wo(functional.gelu(gate) * up)


class TextLayer(nn.Module):
    """Post-norm: the norm stands after the sum."""

    def __init__(self, width, heads, inner, epsilon):
        super().__init__()
        self.mixer = TextMixer(width, heads)
        self.norm1 = nn.LayerNorm(width, epsilon)
        self.mlp = GatedMlp(width, inner)
        self.norm2 = nn.LayerNorm(width, epsilon)

    def forward(self, hidden, bias):
        hidden = self.norm1(hidden + self.mixer(hidden, bias))
        return self.norm2(hidden + self.mlp(hidden))


class TextEncoder(nn.Module):
    def __init__(self, layers, *sizes):
        super().__init__()
        self.layers = nn.ModuleList(TextLayer(*sizes) for _ in range(layers))


class TextEmbeddings(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width, padding_idx=PADDING_ID)
        self.token_type_embeddings = nn.Embedding(2, width)

    def forward(self, ids):
        return self.word_embeddings(ids) + self.token_type_embeddings.weight[0]


class TextTransformer(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, inner, epsilon=1e-12):
        super().__init__()
        self.embeddings = TextEmbeddings(vocabulary, width)
        self.emb_ln = nn.LayerNorm(width, epsilon)
        self.encoder = TextEncoder(layers, width, heads, inner, epsilon)
        self.register_buffer("slopes", alibi_slopes(heads), persistent=False)

    def forward(self, ids):
        """Hidden states [N, tokens, width] of ids [N, tokens]."""
        real = ids != PADDING_ID
        place = torch.arange(ids.shape[1])
        distance = (place.unsqueeze(0) - place.unsqueeze(1)).abs()
        bias = (-self.slopes.view(-1, 1, 1) * distance).unsqueeze(0)
        bias = bias.masked_fill(~real[:, None, None, :], torch.finfo(bias.dtype).min)
        hidden = self.emb_ln(self.embeddings(ids))
        for layer in self.encoder.layers:
            hidden = layer(hidden, bias)
        return hidden


class TextTower(nn.Module):
    def __init__(self, **sizes):
        super().__init__()
        self.transformer = TextTransformer(**sizes)

    def forward(self, ids):
        """The mean of the hidden states of all tokens that are no padding."""
        real = (ids != PADDING_ID).unsqueeze(-1)
        return (self.transformer(ids) * real).sum(1) / real.sum(1)


def rotation_tables(grid, head_width):
    """Cosines and sines [grid * grid, head_width]: the first half of a head turns with the row, the second
    with the column, neighbouring pairs of numbers together."""
    axis = head_width // 2
    rates = 10000.0 ** (-torch.arange(0, axis, 2).float() / axis)
    turns = (torch.arange(grid).float().unsqueeze(1) * rates).repeat_interleave(2, dim=1)
    rows = turns.unsqueeze(1).expand(grid, grid, axis)
    columns = turns.unsqueeze(0).expand(grid, grid, axis)
    angles = torch.cat([rows, columns], dim=-1).reshape(grid * grid, head_width)
    return angles.cos(), angles.sin()


class Rotary(nn.Module):
    """Turns queries or keys [N, heads, 1 + patches, head_width] by their patch's place; the class token
    stays."""

    def __init__(self, grid, head_width):
        super().__init__()
        cosines, sines = rotation_tables(grid, head_width)
        self.register_buffer("freqs_cos", cosines)
        self.register_buffer("freqs_sin", sines)

    def forward(self, values):
        patches = values[:, :, 1:]
        even, odd = patches.unflatten(-1, (-1, 2)).unbind(-1)
        turned = patches * self.freqs_cos + torch.stack((-odd, even), -1).flatten(-2) * self.freqs_sin
        return torch.cat([values[:, :, :1], turned], dim=2)


class VisionAttention(nn.Module):
    """Queries and values have a bias, keys none; a norm between the heads and the output projection."""

    def __init__(self, width, heads, epsilon):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.inner_attn_ln = nn.LayerNorm(width, epsilon)
        self.proj = nn.Linear(width, width)

    def forward(self, hidden, rotary):
        query = rotary(split_heads(self.q_proj(hidden) + self.q_bias, self.heads))
        key = rotary(split_heads(self.k_proj(hidden), self.heads))
        value = split_heads(self.v_proj(hidden) + self.v_bias, self.heads)
        merged = merge_heads(functional.scaled_dot_product_attention(query, key, value))
        return self.proj(self.inner_attn_ln(merged))


class SwiGlu(nn.Module):
    def __init__(self, width, inner, epsilon):
        super().__init__()
        self.w1 = nn.Linear(width, inner)
        self.w2 = nn.Linear(width, inner)
        self.ffn_ln = nn.LayerNorm(inner, epsilon)
        self.w3 = nn.Linear(inner, width)

    def forward(self, hidden):
        return self.w3(self.ffn_ln(functional.silu(self.w1(hidden)) * self.w2(hidden)))


class VisionBlock(nn.Module):
    def __init__(self, width, heads, inner, epsilon):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, epsilon)
        self.attn = VisionAttention(width, heads, epsilon)
        self.norm2 = nn.LayerNorm(width, epsilon)
        self.mlp = SwiGlu(width, inner, epsilon)

    def forward(self, hidden, rotary):
        hidden = hidden + self.attn(self.norm1(hidden), rotary)
        return hidden + self.mlp(self.norm2(hidden))


class PatchEmbed(nn.Module):
    def __init__(self, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, pixels):
        return self.proj(pixels).flatten(2).transpose(1, 2)


class VisionTower(nn.Module):
    def __init__(self, edge, patch, width, layers, head_width, mlp_ratio, epsilon=1e-6):
        super().__init__()
        grid = edge // patch
        self.patch_embed = PatchEmbed(patch, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, grid * grid + 1, width))
        self.rope = Rotary(grid, head_width)
        self.blocks = nn.ModuleList(
            VisionBlock(width, width // head_width, int(width * mlp_ratio), epsilon) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width, epsilon)

    def forward(self, pixels):
        """The class token's state [N, width] for pixels [N, 3, edge, edge]."""
        patches = self.patch_embed(pixels)
        hidden = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        for block in self.blocks:
            hidden = block(hidden, self.rope)
        return self.norm(hidden)[:, 0]


class JinaClip(nn.Module):
    """Both towers by the settings of a config.json that names the text tower's sizes."""

    def __init__(self, config):
        super().__init__()
        text, vision = config["text_config"], config["vision_config"]
        self.config = config
        self.text_model = TextTower(
            vocabulary=text["vocab_size"],
            width=text["hidden_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            inner=text["intermediate_size"],
        )
        self.vision_model = VisionTower(
            edge=vision["image_size"],
            patch=vision["patch_size"],
            width=vision["width"],
            layers=vision["layers"],
            head_width=vision["head_width"],
            mlp_ratio=vision["mlp_ratio"],
        )
        self.logit_scale = nn.Parameter(torch.tensor(config["logit_scale_init_value"]))
        self.apply(initialise)
        for place in (self.vision_model.cls_token, self.vision_model.pos_embed):
            nn.init.normal_(place, std=0.02)

    def get_text_features(self, input_ids, attention_mask=None):
        """The mask is made from the ids; one that is given says the same."""
        return self.text_model(input_ids)

    def get_image_features(self, pixel_values):
        return self.vision_model(pixel_values)


def initialise(module):
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
