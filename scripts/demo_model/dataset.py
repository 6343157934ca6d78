"""Drawn pictures as the model sees them, with their attributes, in two arrays on disk.

A picture is known by its seed alone. Training, validation and the demo gallery take theirs from ranges that
never meet.
"""

import multiprocessing
import pathlib
import random

import numpy
from PIL import Image

import world
from draw import draw

TRAINING_SEEDS = 0  # and up, one a picture; far fewer than
VALIDATION_SEEDS = 5_000_000  # and up, and
GALLERY_SEEDS = 9_000_000  # and up: the pictures that are shipped, never trained on
DRAWN_EDGE = 192  # pixels: twice what the model sees, so that the resize smooths as it will in use


def picture(seed, edge):
    """The attributes of one picture and its [edge, edge, 3] pixels, resized as CLIP's preprocessing does."""
    rng = random.Random(seed)
    description = world.sample(rng)
    drawn = draw(description, rng, DRAWN_EDGE, DRAWN_EDGE)
    return description, numpy.asarray(drawn.resize((edge, edge), Image.Resampling.BICUBIC))


def _fill(folder, first_seed, start, stop, edge):
    pixels = numpy.load(folder / "pixels.npy", mmap_mode="r+")
    codes = numpy.load(folder / "codes.npy", mmap_mode="r+")
    for index in range(start, stop):
        description, pixels[index] = picture(first_seed + index, edge)
        codes[index] = world.encode(description)


def prepare(folder, first_seed, count, edge, processes=2):
    """Draws `count` pictures into folder, unless they lie there; returns (pixels [count, edge, edge, 3],
    codes [count, A])."""
    folder = pathlib.Path(folder)
    done = folder / f"complete-{first_seed}-{count}-{edge}"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.glob("complete-*"):
            other.unlink()  # what it is about is drawn over
        numpy.lib.format.open_memmap(folder / "pixels.npy", "w+", numpy.uint8, (count, edge, edge, 3))
        numpy.lib.format.open_memmap(folder / "codes.npy", "w+", numpy.int8, (count, len(world.ATTRIBUTES)))
        bounds = [count * part // processes for part in range(processes + 1)]
        workers = [
            multiprocessing.Process(target=_fill, args=(folder, first_seed, start, stop, edge))
            for start, stop in zip(bounds, bounds[1:])
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            raise RuntimeError(f"drawing the pictures in {folder} failed; see the messages above")
        done.touch()
    return numpy.load(folder / "pixels.npy", mmap_mode="r"), numpy.load(folder / "codes.npy", mmap_mode="r")
