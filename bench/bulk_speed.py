#!/usr/bin/env python3
"""Measures how many documents per second a bulk writes to the embedded store, for one or several builds by turns.

    bulk_speed.py [--bin build/release/bin]... [--rounds 5] [--seconds 4] [--only small,base64,picture]

Three kinds of documents, each in bulks over one persistent connection:

- small: five short fields, no pipeline, 1,000 per bulk;
- base64: the same and a `binary` field of 100 kB, no pipeline, 40 per bulk;
- picture: the same as base64, but a JPEG through a pipeline whose inference processor calls the demo model, 40 per bulk. All
  pictures differ, so that no cached vector is used.

In each round every build runs each kind in turn, on a separate server with an empty store. Give --bin for each build to
compare. The builds take turns (ABAB), so that all of them have the same noise. Prints the median and the range over the rounds,
and the CPU time of the server per document. Needs only Python's standard library.
"""

import argparse
import base64
import http.client
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
WARM_UP_BULKS = 2  # per turn, not counted
KINDS = {"small": 1000, "base64": 40, "picture": 40}  # documents per bulk
INDEX = {"mappings": {"properties": {
    "name": {"type": "keyword"}, "text": {"type": "text"}, "price": {"type": "double"}, "year": {"type": "integer"}, "open": {"type": "boolean"},
    "image_data": {"type": "binary"}, "image_embedding": {"type": "dense_vector", "index": False}, "model_id": {"type": "keyword"}}}}
ENDPOINT = {"service": "custom", "service_settings": {
    "headers": {"Content-Type": "application/json"},
    "request": '{"model":"clip","input_type":"document","modality":"image","input":${input}}',
    "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}},
    "similarity": "cosine", "rate_limit": {"requests_per_minute": 600000}}}
PIPELINE = {"processors": [{"inference": {"model_id": "clip", "input_output": [{"input_field": "image_data", "output_field": "image_embedding"}]}}]}


class Server:
    """A server of one build, with the demo model and an empty store."""

    def __init__(self, folder, data):
        self.process = subprocess.Popen(
            [folder / "sightline-server", "--model", f"clip={ROOT / 'demo/models/demo-clip'}", "--embedded-elasticsearch", "--data-dir", data,
             "--port", "0", "--elasticsearch-port", "0", "--log-level", "warning"], stdout=subprocess.PIPE, text=True)
        urls = dict(self.process.stdout.readline().split() for _ in range(2))
        address = urllib.parse.urlsplit(urls["elasticsearch"])
        self.http = http.client.HTTPConnection(address.hostname, address.port, timeout=300)
        endpoint = json.loads(json.dumps(ENDPOINT))
        endpoint["service_settings"]["url"] = urls["ready"] + "/v1/embeddings"
        self.call("PUT", "/_inference/text_embedding/clip", endpoint)
        self.call("PUT", "/_ingest/pipeline/clip", PIPELINE)
        self.call("PUT", "/speed", INDEX)

    def call(self, method, path, body):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.http.request(method, path, content, {"Content-Type": "application/json"})
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status >= 300 or b'"errors":true' in text[:200]:
            sys.exit(f"{method} {path} answered {answer.status}: {text[:400]!r}")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def bulk(kind, number):
    """A bulk of documents that differ from those of every other bulk."""
    numbers, lines = random.Random(number), []
    jpeg = next(iter(sorted((ROOT / "demo/pictures").glob("*.jpg")))).read_bytes()
    for _ in range(KINDS[kind]):
        document = {"name": f"house {numbers.random()}", "text": "a photo of a red house by the sea", "price": numbers.random() * 1e6,
                    "year": numbers.randint(1900, 2026), "open": True}
        if kind == "base64":
            document["image_data"] = base64.b64encode(numbers.randbytes(75_000)).decode()
        if kind == "picture":  # bytes after the end of a JPEG are not decoded
            document["image_data"] = base64.b64encode(jpeg + numbers.randbytes(75_000 - len(jpeg))).decode()
        lines += ['{"index":{"_index":"speed"}}', json.dumps(document, separators=(",", ":"))]
    return ("\n".join(lines) + "\n").encode()


def turn(folder, kind, bodies, seconds):
    """(documents per second, milliseconds of CPU per document)"""
    with tempfile.TemporaryDirectory() as data:
        server = Server(folder, data)
        try:
            path = "/_bulk?pipeline=clip" if kind == "picture" else "/_bulk"
            for body in bodies[:WARM_UP_BULKS]:
                server.call("POST", path, body)
            count, begun, cpu = 0, time.perf_counter(), server.cpu_seconds()
            for body in bodies[WARM_UP_BULKS:]:
                server.call("POST", path, body)
                count += KINDS[kind]
                if time.perf_counter() > begun + seconds:
                    break
            return count / (time.perf_counter() - begun), (server.cpu_seconds() - cpu) * 1000 / count
        finally:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, action="append", help="folder of sightline-server; repeatable")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each turn, at most")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of documents, comma-separated")
    options = parser.parse_args()
    builds = options.bin or [ROOT / "build/release/bin"]
    for kind in options.only.split(","):
        bodies = [bulk(kind, number) for number in range(60 if kind == "small" else 30)]
        taken = [[] for _ in builds]
        for _ in range(options.rounds):
            for build, results in zip(builds, taken):
                results.append(turn(build.resolve(), kind, bodies, options.seconds))
        for build, results in zip(builds, taken):
            rates, cpu = zip(*results)
            print(f"{kind:8} {build}: {statistics.median(rates):8.1f} documents/s ({min(rates):.1f} to {max(rates):.1f}), "
                  f"{statistics.median(cpu):.3f} ms of CPU per document", flush=True)


if __name__ == "__main__":
    main()
