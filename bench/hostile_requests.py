#!/usr/bin/env python3
"""Measures the cost of hostile requests, and the delay for other clients: full-size attacks on a separate server, one after another.

    hostile_requests.py [--bin build/release/bin] [--gateway] [--term] [--list] [ATTACK...]

For each attack a server is started on the demo model and free ports, with the embedded store (or as a gateway in front of only the
local store, with --gateway). While the attack runs, `GET /health/live`, `GET /` of the Elasticsearch port and a text query are sent
ten times per second, each over a separate connection. Prints one line per attack: how long it took, the process's peak memory
above the idle memory, and of the three probes the count, the failures, p50, p99 and the longest, in milliseconds.
With --term, SIGTERM is sent in the middle of the attack (--drain-timeout 5s) and the line also has the seconds until the process
ended and its exit code. All traffic stays on loopback. Needs only Python's standard library.
"""

import argparse
import base64
import contextlib
import gzip
import http.client
import http.server
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
DRAIN_SECONDS = 5
LONGEST_ATTACK = 60  # seconds; an attack that still runs then has shown its effect


class Server:
    """A running sightline-server, and the cluster behind it if it is a gateway."""

    def __init__(self, bin_folder, folder, gateway, log):
        self.cluster = None
        if gateway:
            self.cluster = subprocess.Popen([bin_folder / "embedded-store-serve", folder / "cluster", "0"], stdout=subprocess.PIPE, text=True)
            port = self.cluster.stdout.readline().split()[-1]
            behind = ["--elasticsearch-gateway", f"http://127.0.0.1:{port}"]
        else:
            behind = ["--embedded-elasticsearch", "--data-dir", str(folder / "data")]
        self.process = subprocess.Popen(
            [bin_folder / "sightline-server", "--model", f"clip={ROOT / 'demo/models/demo-clip'}", "--port", "0", "--elasticsearch-port", "0",
             "--vector-cache-texts", "0MB", "--vector-cache-pictures", "0MB",  # each input is computed: attackers can vary theirs
             "--drain-timeout", f"{DRAIN_SECONDS}s", *behind], stdout=subprocess.PIPE, stderr=open(log, "w"), text=True)
        self.url = self.process.stdout.readline().split()[-1]
        self.elasticsearch = self.process.stdout.readline().split()[-1]

    def memory(self, name):
        """VmRSS or VmHWM in MB; None if the process has ended."""
        with contextlib.suppress(OSError):
            for line in open(f"/proc/{self.process.pid}/status"):
                if line.startswith(name):
                    return int(line.split()[1]) / 1000
        return None

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.cluster:
            self.cluster.kill()
            self.cluster.wait()


def address(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def call(url, method, path, body=None, headers=None, timeout=LONGEST_ATTACK):
    """One request over a new connection; returns (status, body), or (None, the error)."""
    host, port = address(url)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body=body, headers={"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return None, str(error).encode()
    finally:
        connection.close()


class Probes:
    """Sends three cheap requests ten times per second inside a `with` block."""

    def __init__(self, server):
        query = json.dumps({"model": "clip", "input": "a red house", "input_type": "query"})
        self.requests = {"live": (server.url, "GET", "/health/live", None), "root": (server.elasticsearch, "GET", "/", None),
                         "query": (server.url, "POST", "/v1/embeddings", query)}
        self.times = {name: [] for name in self.requests}
        self.failures = {name: 0 for name in self.requests}
        self.ended = threading.Event()

    def ask(self, name):
        while not self.ended.is_set():
            begun = time.perf_counter()
            status, _ = call(*self.requests[name], timeout=30)
            self.times[name].append((time.perf_counter() - begun) * 1000)
            if status != 200:
                self.failures[name] += 1
            self.ended.wait(0.1)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.ask, args=(name,)) for name in self.requests]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def line(self):
        parts = []
        for name, times in self.times.items():
            ranked = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [times[0]] * 99 if times else [0] * 99
            parts.append(f"{name} {len(times)}x {self.failures[name]} failed p50 {ranked[49]:.0f} p99 {ranked[98]:.0f} max {max(times, default=0):.0f}")
        return " | ".join(parts)


def at_once(count, work):
    """Runs work(0) ... work(count - 1), each on a separate thread; returns their results."""
    results = [None] * count

    def run(number):
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LONGEST_ATTACK
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return results


