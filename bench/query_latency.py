#!/usr/bin/env python3
"""Measures the cost of ingest for a query: the latency of one client of text queries, alone and while others ingest pictures.

    query_latency.py [--bin build/release/bin] [--model demo/models/demo-clip] [--clients 16] [--rounds 3] [--seconds 10]

Starts a separate server with one model on a free port. Each round has three parts, one after the other, so that all of them have the same noise:

- queries alone: one client sends a text query as soon as the last one is answered (or after --pause);
- documents alone: `--clients` clients send one picture per request, each as soon as its last one is answered;
- both at once.

Prints p50 and p99 of the queries in milliseconds, alone and during ingest, and the ratio of the two; documents per second, alone and with queries; and how many
batches of queries ran between the steps of a batch of documents. Documents get slower while queries run, because queries have priority: with --pause 100 the client leaves the model time in
between, as people who search do. The pictures are JPEGs of 640 x 480 and about 77 kB that the script makes, or those of --pictures. For realistic numbers use a full-size
model (sightline-make-checkpoint writes one with random weights) and run nothing else. Needs only Python's standard library.
"""

import argparse
import base64
import http.client
import itertools
import json
import multiprocessing
import pathlib
import random
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
PICTURES = 16
WARM_UP = 1.0  # seconds per part, not counted


def jpeg(seed, width=640, height=480):
    """A baseline JPEG (4:2:0) of random texture. Its Huffman codes have one length for all symbols: 4 bits for DC, 8 bits for AC."""
    numbers = random.Random(seed)
    bits, count, out = 0, 0, bytearray()

    def put(value, length):
        nonlocal bits, count
        bits, count = bits << length | value, count + length
        while count >= 8:
            count -= 8
            byte = bits >> count & 0xFF
            out.extend(b"\xff\x00" if byte == 0xFF else bytes([byte]))
        bits &= (1 << count) - 1

    def put_number(value):
        size = abs(value).bit_length()
        put(value if value >= 0 else value + (1 << size) - 1, size)

    symbols = [0] + [run << 4 | size for run in range(16) for size in range(1, 11)] + [0xF0]
    code = {symbol: place for place, symbol in enumerate(symbols)}
    for _ in range(width // 16 * (height // 16) * 6):  # four of luma and two of chroma in each 16 x 16 pixels
        step = numbers.randint(-7, 7)
        put(abs(step).bit_length(), 4)
        put_number(step)
        for _ in range(numbers.randint(6, 9)):
            value = numbers.choice((-3, -2, -1, 1, 2, 3))
            put(code[numbers.randint(0, 2) << 4 | abs(value).bit_length()], 8)
            put_number(value)
        put(code[0], 8)
    put((1 << 7) - 1, 7)

    def segment(marker, content):
        return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content

    def table(kind, length, values):
        return bytes([kind]) + bytes(len(values) if i + 1 == length else 0 for i in range(16)) + bytes(values)

    frame = struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0])
    return (b"\xff\xd8" + segment(0xDB, bytes([0] + [12] * 64)) + segment(0xC0, frame)
            + segment(0xC4, table(0x00, 4, range(12)) + table(0x10, 8, symbols))
            + segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])) + bytes(out) + b"\xff\xd9")


class Client:
    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self.http = http.client.HTTPConnection(address.hostname, address.port, timeout=300)
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def embed(self, body):
        self.http.request("POST", "/v1/embeddings", body=body, headers={"Content-Type": "application/json"})
        answer = self.http.getresponse()
        content = answer.read()
        if answer.status != 200:
            sys.exit(f"POST /v1/embeddings answered {answer.status}: {content[:400]!r}")


def request(content, kind):
    return json.dumps({"model": "m", "input": [content], "input_type": kind}).encode()


def run_queries(url, seconds, pause, answers):
    """Milliseconds of each query."""
    client, taken, begun = Client(url), [], time.monotonic()
    for number in itertools.count():
        if time.monotonic() > begun + seconds:
            break
        body = request(f"a photo of house number {number} by the sea", "query")
        sent = time.perf_counter()
        client.embed(body)
        took = (time.perf_counter() - sent) * 1000
        if time.monotonic() > begun + WARM_UP:
            taken.append(took)
        time.sleep(pause)
    answers.put(taken)


