#!/usr/bin/env python3
"""Sends many requests of which half are interrupted at a random byte, and checks every answer.

    bench/storm.py --url http://127.0.0.1:8080 [--requests 200000] [--connections 64] [--model clip]
    bench/storm.py --url https://127.0.0.1:8080 --ca ca.crt [--key KEY]

Each request embeds one of 200 texts and has a unique id. A broken request is cut within its bytes or right after them, by closing the
connection or by an abort (RST); the next one begins on a new connection. Others follow each other on one connection.

Counted: answered (with the right vector and its own id), broken off, and the faults: crossed (another request's id), wrong (another vector), lost (a whole request
without an answer), refused (another status than 200). Exit code 1 if there was a fault. Needs only the standard library.
"""

import argparse
import collections
import json
import random
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

TEXTS = [f"a {colour} house with {count} windows" for colour in ("red", "blue", "white", "grey", "old", "new", "tall", "small", "brick", "wooden") for count in range(20)]


class Client:
    def __init__(self, arguments, context):
        parts = urllib.parse.urlsplit(arguments.url)
        self.place, self.context, self.arguments = (parts.hostname, parts.port or (443 if context else 80)), context, arguments
        self.connection, self.received = None, b""

    def open(self):
        self.connection = socket.create_connection(self.place, timeout=60)
        if self.context:
            self.connection = self.context.wrap_socket(self.connection, server_hostname=self.place[0])
        self.received = b""

    def close(self, abort=False):
        if self.connection is None:
            return
        if abort:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.connection = None

    def request(self, number, text):
        body = json.dumps({"model": self.arguments.model, "input": text, "encoding_format": "base64"}).encode()
        key = f"Authorization: Bearer {self.arguments.key}\r\n" if self.arguments.key else ""
        head = f"POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nX-Request-Id: storm-{number}\r\n{key}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def answer(self):
        """Status, fields and body of the next answer."""
        while b"\r\n\r\n" not in self.received:
            self.more()
        head, _, rest = self.received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        size = int(fields["content-length"])
        self.received = rest
        while len(self.received) < size:
            self.more()
        body, self.received = self.received[:size], self.received[size:]
        return int(lines[0].split()[1]), fields, body

    def more(self):
        piece = self.connection.recv(65536)
        if not piece:
            raise ConnectionError("the connection ended within an answer")
        self.received += piece


def vector_of(body):
    return json.loads(body)["data"][0]["embedding"]


def storm(arguments, context, expected, numbers, counts, lock, seed):
    chance, client, mine = random.Random(seed), Client(arguments, context), collections.Counter()
    for number in numbers:
        text = chance.choice(TEXTS)
        try:
            if client.connection is None:
                client.open()
            request = client.request(number, text)
            if chance.random() < 0.5:
                client.connection.sendall(request[:chance.randint(1, len(request))])
                client.close(abort=chance.random() < 0.5)
                mine["broken off"] += 1
                continue
            client.connection.sendall(request)
            status, fields, body = client.answer()
            if fields.get("x-request-id") != f"storm-{number}":
                mine["crossed"] += 1
            elif status != 200:
                mine["refused"] += 1
                client.close()
            elif vector_of(body) != expected[text]:
                mine["wrong"] += 1
            else:
                mine["answered"] += 1
        except (OSError, ValueError) as error:
            mine["lost"] += 1
            print(f"request {number}: {error!r}", file=sys.stderr)
            client.close()
    client.close()
    with lock:
        counts.update(mine)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", help="PEM file of the CA of an https server")
    parser.add_argument("--key", help="API key")
    parser.add_argument("--model", default="clip")
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    context = ssl.create_default_context(cafile=arguments.ca) if arguments.url.startswith("https:") else None

    expected, client = {}, Client(arguments, context)
    client.open()
    for number, text in enumerate(TEXTS):
        client.connection.sendall(client.request(number, text))
        status, _, body = client.answer()
        if status != 200:
            sys.exit(f"the server answers {status}: {body[:300]!r}")
        expected[text] = vector_of(body)
    client.close()

    counts, lock = collections.Counter(), threading.Lock()
    began = time.monotonic()
    threads = [threading.Thread(target=storm, args=(arguments, context, expected, range(n, arguments.requests, arguments.connections), counts, lock, arguments.seed * 1000 + n))
               for n in range(arguments.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    for name in ("answered", "broken off", "crossed", "wrong", "lost", "refused"):
        print(f"{name:>10}  {counts[name]:,}")
    print(f"{sum(counts.values()) / seconds:,.0f} requests per second")
    sys.exit(1 if any(counts[name] for name in ("crossed", "wrong", "lost", "refused")) else 0)


if __name__ == "__main__":
    main()
