"""Draws the demo gallery: demo/pictures, demo/attributes.csv, from demo/queries.json.

    python gallery.py ../../demo

The queries are written first, by hand. Pictures come from the seeds of the gallery, which are never trained
on, and are random but for this: each query is given a few pictures with the attributes that it asks for,
because among 400 random ones most questions of three attributes would have too few right answers to measure.
Names say nothing; sizes vary.
"""

import argparse
import csv
import json
import pathlib
import random

import captions
import dataset
import world
from draw import draw

PICTURES = 400
RIGHT_PICTURES = 5  # each query has at least so many
SIZES = ((372, 279), (372, 279), (366, 244), (300, 300), (276, 340), (420, 236))
OVERSAMPLE = 3
JPEG_QUALITY = 82


def compose(queries):
    """[(description, rng)]: what to draw, and the generator that goes on to draw it; shuffled."""
    pictures = []

    def add(wanted):
        rng = random.Random(dataset.GALLERY_SEEDS + len(pictures))
        pictures.append((world.sample(rng, wanted), rng))

    for query in queries:
        while (
            sum(world.satisfies(description, query["right"]) for description, _ in pictures) < RIGHT_PICTURES
        ):
            add(query["right"])
    while len(pictures) < PICTURES:
        add({})
    random.Random(dataset.GALLERY_SEEDS - 1).shuffle(pictures)
    return pictures


def full_caption(description, rng):
    """A caption that mentions the colour and up to three more attributes."""
    names = [name for name in captions.mentionable(description) if name != "color"]
    chosen = rng.sample(names, min(3, len(names)))
    wanted = {name: description[name] for name in ["kind", "color"] + chosen}
    return captions.caption(wanted, rng, plain=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=pathlib.Path, help="the folder that holds queries.json")
    folder = parser.parse_args().demo
    queries = json.loads((folder / "queries.json").read_text())
    (folder / "pictures").mkdir(exist_ok=True)
    for old in (folder / "pictures").glob("*.jpg"):
        old.unlink()
    with open(folder / "attributes.csv", "w", newline="") as table:
        writer = csv.DictWriter(table, ["file", "caption", *world.ATTRIBUTES], lineterminator="\n")
        writer.writeheader()
        for number, (description, rng) in enumerate(compose(queries)):
            width, height = rng.choice(SIZES)
            name = f"{number:06}.jpg"
            draw(description, rng, width, height, OVERSAMPLE).save(
                folder / "pictures" / name, quality=JPEG_QUALITY, optimize=True
            )
            writer.writerow({"file": name, "caption": full_caption(description, rng), **description})


if __name__ == "__main__":
    main()