def run_documents(url, seconds, clients, bodies, answers):
    """Documents per second."""
    begun = time.monotonic()
    counts = [0] * clients

    def ingest(place):
        client = Client(url)
        for body in itertools.islice(itertools.cycle(bodies), place % len(bodies), None):
            client.embed(body)
            now = time.monotonic()
            if now > begun + seconds:
                return
            if now > begun + WARM_UP:
                counts[place] += 1

    threads = [threading.Thread(target=ingest, args=(place,)) for place in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(sum(counts) / (seconds - WARM_UP))


def side_by_side(*works):
    """The results of {function: arguments}, each run in a separate process."""
    running = []
    for work, arguments in works:
        answers = multiprocessing.Queue()
        process = multiprocessing.Process(target=work, args=(*arguments, answers), daemon=True)
        process.start()
        running.append((process, answers))
    results = []
    for process, answers in running:
        while True:
            try:
                results.append(answers.get(timeout=1))
                break
            except multiprocessing.queues.Empty:
                if not process.is_alive() and answers.empty():
                    sys.exit("a client failed")
        process.join()
    return results


def interleaved_batches(url):
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("sightline_batches_interleaved_total{"))


def percentile(taken, percent):
    return statistics.quantiles(taken, n=100, method="inclusive")[percent - 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of sightline-server")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "demo/models/demo-clip", help="Hugging Face folder of the model")
    parser.add_argument("--pictures", type=pathlib.Path, help="folder of *.jpg to ingest; without: made by the script")
    parser.add_argument("--clients", type=int, default=16, help="that ingest")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of each of the three parts of a round; the first second is not counted")
    parser.add_argument("--pause", type=float, default=0, help="of the client of queries after each answer, in milliseconds")
    parser.add_argument("--option", action="append", default=[], help="for the server, as --option=--threads=2; repeatable")
    options = parser.parse_args()
    if options.seconds <= WARM_UP:
        parser.error(f"--seconds must be above {WARM_UP}")

    pictures = [file.read_bytes() for file in sorted(options.pictures.glob("*.jpg"))] if options.pictures else [jpeg(seed) for seed in range(PICTURES)]
    if not pictures:
        parser.error(f"--pictures: there is no *.jpg in {options.pictures}")
    bodies = [request("data:image/jpeg;base64," + base64.b64encode(picture).decode(), "document") for picture in pictures]
    print(f"{len(pictures)} pictures of {statistics.mean(map(len, pictures)) / 1000:.0f} kB on average, {options.clients} clients that ingest")

    server = subprocess.Popen([options.bin / "sightline-server", "--model", f"m={options.model}", "--port", "0", "--log-level", "warning", "--vector-cache-texts", "0MB", "--vector-cache-pictures", "0MB", *options.option],
                              stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        queries = (run_queries, (url, options.seconds, options.pause / 1000))
        documents = (run_documents, (url, options.seconds, options.clients, bodies))
        alone, beside, rate_alone, rate_beside = [], [], [], []
        for number in range(options.rounds):
            alone += side_by_side(queries)[0]
            rate_alone += side_by_side(documents)
            taken, rate = side_by_side(queries, documents)
            beside += taken
            rate_beside.append(rate)
            print(f"round {number + 1} of {options.rounds}: {len(alone)} and {len(beside)} queries so far", file=sys.stderr)
        for percent in (50, 99):
            quiet, busy = percentile(alone, percent), percentile(beside, percent)
            print(f"queries p{percent}: alone {quiet:8.1f} ms   during ingest {busy:8.1f} ms   ratio {busy / quiet:6.2f}")
        quiet, busy = statistics.mean(rate_alone), statistics.mean(rate_beside)
        print(f"documents: alone {quiet:8.1f} per second   with queries {busy:8.1f} per second   ratio {busy / quiet:6.2f}")
        print(f"batches of queries between the steps of documents: {interleaved_batches(url):.0f} for {len(beside)} counted queries")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