def told(results):
    """The number of answers per status, as text."""
    statuses = [result[0] if result else "unanswered" for result in results]
    return ", ".join(f"{statuses.count(status)}x {status}" for status in sorted(set(statuses), key=str))


ATTACKS = {}


def attack(function):
    ATTACKS[function.__name__] = function
    return function


GZIP = {"Content-Encoding": "gzip"}


def gzipped(text):
    return gzip.compress(text.encode() if isinstance(text, str) else text, 6)


@attack
def numbers(server):
    """Numbers beyond a parser's table of powers of ten, to ten routes."""
    bodies = ['{"n":0.' + "0" * 25 + '1e-323}', '{"n":0.' + "1" * 400 + "}", '{"n":1e' + "9" * 400 + "}", '{"n":' + "9" * 100_000 + "." + "9" * 100_000 + "e-100000}"]
    results = []
    for body in bodies:
        for path in ("/i/_doc/1", "/_search", "/_bulk", "/i/_update/1", "/_inference/x", "/_msearch", "/_mget", "/_aliases"):
            results.append(call(server.elasticsearch, "POST", path, '{"index":{"_index":"i"}}\n' + body + "\n" if "bulk" in path or "msearch" in path else body))
        results.append(call(server.elasticsearch, "PUT", "/_ingest/pipeline/p", body))
        results.append(call(server.elasticsearch, "PUT", "/j", body))
        results.append(call(server.url, "POST", "/v1/embeddings", body))
    return told(results)


def double_document(server, processors, document):
    made = call(server.elasticsearch, "PUT", "/_ingest/pipeline/double", {"processors": processors})
    return f"made {made[0]}, " + told([call(server.elasticsearch, "PUT", "/d/_doc/1?pipeline=double", document)])


@attack
def doubling_by_template(server):
    """A pipeline of 40 steps that each double a field by a template."""
    return double_document(server, [{"set": {"field": "a", "value": "{{a}}{{a}}"}}] * 40, {"a": "x" * 100})


@attack
def doubling_by_copy(server):
    """A pipeline of 80 steps that copy two objects into each other."""
    processors = []
    for number in range(40):
        processors += [{"set": {"field": f"b.x{number}", "copy_from": "a"}}, {"set": {"field": f"a.y{number}", "copy_from": "b"}}]
    return double_document(server, processors, {"a": {"t": "x" * 100}, "b": {}})


def big_body(text, kind="application/json"):
    def run(server):
        body = gzipped(text())
        routes = [("POST", "/i/_doc"), ("POST", "/_bulk"), ("POST", "/_search"), ("PUT", "/_ingest/pipeline/p"), ("POST", "/_inference/text_embedding/x"), ("PUT", "/k")]
        results = [call(server.elasticsearch, method, path, body, {**GZIP, "Content-Type": kind}) for method, path in routes]
        results += [call(server.url, "POST", "/v1/embeddings", body, GZIP)]
        return told(results) + f", {len(body) / 1000:.0f} kB each"

    return run


def named(name, text, run):
    run.__name__, run.__doc__ = name, text
    return attack(run)


named("body_of_numbers", "A body of 95 MB of numbers, gzipped, to seven routes.", big_body(lambda: "[" + "1," * 47_000_000 + "1]"))
named("body_of_brackets", "A body of 95 MB of empty arrays, gzipped, to seven routes.", big_body(lambda: "[" + "[]," * 31_000_000 + "[]]"))
named("body_of_members", "A body of 95 MB of short members, gzipped, to seven routes.", big_body(lambda: "{" + ",".join(f'"{number:x}":1' for number in range(8_000_000)) + "}"))
named("bulk_of_numbers", "A bulk of one document of 95 MB of numbers, gzipped.",
      lambda server: told([call(server.elasticsearch, "POST", "/i/_bulk", gzipped('{"index":{}}\n{"n":[' + "1," * 47_000_000 + "1]}\n"), GZIP)]))


def deep_document(server):
    """A document that nests 60 deep, with a few members at each level."""
    call(server.elasticsearch, "PUT", "/f", {"mappings": {"properties": {"o": {"type": "object", "enabled": False}}}})
    source = {"a": 1}
    for _ in range(60):
        source = {"a": source, "b": 1, "c": [1, {"d": 2}]}
    call(server.elasticsearch, "PUT", "/f/_doc/1", {"o": source})


