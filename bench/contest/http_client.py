#!/usr/bin/env python3
"""Clients that send pictures to a server, any number at once; takes turns by the protocol of turns.py.

    http_client.py URL MODEL

    clients N SECONDS    N connections, each sends a picture (POST /v1/embeddings) when its last one is answered:
                         {"runs", "per_s", "p50_ms", "p99_ms", "client_cpu_ms" (of this process, per request)}
    trivial N SECONDS    the same with GET /health/live: the maximum rate of the clients

Each picture is a different file (by a comment in the JPEG), so that no cached vector is used.
"""

import asyncio
import base64
import itertools
import json
import random
import sys
import time
import urllib.parse

from photos import THUMBNAIL, photo

NUMBER_DIGITS = 24  # a multiple of 3, so that base64 of the number is separate
LEAST_RUNS = 3


class Requests:
    """The bytes of successive requests, each with a different number in the picture's comment."""

    def __init__(self, model, host):
        jpeg = photo(*THUMBNAIL)
        pad = 2 + (-(2 + 4 + 2)) % 3  # so that the number starts at a multiple of 3 bytes
        head = jpeg[:2] + b"\xff\xfe" + (2 + pad + NUMBER_DIGITS).to_bytes(2, "big") + b" " * pad
        tail = jpeg[2:]
        before = json.dumps({"model": model, "modality": "image", "input": ["data:image/jpeg;base64,"]})[:-3].encode()
        self.before = before + base64.b64encode(head)
        self.after = base64.b64encode(tail) + b'"]}'
        length = len(self.before) + NUMBER_DIGITS // 3 * 4 + len(self.after)
        self.start = (f"POST /v1/embeddings HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {length}\r\n\r\n").encode() + self.before  # fmt: skip
        self.numbers = itertools.count(random.SystemRandom().randrange(10**20))
        assert len(head) % 3 == 0

    def next(self):
        return self.start + base64.b64encode(b"%0*d" % (NUMBER_DIGITS, next(self.numbers))) + self.after


async def answer_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
    body = await reader.readexactly(length)
    if " 200 " not in lines[0] + " ":
        raise RuntimeError(f"{lines[0]}: {body[:200]!r}")


async def client(address, next_request, until, times):
    reader, writer = await asyncio.open_connection(*address, limit=1 << 20)
    mine = 0
    while time.perf_counter() < until or mine < LEAST_RUNS:
        request = next_request()
        begun = time.perf_counter()
        writer.write(request)
        await writer.drain()
        await answer_of(reader)
        times.append(time.perf_counter() - begun)
        mine += 1
    writer.close()


async def load(address, next_request, clients, seconds):
    times = []
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(address, next_request, begun + seconds, times) for _ in range(clients)))
    took = time.perf_counter() - begun
    times.sort()
    return {"runs": len(times), "per_s": len(times) / took, "p50_ms": times[len(times) // 2] * 1e3,
            "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)] * 1e3,
            "client_cpu_ms": (time.process_time() - cpu) / len(times) * 1e3}  # fmt: skip


def main(url, model):
    parts = urllib.parse.urlsplit(url)
    requests = Requests(model, parts.netloc)
    trivial = f"GET /health/live HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    kinds = {"clients": requests.next, "trivial": lambda: trivial}
    asyncio.run(load((parts.hostname, parts.port), requests.next, 1, 0))
    print(json.dumps({"jpeg_bytes": len(photo(*THUMBNAIL))}), flush=True)
    for line in sys.stdin:
        try:
            what, clients, seconds = line.split()
            answer = asyncio.run(load((parts.hostname, parts.port), kinds[what], int(clients), float(seconds)))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
