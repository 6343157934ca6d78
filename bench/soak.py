#!/usr/bin/env python3
"""Checks whether a server's memory grows: thousands of mixed requests, and its resident memory over time.

    soak.py [--bin build/release/bin] [--model demo/models/demo-clip] [--requests 20000] [--clients 8] [--option=--dtype=int8]

Starts a separate server with one model on a free port. The clients send, each in a different order that is the same in every run: single texts,
batches of texts of 1 to 60 words, single pictures and four at once, inputs that are broken (half a JPEG, no JSON, no such model), and requests that
are interrupted in the middle. Good ones must be answered 200 and have unit vectors, broken ones 4xx; anything else ends the run with exit code 1. Prints the
resident memory after each tenth of the requests, and how much it grew from the third tenth to the last, when caches and buffers are filled. Needs only
Python's standard library.
"""

import argparse
import base64
import http.client
import json
import math
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

from query_latency import ROOT, jpeg

WORDS = "a the house with red blue garden modern kitchen island pool view sea wooden floor bright bath room two three old brick roof".split()
KINDS = {"text": 60, "texts": 15, "picture": 8, "pictures": 2, "broken": 8, "broken off": 7}  # of 100 requests
TENTHS = 10


def data_url(picture):
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode()


def words(numbers, most=60):
    return " ".join(numbers.choices(WORDS, k=numbers.randint(1, most))) + f" {numbers.randrange(10**9)}"


def request_of(kind, numbers, pictures):
    """(body, expected vectors); 0: an error is expected."""
    inputs = {
        "text": lambda: [words(numbers, 12)],
        "texts": lambda: [words(numbers) for _ in range(numbers.randint(2, 16))],
        "picture": lambda: [data_url(numbers.choice(pictures))],
        "pictures": lambda: [data_url(picture) for picture in numbers.sample(pictures, 4)],
    }
    if kind in inputs:
        given = inputs[kind]()
        document = numbers.random() < 0.5
        return json.dumps({"model": "m", "input": given, "input_type": "document" if document else "query"}).encode(), len(given)
    picture = numbers.choice(pictures)
    return numbers.choice([
        json.dumps({"model": "m", "input": [words(numbers), data_url(picture[: len(picture) // 2])]}),
        json.dumps({"model": "none", "input": [words(numbers)]}),
        '{"model":"m","input":["' + words(numbers),
    ]).encode(), 0  # fmt: skip


class Client(threading.Thread):
    def __init__(self, url, seed, count, pictures, done):
        super().__init__(daemon=True)
        address = urllib.parse.urlsplit(url)
        self.host, self.port = address.hostname, address.port
        self.numbers, self.count, self.pictures, self.done = random.Random(seed), count, pictures, done
        self.fault = None

    def run(self):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=300)
        try:
            for _ in range(self.count):
                kind = self.numbers.choices(list(KINDS), KINDS.values())[0]
                if kind == "broken off":
                    self.break_off()
                else:
                    self.ask(connection, kind)
                self.done()
        except Exception as error:
            self.fault = repr(error)

    def break_off(self):
        body, _ = request_of(self.numbers.choice(["texts", "pictures"]), self.numbers, self.pictures)
        head = f"POST /v1/embeddings HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((self.host, self.port), timeout=60) as peer:
            whole = head.encode() + body
            peer.sendall(whole[: self.numbers.randint(1, len(whole))])

    def ask(self, connection, kind):
        body, wanted = request_of(kind, self.numbers, self.pictures)
        connection.request("POST", "/v1/embeddings", body=body, headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if wanted == 0:
            if not 400 <= answer.status < 500:
                raise RuntimeError(f"a broken request was answered {answer.status}: {content[:300]!r}")
            return
        if answer.status != 200:
            raise RuntimeError(f"{kind} was answered {answer.status}: {content[:300]!r}")
        vectors = [item["embedding"] for item in json.loads(content)["data"]]
        if len(vectors) != wanted or any(abs(math.hypot(*vector) - 1) > 1e-3 for vector in vectors):
            raise RuntimeError(f"{kind}: {len(vectors)} vectors, or not of unit length")


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the server has ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of sightline-server")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "demo/models/demo-clip", help="Hugging Face folder of the model")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--option", action="append", default=[], help="for the server, as --option=--dtype=int8; repeatable")
    options = parser.parse_args()

    pictures = [jpeg(seed) for seed in range(16)]
    command = [options.bin / "sightline-server", "--model", f"m={options.model}", "--port", "0", "--log-level", "error", *options.option]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        print(f"idle, before: {resident_mib(server.pid):.0f} MiB resident", flush=True)
        count, lock = 0, threading.Lock()

        def done():
            nonlocal count
            with lock:
                count += 1

        clients = [Client(url, seed, options.requests // options.clients, pictures, done) for seed in range(options.clients)]
        began, seen = time.monotonic(), []
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            time.sleep(0.05)
            if count >= options.requests * (len(seen) + 1) // TENTHS:
                seen.append(resident_mib(server.pid))
                print(f"{count:>7} requests, {time.monotonic() - began:6.0f} s: {seen[-1]:.0f} MiB", flush=True)
        if faults := [client.fault for client in clients if client.fault]:
            sys.exit(f"FAIL: {faults[0]}")
        if len(seen) >= TENTHS - 1:
            print(f"from the third tenth to the last: {100 * (seen[-1] / seen[2] - 1):+.1f} %")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