@attack
def filter_path_of_stars(server):
    """filter_path=**.**.** ... of 50 parts, on a document that nests 60 deep."""
    deep_document(server)
    return told(at_once(4, lambda _: call(server.elasticsearch, "GET", "/f/_doc/1?filter_path=" + ".".join(["**"] * 50) + ".z")))


@attack
def filter_path_of_parts(server):
    """filter_path with 10,000 and 20,000 parts, on a document that nests 60 deep."""
    deep_document(server)
    long = [call(server.elasticsearch, "GET", "/f/_doc/1?filter_path=" + ",".join(["**.a"] * 10_000)),
            call(server.elasticsearch, "GET", "/f/_doc/1?filter_path=" + ".".join(["*"] * 20_000)),
            call(server.elasticsearch, "GET", "/f/_doc/1?filter_path=" + ".".join(["**", "a"] * 7000))]
    return told(long)


def many_documents(server, count, source):
    for begin in range(0, count, 10_000):
        lines = "".join('{"index":{}}\n' + json.dumps(source(number)) + "\n" for number in range(begin, begin + 10_000))
        call(server.elasticsearch, "POST", "/m/_bulk?refresh=true", lines)


@attack
def aggregations(server):
    """2,000 terms aggregations of 20,000 buckets each."""
    many_documents(server, 20_000, lambda number: {"n": number})
    body = {"size": 0, "aggs": {f"a{number}": {"terms": {"field": "n", "size": 20_000}} for number in range(2000)}}
    return told([call(server.elasticsearch, "POST", "/m/_search", body)])


@attack
def clauses(server):
    """500,000 match clauses in one query."""
    many_documents(server, 10_000, lambda number: {"t": f"word{number % 100} house"})
    body = {"query": {"bool": {"should": [{"match": {"t": f"word{number}"}} for number in range(500_000)]}}}
    return told([call(server.elasticsearch, "POST", "/m/_search", body)])


@attack
def knn_sections(server):
    """10,000 knn sections in one search."""
    call(server.elasticsearch, "PUT", "/m", {"mappings": {"properties": {"v": {"type": "dense_vector", "dims": 8}}}})
    many_documents(server, 10_000, lambda number: {"v": [number % 7 + 1, 1, 2, 3, 4, 5, 6, number]})
    body = {"knn": [{"field": "v", "query_vector": [1] * 8, "k": 100, "num_candidates": 10_000} for _ in range(10_000)]}
    return told([call(server.elasticsearch, "POST", "/m/_search", body)])


@attack
def multi_search(server):
    """10,000 searches in one _msearch."""
    many_documents(server, 20_000, lambda number: {"t": f"word{number % 100} house"})
    body = '{}\n{"query":{"match":{"t":"house"}},"sort":[{"t.keyword":"asc"}]}\n' * 10_000
    return told([call(server.elasticsearch, "POST", "/m/_msearch", body, {"Content-Type": "application/x-ndjson"})])


@attack
def million_ids(server):
    """_mget of a million ids."""
    call(server.elasticsearch, "PUT", "/m/_doc/1", {"a": 1})
    return told(at_once(4, lambda _: call(server.elasticsearch, "POST", "/m/_mget", {"ids": ["1"] * 1_000_000})))


@attack
def slow_readers(server):
    """60 clients that ask for 56 MB each with small requests, and read slowly."""
    call(server.elasticsearch, "PUT", "/m/_doc/1", {"a": "x" * 930_000})
    body = json.dumps({"ids": ["1"] * 60}).encode()
    request = b"POST /m/_mget HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    sockets, first = [], []
    for _ in range(60):
        connection = socket.create_connection(address(server.elasticsearch))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request)
        connection.settimeout(0.2)
        sockets.append(connection)
    end = time.monotonic() + 15
    while time.monotonic() < end:
        for connection in sockets:
            with contextlib.suppress(OSError):
                first.append(connection.recv(64)[:12])
        time.sleep(0.1)
    for connection in sockets:
        connection.close()
    heads = [head for head in first if head.startswith(b"HTTP/1.1")]
    return ", ".join(f"{heads.count(head)}x {head[9:12].decode()}" for head in sorted(set(heads)))


@attack
def gzip_bodies(server):
    """40 gzip bodies of 60 MB at once."""
    body = gzipped('{"a":"' + "x" * 60_000_000 + '"}')
    return told(at_once(40, lambda number: call(server.url if number % 2 else server.elasticsearch, "POST", "/v1/embeddings" if number % 2 else "/g/_doc", body, GZIP)))


