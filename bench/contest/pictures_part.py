"""Decoding, resizing and cropping on one core: Sightline's preprocessing against Pillow's, by turns."""

import pathlib
import sys

import towers_part
from models import MODELS
from photos import photo
from turns import in_turns, middle_of, running

HERE = pathlib.Path(__file__).resolve().parent
MODEL = MODELS["b32"]
PICTURES = {"small.jpg": (640, 480, 77_000), "large.jpg": (1920, 1080, 550_000)}  # width, height, bytes


def measure(options, say):
    folder = options.work / "models" / MODEL.name
    towers_part.prepare(MODEL, folder, options.only_sightline(), say)
    for name, size in PICTURES.items():
        (options.work / name).write_bytes(photo(*size))
    commands = {
        "sightline": towers_part.command_of("sightline", "float32", folder, options),
        "pillow": [sys.executable, HERE / "pillow_pictures.py"],
    }
    with running(commands, options, say) as (programs, missing):
        if missing:
            raise RuntimeError("; ".join(f"{key}: {why}" for key, why in missing.items()))
        equal = {name: same_window(programs, name, options.work) for name in PICTURES}
        groups = [[(key, f"prepare {name}", options.seconds) for key in commands] for name in PICTURES]
        answers, failed = in_turns(programs, groups, options.rounds, say, options.is_late)
    if failed:
        raise RuntimeError("; ".join(map(str, failed.values())))
    return {name: row(answers, name, (options.work / name).stat().st_size, equal[name]) for name in PICTURES}


def same_window(programs, name, work):
    windows = []
    for key, program in programs.items():
        program.ask(f"window {name} window.{key}")
        windows.append((work / f"window.{key}").read_bytes())
    return windows[0] == windows[1]


def row(answers, name, size, equal):
    width, height, _ = PICTURES[name]
    times = {key: middle_of(answers[key, f"prepare {name}"]) for key in ("sightline", "pillow")}
    return {"pixels": f"{width} x {height}", "bytes": size, "same_window": equal,
            "ms": {key: {of: value * 1e3 for of, value in found.items() if of != "rounds"} for key, found in times.items()},
            "ratio": times["pillow"]["median"] / times["sightline"]["median"]}  # fmt: skip
