"""Measures the cost of a server: pictures over HTTP against the same files decoded and embedded in process, by turns."""

import contextlib
import pathlib
import subprocess
import sys
import time

import towers_part
from models import MODELS
from photos import THUMBNAIL, photo
from turns import die_with_parent, in_turns, middle_of, running

HERE = pathlib.Path(__file__).resolve().parent
MODEL = MODELS["b32"]
BATCHES = {1: 1, 16: 8}  # clients: pictures per batch in process
READY_LIMIT = 300  # seconds


@contextlib.contextmanager
def server(folder, options, *more):
    """A server of the model in `folder`; yields what it printed when ready: {"ready": URL, "elasticsearch": URL}."""
    command = [options.programs_folder / "sightline-server", "--model", f"bench={folder}", "--port", "0", "--threads", options.threads,
               "--log-level", "warning", *more]  # fmt: skip
    said = options.logs / "server.out"
    with open(said, "wb") as out, open(options.logs / "server.log", "wb") as errors:
        process = subprocess.Popen([str(word) for word in command], env=options.environment, stdout=out, stderr=errors,
                                   preexec_fn=die_with_parent)  # fmt: skip
    try:
        until = time.monotonic() + READY_LIMIT
        while "ready" not in (urls := dict(line.split(" ", 1) for line in said.read_text().splitlines(keepends=True) if line.endswith("\n"))):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server does not get ready: {options.logs}/server.log")
            time.sleep(0.1)
        yield {name: url.strip() for name, url in urls.items()}
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(options, say):
    folder = options.work / "models" / MODEL.name
    towers_part.prepare(MODEL, folder, options.only_sightline(), say)
    jpeg = options.work / "thumbnail.jpg"
    jpeg.write_bytes(photo(*THUMBNAIL))
    with server(folder, options) as urls:
        commands = {
            "in process": towers_part.command_of("sightline", "float32", folder, options),
            "over HTTP": [sys.executable, HERE / "http_client.py", urls["ready"], "bench"],
        }
        groups = [[("in process", f"files {batch} {jpeg}", options.seconds), ("over HTTP", f"clients {clients}", options.seconds),
                   ("in process", f"images {batch}", options.seconds)] for clients, batch in BATCHES.items()]  # fmt: skip
        groups += [[("over HTTP", f"trivial {clients}", 1)] for clients in BATCHES]
        with running(commands, options, say) as (programs, missing):
            if missing:
                raise RuntimeError("; ".join(f"{key}: {why}" for key, why in missing.items()))
            jpeg_bytes = programs["over HTTP"].ready["jpeg_bytes"]
            answers, failed = in_turns(programs, groups, options.rounds, say, options.is_late)
    if failed:
        raise RuntimeError("; ".join(map(str, failed.values())))
    return {"title": MODEL.title, "jpeg_bytes": jpeg_bytes, "rows": {str(clients): row(answers, clients, jpeg) for clients in BATCHES}}


def row(answers, clients, jpeg):
    batch, outside = BATCHES[clients], answers["over HTTP", f"clients {clients}"]
    rates = middle_of(outside, "per_s")
    alone, towers = (batch / middle_of(answers["in process", question])["median"] for question in (f"files {batch} {jpeg}", f"images {batch}"))
    return {
        "batch_in_process": batch,
        "in_process_per_s": alone,
        "towers_per_s": towers,
        "per_s": rates["median"],
        "per_s_least": rates["least"],
        "per_s_most": rates["most"],
        "ratio": rates["median"] / alone,
        "p50_ms": middle_of(outside, "p50_ms")["median"],
        "p99_ms": middle_of(outside, "p99_ms")["median"],
        "client_cpu_ms": middle_of(outside, "client_cpu_ms")["median"],
        "trivial_per_s": middle_of(answers["over HTTP", f"trivial {clients}"], "per_s")["median"],
    }
