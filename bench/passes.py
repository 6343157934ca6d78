#!/usr/bin/env python3
"""Compares two ways to load pictures for three models: one pass into an index with three vectors, and three passes into three indices.

    passes.py [--bin build/release/bin] [--model demo/models/demo-clip] [--pictures 10000] [--rounds 1] [--option=--dtype=int8]

Generates small JPEGs (pictures of the demo, each with different bytes after its end, so that all of them differ), and starts a separate server with
the embedded store and the same model under three names. It caches no vectors of pictures. sightline-ingest then loads the pictures, in each round once
in each way, each time into an empty store. Prints for each pass the pictures per second, the loader's line about its slowest stage, and the loader's
resident memory in each tenth of its time. It should be flat after the first. Last comes how much faster one pass is than three. Needs only Python's
standard library.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from bulk_speed import ENDPOINT, ROOT

NAMES = ("a", "b", "c")
TENTHS = 10
WARM_UP_PICTURES = 32
SAMPLE_SECONDS = 0.05


def write_pictures(folder, count):
    """A thousand files per folder, as no one has a million in one."""
    jpegs = [path.read_bytes() for path in sorted((ROOT / "demo/pictures").glob("*.jpg"))]
    numbers = random.Random(1)
    for number in range(count):
        place = folder / f"{number // 1000:04}"
        place.mkdir(exist_ok=True)
        (place / f"{number:07}.jpg").write_bytes(jpegs[number % len(jpegs)] + numbers.randbytes(16))


class Server:
    """A server with three names of one model and an empty store."""

    def __init__(self, folder, model, data, options):
        models = [part for name in NAMES for part in ("--model", f"{name}={model}")]
        self.process = subprocess.Popen(
            [folder / "sightline-server", *models, "--embedded-elasticsearch", "--data-dir", data, "--port", "0", "--elasticsearch-port", "0",
             "--vector-cache-pictures", "0MB", "--log-level", "warning", *options], stdout=subprocess.PIPE, text=True)
        urls = dict(self.process.stdout.readline().split() for _ in range(2))
        self.url, self.elasticsearch = urls["ready"], urls["elasticsearch"]
        for name in NAMES:
            endpoint = json.loads(json.dumps(ENDPOINT))
            endpoint["service_settings"]["url"] = self.url + "/v1/embeddings"
            endpoint["service_settings"]["request"] = endpoint["service_settings"]["request"].replace('"model":"clip"', f'"model":"{name}"')
            self.call("PUT", f"/_inference/text_embedding/{name}", endpoint)

    def call(self, method, path, body=None):
        address = urllib.parse.urlsplit(self.elasticsearch)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=300)
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300:
            sys.exit(f"{method} {path} answered {answer.status}: {text[:400]!r}")
        return json.loads(text)

    def make_index(self, index, names):
        """An index with a vector field for each of the models, which its pipeline fills."""
        steps = [{"inference": {"model_id": name, "input_output": [{"input_field": "image_data", "output_field": f"{name}_embedding"}]}} for name in names]
        self.call("PUT", f"/_ingest/pipeline/{index}", {"processors": steps})
        fields = {f"{name}_embedding": {"type": "dense_vector", "index": False} for name in names}
        self.call("PUT", f"/{index}", {"settings": {"index": {"default_pipeline": index}},
                                       "mappings": {"properties": {"image_name": {"type": "keyword"}, "image_data": {"type": "binary"}, **fields}}})

    def stop(self):
        self.process.terminate()
        self.process.wait()


def resident_bytes(process):
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def warm_up(folder, server, pictures):
    """Loads a few pictures for all models, so that no pass pays for what a server does only once."""
    server.make_index("warm-up", NAMES)
    some = [str(path.relative_to(pictures)) for path in sorted((pictures / "0000").iterdir())[:WARM_UP_PICTURES]]
    subprocess.run([folder / "sightline-ingest", pictures, "--files-from", "-", "--index", "warm-up", "--quiet", "--env-file", "/dev/null", "--report", "/dev/null"],
                   env={"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": server.elasticsearch}, input="\n".join(some), text=True, check=True, stdout=subprocess.DEVNULL)


def load(folder, server, pictures, index, count):
    """(seconds, the loader's line about its speed, its resident bytes in each tenth)"""
    environment = {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": server.elasticsearch}
    begun = time.perf_counter()
    loader = subprocess.Popen([folder / "sightline-ingest", pictures, "--index", index, "--quiet", "--env-file", "/dev/null", "--report", "/dev/null"],
                              env=environment, stdout=subprocess.PIPE, text=True)
    samples, ended = [], threading.Event()

    def watch():
        while not ended.wait(SAMPLE_SECONDS):
            samples.append(resident_bytes(loader))

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed = loader.communicate()[0]
    seconds = time.perf_counter() - begun
    ended.set()
    watcher.join()
    if loader.returncode != 0 or server.call("GET", f"/{index}/_count")["count"] != count:
        sys.exit(f"the load into {index} failed:\n{printed}")
    samples = [sample for sample in samples if sample]
    tenths = [samples[len(samples) * at // TENTHS:len(samples) * (at + 1) // TENTHS] for at in range(TENTHS)]
    return seconds, next(line for line in printed.splitlines() if "slowest:" in line), [statistics.median(tenth) for tenth in tenths if tenth]


def turn(options, pictures, passes):
    """Seconds of all passes, each (index, names of models), into one empty store."""
    whole = 0
    with tempfile.TemporaryDirectory() as data:
        server = Server(options.bin.resolve(), options.model.resolve(), data, options.option)
        try:
            warm_up(options.bin.resolve(), server, pictures)
            for index, names in passes:
                server.make_index(index, names)
                seconds, line, memory = load(options.bin.resolve(), server, pictures, index, options.pictures)
                whole += seconds
                print(f"  {index}: {options.pictures / seconds:7.1f} pictures/s\n    {line}\n    memory of the loader in MB: "
                      + " ".join(f"{bytes / 1e6:.1f}" for bytes in memory), flush=True)
        finally:
            server.stop()
    return whole


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of the programs")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "demo/models/demo-clip")
    parser.add_argument("--pictures", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--option", action="append", default=[], help="more options of the server; repeatable")
    options = parser.parse_args()
    one, three = [], []
    with tempfile.TemporaryDirectory() as folder:
        pictures = pathlib.Path(folder)
        write_pictures(pictures, options.pictures)
        for _ in range(options.rounds):
            print("one pass, three vectors per document")
            one.append(turn(options, pictures, [("all", NAMES)]))
            print("three passes, one vector per document")
            three.append(turn(options, pictures, [(f"only-{name}", (name,)) for name in NAMES]))
    print(f"one pass:     {options.pictures / statistics.median(one):7.1f} pictures/s with three vectors each ({statistics.median(one):.1f} s)")
    print(f"three passes: {options.pictures / statistics.median(three):7.1f} pictures/s with three vectors each ({statistics.median(three):.1f} s)")
    print(f"one pass takes {statistics.median(one) / statistics.median(three):.0%} of the time of three")


if __name__ == "__main__":
    main()
