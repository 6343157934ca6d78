"""Measures one model's towers in all programs, by turns, and the processor's maximum speed."""

import pathlib
import subprocess
import sys

import numpy

import ceiling
import machine
from turns import in_turns, middle_of, running

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {
    "sightline": ("float32", "bfloat16", "int8"),
    "transformers": ("float32", "bfloat16"),
    "onnxruntime": ("float32", "int8"),
    "openvino": ("float32", "bfloat16", "int8"),
}
EXPORT_LIMIT = 1800  # seconds


def export_of(program, dtype):
    """The exported form that a program loads; None: it loads the folder itself."""
    if program in ("sightline", "transformers"):
        return None
    return {"onnxruntime": "onnx-int8", "openvino": "openvino-int8"}[program] if dtype == "int8" else "onnx"


def command_of(program, dtype, folder, options):
    if program == "sightline":
        inputs = folder / "inputs"
        return [options.programs_folder / "sightline-embed-speed", folder, "--serve-rounds", "--threads", options.threads, "--dtype", dtype,
                "--rgb", inputs / "windows.rgb", "--ids", inputs / "ids.txt"]  # fmt: skip
    return [sys.executable, HERE / "contestant.py", program, dtype, folder, options.threads]


def prepare(model, folder, options, say):
    """Makes checkpoint and exports, each once. Returns {kind of export: why there is none}."""
    def made(what, *command):
        with open(options.logs / f"{model.name}-{what}.log", "wb") as log:
            done = subprocess.run([sys.executable, *map(str, command)], stdout=log, stderr=log, timeout=EXPORT_LIMIT, check=False)
        return None if done.returncode == 0 else f"{what} could not be made: {log.name}"

    if not (folder / "inputs/inputs.json").exists():
        say(f"  writing {folder}")
        if why := made("checkpoint", HERE / "checkpoints.py", model.name, folder, "--programs", options.programs_folder):
            raise RuntimeError(why)
    missing = {}
    for kind in ("onnx", "onnx-int8", "openvino-int8"):
        if not any(export_of(program, dtype) == kind for program, dtype in options.contestants):
            continue
        if kind != "onnx" and "onnx" in missing:
            missing[kind] = missing["onnx"]
            continue
        try:
            why = made(kind, HERE / "exports.py", folder, kind)
        except subprocess.TimeoutExpired:
            why = f"{kind} was not made within {EXPORT_LIMIT} s"
        if why:
            missing[kind] = why
            say(f"  {why}")
    return missing


def commands_and_reasons(model, folder, options, lost_exports):
    """({contestant: command}, {contestant: why it is not run})."""
    commands, missing = {}, {}
    for program, dtype in options.contestants:
        key = f"{program} {dtype}"
        if dtype not in PROGRAMS[program]:
            missing[key] = "not offered"
        elif dtype == "bfloat16" and not machine.has_bfloat16():
            missing[key] = "this processor has no bfloat16 instructions"
        elif (lost := export_of(program, dtype)) in lost_exports:
            missing[key] = lost_exports[lost]
        else:
            commands[key] = command_of(program, dtype, folder, options)
    return commands, missing


def vectors_of(program, what, count, folder):
    answer = program.ask(f"vectors {what} {count} vectors.f32")
    return numpy.fromfile(folder / "vectors.f32", numpy.float32).reshape(answer["count"], answer["dims"])


def similarity(model, programs, options, say):
    """The lowest cosine of each contestant's vectors to those of Sightline in float32, for the same inputs; and for
    comparison the highest cosine of two different inputs."""
    reference = "sightline float32" if "sightline float32" in programs else next(iter(programs), None)
    found = {"reference": reference, "lowest": {}, "different_inputs": {}}
    for what, counts in (("images", model.image_batches), ("texts", model.text_batches)):
        vectors = {}
        for key, program in programs.items():
            try:
                vectors[key] = vectors_of(program, what, max(counts), options.work).astype(float)
            except Exception as why:
                say(f"  {key}: no vectors of {what}: {why}")
        if reference not in vectors:
            continue
        right = vectors[reference]
        found["different_inputs"][what] = float((right @ right.T - 2 * numpy.eye(len(right))).max())
        for key, own in vectors.items():
            lowest = (own * right).sum(1).min() if own.shape == right.shape else 0
            found["lowest"].setdefault(key, {})[what] = float(lowest)
    return found


def reason(why):
    """Why a contestant did not start, as text for the table."""
    return "not offered" if "dtype" in why and "none of" in why else why


def measure(model, options, say):
    folder = options.work / "models" / model.name
    lost_exports = prepare(model, folder, options, say)
    commands, missing = commands_and_reasons(model, folder, options, lost_exports)
    products = ceiling.questions(model, options) if options.ceiling else []
    if options.ceiling:
        commands["ceiling"] = ceiling.command(options)
    weights_mib = (folder / "model.safetensors").stat().st_size / 2**20
    with running(commands, options, say, memory_mib=1024 + 1.5 * weights_mib) as (programs, lost):
        missing |= {key: reason(why) for key, why in lost.items()}
        contestants = {key: program for key, program in programs.items() if key != "ceiling"}
        similar = similarity(model, contestants, options, say)
        groups = [[(key, f"{what} {batch}", options.seconds) for key in contestants] for what, batch in model.cells]
        groups += [[("ceiling", question, ceiling.seconds(options))] for question in products]
        answers, failed = in_turns(programs, [group for group in groups if group], options.rounds, say, options.is_late)
        loading = {key: program.ready for key, program in contestants.items()}
    cells = {}
    for what, batch in model.cells:
        question = f"{what} {batch}"
        cells[question] = {key: cell(answers[key, question], batch) for key in contestants if answers.get((key, question))}
    return {
        "title": model.title,
        "cells": cells,
        "failed": {f"{key}: {question}": why for (key, question), why in failed.items()},
        "missing": missing,
        "loading": loading,
        "memory_mib": {key: memory(key, answers) for key in contestants},
        "similarity": similar,
        "ceiling": ceiling.limits(model, answers) if options.ceiling else {},
    }


def cell(answers, batch):
    """Inputs per second, from each round's median run, and milliseconds per run."""
    seconds = middle_of(answers)
    return {
        "per_s": batch / seconds["median"],
        "per_s_least": batch / seconds["most"],
        "per_s_most": batch / seconds["least"],
        "ms": seconds["median"] * 1e3,
        "cpu_ms": middle_of(answers, "cpu_s")["median"] * 1e3,
        "rounds": seconds["rounds"],
        "runs": sum(answer["runs"] for answer in answers),
    }


def memory(key, answers):
    """Resident after the last turn, and the highest so far."""
    last = [found[-1] for (name, question), found in answers.items() if name == key and found]
    return {name: max((answer[name] for answer in last), default=0) for name in ("resident_mib", "highest_mib")}
