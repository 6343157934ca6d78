"""Draws one picture from a description; as a program, a sheet of examples to look at.

    python draw.py sheet.png            # 7 rows, one a kind
"""

import argparse
import random

from PIL import Image

import world
from canvas import Canvas
from scenes_inside import draw_bathroom, draw_bedroom, draw_kitchen, draw_living_room
from scenes_outside import draw_garden, draw_house, draw_pool

SCENES = {
    "house": draw_house,
    "kitchen": draw_kitchen,
    "bathroom": draw_bathroom,
    "bedroom": draw_bedroom,
    "living room": draw_living_room,
    "pool": draw_pool,
    "garden": draw_garden,
}


def draw(description, rng: random.Random, width, height, oversample=1):
    """A PIL picture of width x height pixels. All that the description leaves open comes from rng."""
    canvas = Canvas(width, height, oversample, mirrored=rng.random() < 0.5)
    SCENES[description["kind"]](canvas, description, rng)
    return canvas.finished()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    columns, width, height = 6, 320, 240
    sheet = Image.new("RGB", (columns * width, len(SCENES) * height))
    for row, kind in enumerate(SCENES):
        for column in range(columns):
            rng = random.Random(options.seed * 1000 + row * columns + column)
            sheet.paste(
                draw(world.sample(rng, {"kind": kind}), rng, width, height, 3), (column * width, row * height)
            )
    sheet.save(options.output)


if __name__ == "__main__":
    main()