class Upstream(http.server.BaseHTTPRequestHandler):
    """An inference server that answers at once; later it takes an hour, or calls the endpoint that called it."""

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.act(text)
        body = b'{"data":[{"embedding":[1,2,3]}]}'
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def upstream_endpoint(server, name):
    """An inference server, and an endpoint made for it while it answers at once."""
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    upstream.daemon_threads, upstream.request_queue_size, upstream.act = True, 256, lambda _: None
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    made = call(server.elasticsearch, "PUT", f"/_inference/text_embedding/{name}", custom_endpoint(f"http://127.0.0.1:{upstream.server_port}/"))
    return upstream, f"made {made[0]}; "


def custom_endpoint(url):
    return {"service": "custom", "service_settings": {
        "url": url, "request": '{"input":${input}}', "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}},
        "rate_limit": {"requests_per_minute": 1_000_000}}}


@attack
def slow_endpoint(server):
    """64 calls of an endpoint that does not answer, with ?timeout=1h; half of the clients leave."""
    upstream, made = upstream_endpoint(server, "slow")
    upstream.act = lambda _: time.sleep(3600)
    results = at_once(64, lambda number: call(server.elasticsearch, "POST", "/_inference/text_embedding/slow?timeout=1h", {"input": "a"}, timeout=2 if number % 2 else 15))
    upstream.shutdown()
    return made + told(results)


@attack
def self_calling_endpoint(server):
    """An endpoint that calls itself through a proxy that forwards no headers."""
    upstream, made = upstream_endpoint(server, "self")
    route = "/_inference/text_embedding/self?timeout=1h"
    upstream.act = lambda _: call(server.elasticsearch, "POST", route, {"input": "a"})
    results = at_once(8, lambda _: call(server.elasticsearch, "POST", route, {"input": "a"}, timeout=15))
    upstream.act = lambda _: None
    upstream.shutdown()
    return made + told(results)


@attack
def pipeline_chain(server):
    """A chain of pipelines that each call the next twice, 99 deep: 2^99 steps. The clients leave after 10 s."""
    call(server.elasticsearch, "PUT", "/_ingest/pipeline/p0", {"processors": [{"set": {"field": "a", "value": 1}}]})
    for number in range(1, 99):
        inner = {"pipeline": {"name": f"p{number - 1}"}}
        call(server.elasticsearch, "PUT", f"/_ingest/pipeline/p{number}", {"processors": [inner, inner]})
    results = at_once(4, lambda _: call(server.elasticsearch, "PUT", "/d/_doc/1?pipeline=p98", {"a": 1}, timeout=10))
    time.sleep(2)
    return told(results)


@attack
def tiny_documents(server):
    """A bulk of 3 million tiny documents (96 MB)."""
    body = gzipped('{"index":{"_index":"t"}}\n{"a":1}\n' * 2_900_000)
    return told([call(server.elasticsearch, "POST", "/_bulk?filter_path=errors", body, GZIP)])


@attack
def half_requests(server):
    """Up to 4,000 connections that send half a request and stay open, and 300 that send a byte per second."""
    sockets = []
    ports = [address(server.url), address(server.elasticsearch)]
    try:
        for number in range(4000):
            connection = socket.create_connection(ports[number % 2], timeout=2)
            with contextlib.suppress(OSError):
                connection.sendall(b"POST /_bulk HTTP/1.1\r\nHost: localhost\r\nX: ")
            sockets.append(connection)
    except OSError:
        pass
    opened = len(sockets)
    for _ in range(15):
        for connection in sockets[:300]:
            with contextlib.suppress(OSError):
                connection.send(b"a")
        time.sleep(1)
    for connection in sockets:
        connection.close()
    return f"{opened} opened"


