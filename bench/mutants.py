#!/usr/bin/env python3
"""Sends mutated pictures and bodies to a separate server, and checks that it refuses broken ones, keeps running and does not grow.

    bench/mutants.py [--bin build/release/bin] [--requests 100000] [--clients 8] [--pictures 0.5] [--seed 1]

Half of the requests (--pictures) are embeddings of pictures: the demo's JPEGs, PNGs and WebPs, GIFs, and the tests' HEICs and AVIFs, changed in one of two ways. Certainly broken: cut within the first nine tenths, or without
their first bytes, or a PNG with a wrong checksum: the answer must be 4xx. Changed anywhere by flipped, removed, doubled or exchanged bytes: the answer may be a vector
of unit length or 4xx, because decoders do not detect every change. The other half are bodies for all kinds of routes at both ports (embeddings, rerank, bulk, searches, mappings,
pipelines, endpoints), changed the same way or by other values, names and numbers of members; any status below 500 is right, and so is 501. After each tenth of the requests a good picture must still get its vector.
Prints the answers, and the resident memory after each tenth; the third tenth is used as the plateau. Exit code 1 if there was a fault or if memory ends more than
5 % above the plateau. Needs only the standard library.
"""

import argparse
import base64
import collections
import copy
import http.client
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from soak import TENTHS, resident_mib

ROOT = pathlib.Path(__file__).resolve().parents[1]
GIF = base64.b64decode("R0lGODdhAgACAIABAP8AAP///ywAAAAAAgACAAACAoRRADs=")
JSON, LINES = "application/json", "application/x-ndjson"

# (port, method, path, media type, body): requests that are right as they are.
BODIES = [
    ("i", "POST", "/v1/embeddings", JSON, '{"model":"m","input":["a red house","a blue house"],"encoding_format":"base64","input_type":"query"}'),
    ("i", "POST", "/v1/embeddings", JSON, '{"model":"m","input":[{"text":"a house"},{"image":"data:image/gif;base64,' + base64.b64encode(GIF).decode() + '"}]}'),
    ("i", "POST", "/v2/embed", JSON, '{"model":"m","texts":["a house"],"input_type":"search_query","embedding_types":["float"]}'),
    ("i", "POST", "/_inference/rerank/m", JSON, '{"query":"a house","input":["a red house","a dog"],"top_n":1}'),
    ("i", "POST", "/v1/classify", JSON, '{"model":"m","input":["a house"],"labels":["red","blue"]}'),
    ("e", "POST", "/mutants/_bulk", LINES, '{"index":{"_id":"1"}}\n{"text":"a house","n":1,"vector":[0.6,0.8]}\n{"update":{"_id":"1"}}\n{"doc":{"n":2}}\n{"delete":{"_id":"2"}}\n'),
    ("e", "PUT", "/mutants/_doc/7", JSON, '{"text":"one \\u00e9 \\ud83d\\ude00","n":7.5e3,"when":"2026-11-29T10:00:00Z","nested":{"a":[1,2,null],"b":{"c":[true]}}}'),
    ("e", "POST", "/mutants/_search", JSON, '{"query":{"bool":{"must":[{"match":{"text":"house"}}],"filter":[{"range":{"n":{"gte":1,"lt":9}}}]}},"sort":[{"n":"desc"}],"size":5,"_source":["text"]}'),
    ("e", "POST", "/mutants/_search", JSON, '{"knn":{"field":"vector","query_vector":[0.6,0.8],"k":5,"num_candidates":10},"aggs":{"a":{"terms":{"field":"kind"}}}}'),
    ("e", "POST", "/mutants/_msearch", LINES, '{}\n{"query":{"match_all":{}}}\n{}\n{"query":{"ids":{"values":["1","2"]}}}\n'),
    ("e", "POST", "/_ingest/pipeline/_simulate", JSON, '{"pipeline":{"processors":[{"set":{"field":"a.b","value":"{{text}}"}},{"rename":{"field":"n","target_field":"m"}}]},"docs":[{"_source":{"text":"t","n":1}}]}'),
    ("e", "PUT", "/_ingest/pipeline/mutant", JSON, '{"processors":[{"set":{"field":"a","value":1}}]}'),
    ("e", "PUT", "/mutant-index", JSON, '{"settings":{"number_of_replicas":0},"mappings":{"properties":{"v":{"type":"dense_vector","dims":2,"similarity":"cosine"},"t":{"type":"text"}}}}'),
    ("e", "PUT", "/_inference/text_embedding/mutant", JSON, '{"service":"custom","service_settings":{"url":"@URL@/v1/embeddings","request":"{\\"model\\":\\"m\\",\\"input\\":${input}}","response":{"json_parser":{"text_embeddings":"$.data[*].embedding[*]"}}}}'),
]  # fmt: skip


