"""Trains a demo model and saves it in Hugging Face layout.

    python train.py --output OUT --work WORK

draws the training pictures into WORK (once), trains the tokenizer on captions, trains the model, and writes
OUT. Every random choice follows from --seed, and each step from (seed, step): a run that was stopped goes on
with --resume exactly as if it had not been, also with another --steps as long as the rate has not begun to
fall.

Two losses. The contrastive one is CLIP's, with a difference that drawn pictures allow: we know for every
caption and every picture of the batch whether the picture is right for it, so all right ones are positives.
The second reads each attribute off the vectors of pictures and captions with one linear layer that both
share; it is thrown away afterwards.
"""

import argparse
import math
import pathlib
import random
import time

import numpy
import torch
from torch.nn import functional

import architectures
import captions
import dataset
import retrieval
import world
from embedding import EDGE, WIDTH, image_vectors, text_vectors

WARM_UP_STEPS = 300
FALLING_SHARE = 0.2  # the last part of the run, in which the learning rate falls to zero


class AttributeReader(torch.nn.Module):
    """One linear layer from a unit vector to the values of all attributes."""

    def __init__(self, width):
        super().__init__()
        self.sizes = [len(values) for values in world.VALUES.values()]
        self.linear = torch.nn.Linear(width, sum(self.sizes))

    def forward(self, vectors):
        return self.linear(vectors * 10).split(self.sizes, dim=1)

    def loss(self, vectors, codes):
        """Mean cross-entropy over the attributes that are given (code >= 0)."""
        losses = [
            functional.cross_entropy(group, codes[:, column], ignore_index=-1, reduction="sum")
            for column, group in enumerate(self(vectors))
        ]
        return sum(losses) / (codes >= 0).sum()


def rightness(caption_codes, picture_codes):
    """[captions, pictures]: 1 where the picture has all that the caption mentions."""
    asked = caption_codes.unsqueeze(1)
    return ((asked < 0) | (asked == picture_codes.unsqueeze(0))).all(dim=2).float()


def contrastive_loss(text, images, right, scale):
    logits = scale * text @ images.T
    by_text = -(functional.log_softmax(logits, dim=1) * right).sum(1) / right.sum(1)
    by_image = -(functional.log_softmax(logits, dim=0) * right).sum(0) / right.sum(0)
    return (by_text.mean() + by_image.mean()) / 2


def ask(description, brief, rng):
    """What a caption of this picture mentions, and the caption; in `brief` of the cases a brief one."""
    if brief and rng.random() < brief:
        return captions.brief(description, rng)
    wanted = captions.choose(description, rng)
    return wanted, captions.caption(wanted, rng)


def sample_texts(count, seed, brief):
    """Captions to train the tokenizer on."""
    rng = random.Random(seed)
    for _ in range(count):
        yield ask(world.sample(rng), brief, rng)[1]


def batch(pixels, codes, size, brief, seed, step):
    """Pictures (mirrored half the time, light and tint varied a little) with a fresh caption each."""
    rng = random.Random(seed * 1_000_003 + step)
    chosen = numpy.sort(numpy.array(rng.sample(range(len(pixels)), size)))
    pictures = torch.from_numpy(pixels[chosen])
    generator = torch.Generator().manual_seed(rng.getrandbits(32))
    mirrored = torch.rand(size, generator=generator) < 0.5
    pictures[mirrored] = pictures[mirrored].flip(2)
    light = 1 + 0.06 * (2 * torch.rand(size, 1, 1, 1, generator=generator) - 1)
    tint = 1 + 0.03 * (2 * torch.rand(size, 1, 1, 3, generator=generator) - 1)
    pictures = (pictures * (light * tint)).clamp(0, 255)
    texts, mentioned = [], []
    for row in codes[chosen]:
        wanted, text = ask(world.decode(row), brief, rng)
        texts.append(text)
        mentioned.append(world.encode(wanted))
    return pictures, torch.from_numpy(codes[chosen]).long(), texts, torch.tensor(mentioned)


def learning_rate(step, steps, peak):
    fall = min(1.0, (steps - step) / max(1, steps * FALLING_SHARE))
    return peak * min(1.0, (step + 1) / WARM_UP_STEPS) * fall


