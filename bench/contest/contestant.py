#!/usr/bin/env python3
"""One program that is measured by turns with others: loads a model once, then executes commands from standard input.

    contestant.py transformers|onnxruntime|openvino DTYPE FOLDER THREADS

Uses the commands of `sightline-embed-speed --serve-rounds` (bench/rounds.h). Imports only what its program needs, so that
its memory is that program's. The time is that of the towers: pixels or ids in, vectors out.
"""

import json
import pathlib
import sys
import time
import warnings

import numpy
from models import Inputs

warnings.filterwarnings("ignore")
LEAST_RUNS = 2


def transformers(dtype, folder, threads):
    import torch
    import towers

    torch.set_num_threads(threads)
    kind = getattr(torch, dtype)
    images, texts = towers.load(folder, kind)
    inputs = {"images": lambda rows: torch.from_numpy(rows).to(kind), "texts": torch.from_numpy}

    def prepare(what, rows):
        tower, given = {"images": images, "texts": texts}[what], inputs[what](rows)
        return lambda: tower(given).float().numpy()

    return prepare


def onnxruntime(dtype, folder, threads):
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    suffix = {"float32": ".onnx", "int8": ".int8.onnx"}[dtype]
    sessions = {
        what: runtime.InferenceSession(folder / "exports" / (what + suffix), options, providers=["CPUExecutionProvider"])
        for what in ("images", "texts")
    }
    return lambda what, rows: lambda: sessions[what].run(None, {"x": rows})[0]


def openvino(dtype, folder, threads):
    import openvino as ov

    suffix = ".int8.xml" if dtype == "int8" else ".onnx"
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if dtype != "int8":  # with int8, OpenVINO chooses the other types for this processor
        settings["INFERENCE_PRECISION_HINT"] = {"float32": "f32", "bfloat16": "bf16"}[dtype]
    core = ov.Core()
    requests = {
        what: core.compile_model(core.read_model(folder / "exports" / (what + suffix)), "CPU", settings).create_infer_request()
        for what in ("images", "texts")
    }
    return lambda what, rows: lambda: requests[what].infer({0: rows})[0]


PROGRAMS = {"transformers": transformers, "onnxruntime": onnxruntime, "openvino": openvino}


def resident_mib(field):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0


def measure(run, seconds):
    run()  # the caches hold another program's data
    times, cpu, start = [], time.process_time(), time.perf_counter()
    while len(times) < LEAST_RUNS or time.perf_counter() - start < seconds:
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    cpu = (time.process_time() - cpu) / len(times)
    times.sort()
    return {"runs": len(times), "median_s": times[len(times) // 2], "best_s": times[0], "cpu_s": cpu,
            "resident_mib": resident_mib("VmRSS"), "highest_mib": resident_mib("VmHWM")}  # fmt: skip


def write_vectors(run, file):
    vectors = numpy.array(run(), numpy.float32)
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
    vectors.tofile(file)
    return {"count": len(vectors), "dims": vectors.shape[1]}


def do(line, prepare, rows):
    words = line.split()
    wants_vectors = words[0] == "vectors"
    what, count, last = words[wants_vectors:]
    run = prepare(what, rows[what][: int(count)])
    return write_vectors(run, last) if wants_vectors else measure(run, float(last))


def main(program, dtype, folder, threads):
    folder = pathlib.Path(folder)
    inputs = Inputs(folder)
    rows = {"images": inputs.pixels, "texts": inputs.ids}
    start = time.perf_counter()
    prepare = PROGRAMS[program](dtype, folder, int(threads))
    for what in rows:
        prepare(what, rows[what][:1])()
    load = time.perf_counter() - start
    print(json.dumps({"load_s": load, "resident_mib": resident_mib("VmRSS"), "highest_mib": resident_mib("VmHWM")}), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        try:
            answer = do(line, prepare, rows)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