def mutated(content, numbers):
    """The bytes with one to four changes anywhere."""
    changed = bytearray(content)
    for _ in range(numbers.randint(1, 4)):
        at = numbers.randrange(len(changed)) if changed else 0
        match numbers.randrange(6):
            case 0 if changed:
                changed[at] ^= 1 << numbers.randrange(8)
            case 1 if changed:
                changed[at] = numbers.randrange(256)
            case 2:
                del changed[at : at + numbers.randint(1, 1 << numbers.randint(0, 8))]
            case 3:
                changed[at:at] = changed[at : at + numbers.randint(1, 1 << numbers.randint(0, 8))]
            case 4:
                changed[at:at] = numbers.choice([b"\0", b"\xff" * 4, b"[", b'{"', b'"', b"1e999", b"-", b"\\u", b"\xed\xa0\x80", b"99999999999999999999"])
            case 5 if len(changed) > 8:
                other = numbers.randrange(len(changed) - 4)
                changed[at : at + 4] = changed[other : other + 4]
    return bytes(changed)


VALUES = [None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 1e308, 1.5, "", "a", "1", "_all", "*", "\ud800", "a" * 70_000, ".", "..", "_id", "a.b", [], {}, [[]], [{}], {"a": {}}, [None],
          ["a", 1], {"type": "text"}, "now/d", "2026-13-45"]  # fmt: skip


