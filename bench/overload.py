#!/usr/bin/env python3
"""Sends a server twice the documents that it can embed, for a long time, and queries meanwhile.

    bench/overload.py --model FOLDER [--bin build/release/bin] [--minutes 30] [--times 2] [--option=--dtype=bfloat16]

Starts a separate server. First it measures the capacity (pictures per second of 16 clients, each with one request at a time) and the latency of queries on the idle server.
Then it sends --times as many pictures per second, in requests that start on time even if earlier ones are unanswered, as independent clients do, and one query every
100 ms. Each picture is new to the server's caches. A request may be answered 200, or 429 with Retry-After; anything else is a fault, and so is a request without an answer.
Prints per tenth of the time: pictures embedded and refused per second, p50 and p99 of the queries and the resident memory; at the end the ratio of the queries' p99 to that of the idle server,
and the growth of memory from the third tenth to the last. Exit code 1 if there was a fault. Needs only the standard library.
"""

import argparse
import asyncio
import base64
import collections
import json
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.parse

from query_latency import ROOT, jpeg
from soak import TENTHS, resident_mib


class Offer:
    def __init__(self, url):
        self.place = urllib.parse.urlsplit(url)
        self.pictures = [jpeg(seed) for seed in range(16)]
        self.number, self.seen, self.faults, self.free = 0, collections.Counter(), [], []

    def document(self):
        """A picture that is new to the server: a comment with a number is inserted after the start of the file."""
        self.number += 1
        picture = self.pictures[self.number % len(self.pictures)]
        comment = f"{self.number}-{time.monotonic_ns()}".encode()
        new = picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]
        return json.dumps({"model": "m", "input": [{"image": base64.b64encode(new).decode()}], "input_type": "document", "encoding_format": "base64"}).encode()

    def query(self):
        self.number += 1
        return json.dumps({"model": "m", "input": [f"a photo of house number {self.number} by the sea"], "input_type": "query", "encoding_format": "base64"}).encode()

    async def send(self, body):
        """The status; connections are used again."""
        reader, writer = self.free.pop() if self.free else await asyncio.open_connection(self.place.hostname, self.place.port)
        writer.write(f"POST /v1/embeddings HTTP/1.1\r\nHost: {self.place.netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        content = await reader.readexactly(length)
        if "connection: close" in head:
            writer.close()
        else:
            self.free.append((reader, writer))
        status = int(head.split(" ", 2)[1])
        if status != 200 and not (status == 429 and "retry-after:" in head):
            self.faults.append(f"{status}: {content[:300]!r}")
        return status

    async def try_send(self, body, kind):
        try:
            status = await self.send(body)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.faults.append(f"{kind}: no answer: {error!r}")
            return
        self.seen[kind, status] += 1

    async def capacity(self, seconds):
        end = time.monotonic() + seconds

        async def client():
            done = 0
            while time.monotonic() < end:
                done += await self.send(self.document()) == 200
            return done

        return sum(await asyncio.gather(*(client() for _ in range(16)))) / seconds

    async def queries(self, seconds, pause=0.1):
        """Milliseconds of each."""
        taken, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            await self.try_send(self.query(), "query")
            taken.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(max(0, began + pause - time.monotonic()))
        return taken

    async def documents(self, rate, seconds):
        began, sent, tasks = time.monotonic(), 0, set()
        while (now := time.monotonic()) < began + seconds:
            while sent < (now - began) * rate:
                sent += 1
                task = asyncio.create_task(self.try_send(self.document(), "document"))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.005)
        return tasks


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


async def run(options, url, pid):
    offer = Offer(url)
    await offer.queries(2)
    idle = await offer.queries(20)
    capacity = await offer.capacity(20)
    print(f"idle: p50 {statistics.median(idle):.1f} ms, p99 {percentile(idle, 0.99):.1f} ms of {len(idle)} queries; capacity: {capacity:.1f} pictures per second", flush=True)
    part = options.minutes * 60 / TENTHS
    resident, everything, waiting = [], [], set()
    for tenth in range(TENTHS):
        before = offer.seen.copy()
        began = time.monotonic()
        taken, tasks = await asyncio.gather(offer.queries(part), offer.documents(capacity * options.times, part))
        waiting |= tasks
        took = time.monotonic() - began
        everything += taken
        resident.append(resident_mib(pid))
        done, refused = ((offer.seen["document", status] - before["document", status]) / took for status in (200, 429))
        print(f"tenth {tenth + 1:>2}: {done:6.1f} embedded, {refused:6.1f} refused per second; queries p50 {statistics.median(taken):6.1f} ms, p99 {percentile(taken, 0.99):6.1f} ms; "
              f"{resident[-1]:.0f} MiB", flush=True)  # fmt: skip
    await asyncio.wait_for(asyncio.gather(*waiting), timeout=300)
    for (kind, status), count in sorted(offer.seen.items()):
        print(f"{kind} {status}: {count}")
    print(f"queries: p99 {percentile(everything, 0.99):.1f} ms, {percentile(everything, 0.99) / percentile(idle, 0.99):.2f} x idle; memory {100 * (resident[-1] / resident[2] - 1):+.1f} % from the third tenth to the last")
    for fault in offer.faults[:20]:
        print(f"fault: {fault}")
    print(f"{len(offer.faults)} faults")
    return bool(offer.faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of sightline-server")
    parser.add_argument("--model", type=pathlib.Path, required=True, help="Hugging Face folder of the model; take one of true size")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--times", type=float, default=2, help="documents offered, as a multiple of the capacity")
    parser.add_argument("--option", action="append", default=[], help="for the server, as --option=--dtype=int8; repeatable")
    options = parser.parse_args()
    command = [options.bin / "sightline-server", "--model", f"m={options.model}", "--port", "0", "--log-level", "error", *options.option]
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    try:
        code = asyncio.run(run(options, server.stdout.readline().split()[-1], server.pid))
    finally:
        server.terminate()
        server.wait(timeout=60)
    sys.exit(code)


main()
