#!/usr/bin/env python3
"""Pillow's side of the comparison of preprocessing: from a file to the input of CLIP's tower, as transformers' processor does
with Pillow. Answers "prepare FILE SECONDS" and "window FILE OUT" as sightline-embed-speed --serve-rounds does (bench/rounds.h).
"""

import io
import json
import pathlib
import sys

import PIL
from contestant import measure
from PIL import Image

EDGE = 224


def window(encoded):
    picture = Image.open(io.BytesIO(encoded)).convert("RGB")
    shorter = min(picture.size)
    scaled = tuple(int(EDGE * side / shorter) for side in picture.size)
    picture = picture.resize(scaled, Image.Resampling.BICUBIC)
    left, top = (scaled[0] - EDGE) // 2, (scaled[1] - EDGE) // 2
    return picture.crop((left, top, left + EDGE, top + EDGE)).tobytes()


def do(line):
    what, file, last = line.split()
    encoded = pathlib.Path(file).read_bytes()
    if what == "prepare":
        return measure(lambda: window(encoded), float(last))
    pathlib.Path(last).write_bytes(window(encoded))
    return {"count": EDGE, "dims": 3 * EDGE}


print(json.dumps({"pillow": PIL.__version__}), flush=True)
for line in sys.stdin:
    try:
        answer = do(line)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