@attack
def pipelined(server):
    """5,000 requests sent at once over one connection."""
    connection = socket.create_connection(address(server.elasticsearch), timeout=20)
    sender = threading.Thread(target=lambda: connection.sendall(b"GET /_cluster/health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5000), daemon=True)
    sender.start()
    received, answers = b"", 0
    with contextlib.suppress(OSError):
        while answers < 5000:
            piece = connection.recv(1 << 20)
            if not piece:
                break
            received = received[-20:] + piece if received else piece
            answers += received.count(b"HTTP/1.1 200") - (received[:20].count(b"HTTP/1.1 200") if received[20:] == piece else 0)
    return f"{answers} answered"


def gif(width, height):
    """One frame of one pixel on a screen of that size."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02D\x01\0;"


def embed(server, pictures, timeout=LONGEST_ATTACK):
    inputs = [f"data:image/{kind};base64,{base64.b64encode(picture).decode()}" for kind, picture in pictures]
    return call(server.url, "POST", "/v1/embeddings", {"model": "clip", "input": inputs}, timeout=timeout)


@attack
def large_gifs(server):
    """256 GIFs of 43 bytes and 7,071 x 7,071 pixels in one request."""
    return told([embed(server, [("gif", gif(7071, 7071))] * 256)])


def packed(bits):
    """A scan's bits as bytes, padded with ones, with the zero byte that follows each 0xFF."""
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def progressive_jpeg(edge, scans):
    """A grey progressive JPEG of `edge` x `edge` pixels: one scan of averages, then scans of a few bytes that each visit every block."""
    def segment(mark, content):
        return b"\xff" + bytes([mark]) + struct.pack(">H", len(content) + 2) + content

    def huffman(table, symbol):
        return segment(0xC4, bytes([table, 1] + [0] * 15 + [symbol]))  # one code, of one bit: 0

    blocks = ((edge + 7) // 8) ** 2
    runs = -(-blocks // 32767)
    nothing = packed(("0" + "1" * 14) * runs)  # symbol 0xE0: the next 2^14 + 14 bits' blocks end here
    out = b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64)) + segment(0xC2, struct.pack(">BHHB", 8, edge, edge, 1) + b"\x01\x11\0")
    out += huffman(0x00, 0) + huffman(0x10, 0xE0)
    out += segment(0xDA, b"\x01\x01\0\0\0\0") + packed("0" * blocks)
    for number in range(scans - 1):
        band, low = 1 + number // 8, 7 - number % 8
        high = 0 if low == 7 else low + 1
        out += segment(0xDA, bytes([1, 1, 0, band, band, high << 4 | low])) + nothing
    return out + b"\xff\xd9"


@attack
def progressive_jpegs(server):
    """Two progressive JPEGs of 498 scans."""
    picture = progressive_jpeg(7064, 498)
    return told(at_once(2, lambda _: embed(server, [("jpeg", picture)]))) + f", {len(picture) / 1000:.0f} kB each"


def rest_of(server, term, worker):
    """Waits for the attack; with `term` sends SIGTERM in the middle. Returns (seconds until the exit, exit code) or None."""
    if not term:
        worker.join(LONGEST_ATTACK + 30)
        return None
    worker.join(6)
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(timeout=LONGEST_ATTACK)
    except subprocess.TimeoutExpired:
        return float("inf"), None
    return time.monotonic() - begun, server.process.returncode


def run(name, options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hostile-"))
    server = Server(options.bin, folder, options.gateway, folder / "log")
    try:
        idle = server.memory("VmRSS")
        outcome = []
        worker = threading.Thread(target=lambda: outcome.append(ATTACKS[name](server)), daemon=True)
        begun = time.monotonic()
        peak, stop = [0.0], threading.Event()

        def watch():
            while not stop.wait(0.05):
                peak[0] = max(peak[0], server.memory("VmHWM") or 0)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        with Probes(server) as probes:
            worker.start()
            ended = rest_of(server, options.term, worker)
        took = time.monotonic() - begun
        stop.set()
        died = server.process.poll() if not options.term else None
        words = [f"{name}: {outcome[0] if outcome else 'not ended'}", f"{took:.1f} s", f"peak {max(0.0, peak[0] - idle):.0f} MB over idle ({idle:.0f} MB)"]
        if died is not None:
            words.append(f"THE PROCESS ENDED with {died}")
        if ended:
            words.append(f"SIGTERM to exit {ended[0]:.1f} s, exit code {ended[1]}")
        else:
            words.append(probes.line())
        print("; ".join(words), flush=True)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="default: all")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--gateway", action="store_true")
    parser.add_argument("--term", action="store_true")
    parser.add_argument("--list", action="store_true", help="only list the attacks")
    options = parser.parse_args()
    if options.list:
        for name, function in ATTACKS.items():
            print(f"{name:24} {function.__doc__}")
        return
    unknown = set(options.attacks) - set(ATTACKS)
    if unknown:
        sys.exit(f"hostile_requests: unknown attack {', '.join(sorted(unknown))}; see --list")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536, hard))
    for name in options.attacks or ATTACKS:
        run(name, options)


if __name__ == "__main__":
    main()