def parameter_groups(modules, decay):
    """Weight decay for matrices; none for biases, norms and the logit scale."""
    named = [parameter for module in modules for parameter in module.parameters()]
    return [
        {"params": [p for p in named if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]


class Validation:
    """Pictures that are not trained on, with queries of our own making; says how far training has come."""

    def __init__(self, pixels, codes):
        self.pixels, self.codes = retrieval.as_tensor(pixels), retrieval.as_tensor(codes).long()
        self.descriptions = [world.decode(row) for row in codes]
        self.small = retrieval.random_queries(self.descriptions[:400], 300, 1)
        self.large = retrieval.random_queries(self.descriptions, 300, 2)

    @torch.no_grad()
    def report(self, model, reader, tokenizer):
        model.eval()
        images = torch.cat([image_vectors(model, part) for part in self.pixels.split(250)])
        figures = []
        for queries, count in ((self.small, 400), (self.large, len(images))):
            text = text_vectors(model, tokenizer, [text for _, text in queries])
            figures.append(
                retrieval.mean(
                    retrieval.precision_at(
                        [wanted for wanted, _ in queries], text, self.descriptions[:count], images[:count]
                    )
                )
            )
        probe = retrieval.attribute_probe(reader(images), self.codes)
        model.train()
        weakest = sorted(probe, key=probe.get)[:6]
        return figures, " ".join(f"{name}={probe[name]:.2f}" for name in weakest)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--architecture", choices=architectures.ARCHITECTURES, default="clip")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the model's folder")
    parser.add_argument(
        "--work", type=pathlib.Path, required=True, help="for drawn pictures and checkpoints (2 GB)"
    )
    parser.add_argument(
        "--brief", type=float, default=0.0, help="share of captions without the kind, or with its plural"
    )
    parser.add_argument("--pictures", type=int, default=60_000)
    parser.add_argument("--steps", type=int, default=2_120)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report-every", type=int, default=250)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --work")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    pixels, codes = dataset.prepare(
        options.work / "training", dataset.TRAINING_SEEDS, options.pictures, EDGE, options.threads
    )
    validation = Validation(
        *dataset.prepare(
            options.work / "validation", dataset.VALIDATION_SEEDS, 2000, EDGE, options.threads
        )
    )
    architecture = architectures.ARCHITECTURES[options.architecture]
    tokenizer = architecture.train_tokenizer(
        options.work / "tokenizer", 1024, sample_texts(20_000, options.seed, options.brief)
    )
    model = architecture.build(tokenizer)
    reader = AttributeReader(WIDTH)
    model.train()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens", flush=True)
    optimizer = torch.optim.AdamW(parameter_groups((model, reader), 0.05), options.rate, betas=(0.9, 0.98))
    checkpoint = options.work / "checkpoint.pt"
    first = 0
    if options.resume:
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        reader.load_state_dict(state["reader"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]

    started, seen = time.time(), {"contrastive": 0.0, "picture": 0.0, "caption": 0.0}
    for step in range(first, options.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options.steps, options.rate)
        pictures, picture_codes, texts, caption_codes = batch(
            pixels, codes, options.batch, options.brief, options.seed, step
        )
        images = image_vectors(model, pictures)
        text = text_vectors(model, tokenizer, texts)
        losses = {
            "contrastive": contrastive_loss(
                text, images, rightness(caption_codes, picture_codes), model.logit_scale.exp()
            ),
            "picture": reader.loss(images, picture_codes),
            "caption": reader.loss(text, caption_codes),
        }
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        for name in seen:
            seen[name] += losses[name].item()

        done = step + 1
        if done % 50 == 0:
            shown = " ".join(f"{name} {value / 50:.3f}" for name, value in seen.items())
            print(
                f"step {done} {shown} scale {model.logit_scale.exp().item():.1f} "
                f"{(time.time() - started) / (done - first):.3f} s/step",
                flush=True,
            )
            seen = dict.fromkeys(seen, 0.0)
        if done % options.report_every == 0 or done == options.steps:
            (small, large), weakest = validation.report(model, reader, tokenizer)
            print(
                f"== step {done}: precision@4 {small:.3f} of 400, {large:.3f} of 2000; weakest {weakest}",
                flush=True,
            )
            torch.save(
                {
                    "model": model.state_dict(),
                    "reader": reader.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": done,
                },
                checkpoint.with_suffix(".new"),
            )
            checkpoint.with_suffix(".new").replace(checkpoint)
            architecture.save(model, tokenizer, options.output)


if __name__ == "__main__":
    main()