def places_in(value, found):
    """All (container, key) of a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in pairs:
        found.append((value, key))
        places_in(member, found)
    return found


def reshaped(line, numbers):
    """The JSON value as a text, with one or two of its members replaced, removed, renamed, moved or repeated."""
    value = json.loads(line)
    for _ in range(numbers.randint(1, 2)):
        places = places_in(value, [])
        if not places:
            break
        container, key = numbers.choice(places)
        match numbers.randrange(5):
            case 0 | 1:
                container[key] = copy.deepcopy(numbers.choice(VALUES))
            case 2:
                del container[key]
            case 3:
                other, name = numbers.choice(places)
                container[key] = json.loads(json.dumps(other[name]))
            case 4 if isinstance(container, dict):
                container[str(numbers.choice(VALUES))[:100]] = container.pop(key)
            case 4:
                container.extend([container[key]] * numbers.choice([1, 3, 500]))
    return json.dumps(value).encode()


def broken(picture, numbers):
    """A picture that no decoder can read completely."""
    if picture.startswith(b"\x89PNG") and numbers.random() < 0.5:
        at = picture.rindex(b"IDAT") - 4
        length = int.from_bytes(picture[at : at + 4], "big")
        checksum = at + 8 + length
        return picture[:checksum] + bytes([picture[checksum] ^ 0x55]) + picture[checksum + 1 :]
    if numbers.random() < 0.3:
        return picture[numbers.randint(1, 12) :]
    return picture[: numbers.randrange(len(picture) * 9 // 10)]


class Client(threading.Thread):
    def __init__(self, bench, seed):
        super().__init__(daemon=True)
        self.bench, self.numbers, self.connections = bench, random.Random(seed), {}

    def run(self):
        while self.bench.next():
            try:
                self.picture() if self.numbers.random() < self.bench.options.pictures else self.body()
            except Exception as error:
                self.bench.fault(f"no answer: {error!r}")
                self.connections.clear()

    def send(self, port, method, path, kind, body):
        connection = self.connections.get(port)
        if connection is None:
            place = self.bench.places[port]
            connection = self.connections[port] = http.client.HTTPConnection(place.hostname, place.port, timeout=120)
        connection.request(method, path, body=body, headers={"Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read()
        if answer.will_close:
            connection.close()
            del self.connections[port]
        return answer.status, content

    def picture(self):
        good = self.numbers.choice(self.bench.pictures)
        surely = self.numbers.random() < 0.5
        sent = broken(good, self.numbers) if surely else mutated(good, self.numbers)
        body = json.dumps({"model": "m", "input": [{"image": base64.b64encode(sent).decode()}]}).encode()
        status, content = self.send("i", "POST", "/v1/embeddings", JSON, body)
        self.bench.count(("broken picture " if surely else "changed picture ") + str(status))
        if status == 200:
            vector = json.loads(content)["data"][0]["embedding"]
            if surely:
                self.bench.fault(f"a broken picture got a vector: {base64.b64encode(sent).decode()[:200]} ({len(sent)} bytes)", sent)
            elif abs(math.hypot(*vector) - 1) > 1e-3:
                self.bench.fault("a vector is not of unit length", sent)
        elif not 400 <= status < 500:
            self.bench.fault(f"a picture was answered {status}: {content[:300]!r}", sent)

    def body(self):
        port, method, path, kind, body = self.numbers.choice(self.bench.bodies)
        if self.numbers.random() < 0.6:
            lines = body.rstrip("\n").split("\n")
            at = self.numbers.randrange(len(lines))
            sent = b"\n".join(reshaped(line, self.numbers) if place == at else line.encode() for place, line in enumerate(lines)) + (b"\n" if kind == LINES else b"")
        else:
            sent = mutated(body.encode(), self.numbers)
        status, content = self.send(port, method, path, kind, sent)
        self.bench.count(f"body {status}")
        if status >= 500 and status != 501:
            self.bench.fault(f"{method} {path} was answered {status}: {content[:300]!r} for {sent[:300]!r}", sent)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.lock, self.sent, self.seen = options, folder, threading.Lock(), 0, collections.Counter()
        self.faults, self.resident = [], []
        self.pictures = [path.read_bytes() for path in sorted((ROOT / "demo/pictures").iterdir())[:60] if path.suffix in (".jpg", ".png", ".webp")] + [GIF]
        self.pictures += [path.read_bytes() for path in sorted((ROOT / "tests/fixtures/images").glob("heif_*"))]
        command = [options.bin / "sightline-server", "--model", f"m={ROOT / 'demo/models/demo-clip'}", "--port", "0", "--elasticsearch-port", "0",
                   "--embedded-elasticsearch", "--data-dir", folder / "data", "--log-level", "error",
                   "--vector-cache-texts", "1MB", "--vector-cache-pictures", "4MB"]  # caches that are full before memory is compared  # fmt: skip
        self.server = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=open(folder / "log", "wb"), text=True)
        try:
            self.set_up()
        except BaseException:
            self.server.kill()
            raise

    def set_up(self):
        self.places = {port: urllib.parse.urlsplit(self.server.stdout.readline().split()[-1]) for port in "ie"}
        self.warm_up()
        self.right = self.good_vector()
        connection = http.client.HTTPConnection(self.places["e"].hostname, self.places["e"].port, timeout=60)
        mapping = {"properties": {"vector": {"type": "dense_vector", "dims": 2, "similarity": "cosine"}, "text": {"type": "text"}, "n": {"type": "double"},
                                  "kind": {"type": "keyword"}, "when": {"type": "date"}}}  # fmt: skip
        connection.request("PUT", "/mutants", body=json.dumps({"mappings": mapping}), headers={"Content-Type": JSON})
        if (status := connection.getresponse().status) != 200:
            raise RuntimeError(f"the index was answered {status}")
        self.bodies = [(*rest, body.replace("@URL@", self.places["i"].geturl())) for *rest, body in BODIES]
        for port, method, path, kind, body in self.bodies:
            connection = http.client.HTTPConnection(self.places[port].hostname, self.places[port].port, timeout=60)
            connection.request(method, path, body=body, headers={"Content-Type": kind})
            answer = connection.getresponse()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path} was answered {answer.status} as it is: {answer.read()[:400]!r}")

    def warm_up(self):
        """Each thread that prepares pictures reuses its largest buffer, up to 32 MB. Allocates one per thread now, not at random later."""
        large = bytearray(self.pictures[0])
        size = large.index(b"\xff\xc0") + 5
        large[size : size + 4] = (3300).to_bytes(2, "big") * 2
        body = json.dumps({"model": "m", "input": [{"image": base64.b64encode(large).decode()}] * 16, "input_type": "document"})

        def send():
            connection = http.client.HTTPConnection(self.places["i"].hostname, self.places["i"].port, timeout=120)
            connection.request("POST", "/v1/embeddings", body=body, headers={"Content-Type": JSON})
            connection.getresponse().read()

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def good_vector(self):
        connection = http.client.HTTPConnection(self.places["i"].hostname, self.places["i"].port, timeout=60)
        body = json.dumps({"model": "m", "input": [{"image": base64.b64encode(self.pictures[0]).decode()}]})
        connection.request("POST", "/v1/embeddings", body=body, headers={"Content-Type": JSON})
        return json.loads(connection.getresponse().read())["data"][0]["embedding"]

    def next(self):
        with self.lock:
            if self.sent >= self.options.requests or len(self.faults) >= 20:
                return False
            self.sent += 1
            if self.sent % (self.options.requests // TENTHS) == 0:
                self.tenth()
            return True

    def tenth(self):
        self.resident.append(resident_mib(self.server.pid))
        print(f"  {self.sent} requests: {self.resident[-1]:.0f} MiB resident, {len(self.faults)} faults", flush=True)
        if max(abs(a - b) for a, b in zip(self.good_vector(), self.right)) > 1e-5:
            self.faults.append("a good picture's vector has changed")

    def count(self, what):
        with self.lock:
            self.seen[what] += 1

    def fault(self, what, sent=b""):
        with self.lock:
            self.faults.append(what)
            if self.options.keep:
                self.options.keep.mkdir(parents=True, exist_ok=True)
                (self.options.keep / f"fault-{len(self.faults)}").write_bytes(sent)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of sightline-server")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pictures", type=float, default=0.5, help="part of the requests that are pictures, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for what was sent when there was a fault")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        bench = Bench(options, pathlib.Path(temporary))
        clients = [Client(bench, options.seed * 1000 + number) for number in range(options.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        alive = bench.server.poll() is None
        bench.server.terminate()
        code = bench.server.wait(timeout=60)
    for what, count in sorted(bench.seen.items()):
        print(f"{what}: {count}")
    if not alive or code != 0:
        bench.faults.append(f"the server ended with {code}")
    if len(bench.resident) == TENTHS:
        growth = bench.resident[-1] / bench.resident[2] - 1
        print(f"memory: {100 * growth:+.1f} % from the third tenth to the last")
        if growth > 0.05:
            bench.faults.append("memory grew by more than 5 %")
    for fault in bench.faults:
        print(f"fault: {fault}")
    print(f"{bench.sent} requests, {len(bench.faults)} faults")
    sys.exit(1 if bench.faults else 0)


main()
