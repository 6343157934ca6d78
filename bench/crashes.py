#!/usr/bin/env python3
"""Checks that the embedded store does not lose acknowledged writes: after SIGKILL, on a full disk, with a damaged file.

    bench/crashes.py [--bin build/release/bin] [--kills 200] [--writers 4] [--disk-mb 48] [--folder FOLDER] [kills] [disk] [damage]

kills    Writers send bulks of index, create, update and delete actions, half of them through a pipeline that embeds a text; the server is ended by SIGKILL at a
         random moment and started again on the same folder, --kills times. After each start all documents are read: each must have the contents of its last
         acknowledged action, or of the one later action that was sent and not acknowledged. It counts actions that were lost, undone or torn.
disk     The data folder is on a tmpfs of --disk-mb (needs root; a separate mount). Documents are written until the disk is full and after that; each refusal must be an
         error in Elasticsearch's format, health must report it, and reading must continue. Then space is freed, and writing must work again within seconds without a restart.
damage   A page in the middle of store.db is overwritten with noise, then store.db is cut in half, each in a separate folder. The server must name the file, or serve
         what it can with an error per damaged part: never a document with other contents.

Exit code 1 if there was a fault. Needs only the standard library.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
PIPELINE = {"processors": [{"inference": {"model_id": "words", "input_output": [{"input_field": "text", "output_field": "vector"}]}}]}
MAPPING = {"settings": {"number_of_replicas": 0},
           "mappings": {"properties": {"text": {"type": "text"}, "round": {"type": "long"}, "filler": {"type": "object", "enabled": False},
                                       "vector": {"type": "dense_vector", "dims": 128, "similarity": "dot_product"}}}}  # fmt: skip


class Server:
    def __init__(self, options, folder):
        self.command = [options.bin / "sightline-server", "--model", f"m={ROOT / 'demo/models/demo-clip'}", "--port", "0", "--elasticsearch-port", "0",
                        "--embedded-elasticsearch", "--data-dir", folder, "--log-level", "error"]  # fmt: skip
        self.log = open(folder.parent / f"{folder.name}.log", "ab")
        self.process = None

    def start(self):
        """False if it ends instead of listening."""
        self.process = subprocess.Popen([str(part) for part in self.command], stdout=subprocess.PIPE, stderr=self.log, text=True)
        announced = [self.process.stdout.readline().split() for _ in range(2)]  # "ready URL", "elasticsearch URL"
        if not all(announced):
            return False
        self.url, self.elasticsearch = (urllib.parse.urlsplit(words[-1]) for words in announced)
        return True

    def stop(self, by=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(by)
        return self.process.wait(timeout=60)

    def call(self, method, path, body=None, connection=None, where=None):
        place = where or self.elasticsearch
        connection = connection or http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/x-ndjson" if path.endswith("_bulk") else "application/json"
        connection.request(method, path, body=data, headers={"Content-Type": kind} if data is not None else {})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None

    def set_up(self):
        """The endpoint has this server's address, so it is created again after each start."""
        self.call("DELETE", "/_inference/text_embedding/words?force=true")
        endpoint = {"service": "custom", "service_settings": {
            "url": f"{self.url.geturl()}/v1/embeddings", "secret_parameters": {}, "request": '{"model":"m","input":${input}}',
            "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}}}}  # fmt: skip
        status, answer = self.call("PUT", "/_inference/text_embedding/words", endpoint)
        if status >= 300:
            raise RuntimeError(f"the endpoint was answered {status}: {answer}")
        self.call("PUT", "/_ingest/pipeline/words", PIPELINE)
        self.call("PUT", "/crashes", MAPPING)


class Writer(threading.Thread):
    """Writes its own documents in random actions until the server ends, and records the states that each may be in."""

    def __init__(self, number, known):
        super().__init__(daemon=True)
        self.numbers = random.Random(number)
        self.number = number
        self.known = known  # by id: the set of contents (a round's number, None for no document) that the document may have
        self.round = max((state for states in known.values() for state in states if state is not None), default=0)
        self.acknowledged, self.fault = 0, None

    def bulk(self):
        """The lines of a bulk, and by id the state after its action."""
        lines, after = [], {}
        for _ in range(self.numbers.randint(1, 20)):
            name = f"{self.number}-{self.numbers.randrange(400)}"
            if name in after:
                continue
            self.round += 1
            states = self.known.get(name, {None})
            there = None not in states
            action = self.numbers.choice(["index", "index", "update", "delete"] if there else ["index", "create"] if states == {None} else ["index"])
            lines.append({action: {"_id": name}})
            content = {"round": self.round, "text": f"a house with {self.round} windows", "filler": {"x": "x" * self.numbers.randrange(4000)}}
            if action != "delete":
                lines.append({"doc": content} if action == "update" else content)
            after[name] = None if action == "delete" else self.round
        return ("\n".join(json.dumps(line) for line in lines) + "\n").encode(), after

    def follow(self, server):
        self.server = server
        self.start()

    def run(self):
        connection = http.client.HTTPConnection(self.server.elasticsearch.hostname, self.server.elasticsearch.port, timeout=60)
        while True:
            body, after = self.bulk()
            before = {name: self.known.get(name, {None}) for name in after}
            for name, state in after.items():
                self.known[name] = before[name] | {state}  # sent: either may be there from now on
            try:
                status, answer = self.server.call("POST", "/crashes/_bulk" if self.numbers.random() < 0.5 else "/crashes/_bulk?pipeline=words", body, connection)
            except (OSError, http.client.HTTPException, ValueError):
                return
            if status != 200 or answer["errors"]:
                self.fault = f"a bulk was answered {status}: {json.dumps(answer)[:600]}"
                return
            for name, state in after.items():
                self.known[name] = {state}
            self.acknowledged += len(after)


def check(server, *parts):
    """Returns the faults of the stored documents. The state found becomes the only allowed state of each document."""
    faults = []
    owners = {name: known for known in parts for name in known}
    names = sorted(owners)
    for begin in range(0, len(names), 500):
        part = names[begin : begin + 500]
        status, answer = server.call("POST", "/crashes/_mget?_source_includes=round,text", {"ids": part})
        if status != 200:
            return [f"_mget was answered {status}: {answer}"]
        for name, document in zip(part, answer["docs"]):
            states, source = owners[name][name], document.get("_source") if document["found"] else None
            state = source and source["round"]
            if state not in states:
                faults.append(f"[{name}] is at {state}, must be one of {states}")
            elif source and source["text"] != f"a house with {state} windows":
                faults.append(f"[{name}] is torn: {source}")
            owners[name][name] = {state}
    server.call("POST", "/crashes/_refresh")
    counted = server.call("GET", "/crashes/_count")[1]["count"]
    expected = sum(1 for name in names if owners[name][name] != {None})
    if counted != expected:
        faults.append(f"_count says {counted}, {expected} documents were read")
    return faults


def kills(options, folder):
    server, known = Server(options, folder), [{} for _ in range(options.writers)]
    numbers, acknowledged, faults, seconds = random.Random(7), 0, [], []
    server.start() or sys.exit("the server did not start")
    for kill in range(options.kills):
        server.set_up()
        writers = [Writer(number, states) for number, states in enumerate(known)]
        for writer in writers:
            writer.numbers = random.Random(numbers.random())
            writer.follow(server)
        time.sleep(numbers.uniform(0.02, 1.5))
        server.stop(by=signal.SIGKILL)
        for writer in writers:
            writer.join(timeout=120)
            acknowledged += writer.acknowledged
            if writer.fault:
                faults.append(writer.fault)
        began = time.monotonic()
        if not server.start():
            faults.append(f"after kill {kill + 1} the server did not start")
            break
        seconds.append(time.monotonic() - began)
        faults += check(server, *known)
        if (kill + 1) % 20 == 0:
            print(f"  {kill + 1} kills: {acknowledged} acknowledged actions, {len(faults)} faults", flush=True)
    server.stop()
    print(f"kills: {options.kills} x SIGKILL, {acknowledged} acknowledged actions on {sum(map(len, known))} documents, {len(faults)} faults; "
          f"start again within {max(seconds, default=0):.1f} s")  # fmt: skip
    return faults


def disk(options, folder):
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={options.disk_mb}m,mode=0700", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        return [f"disk: no tmpfs can be mounted ({mounted.stderr.strip()}); run this as root"]
    faults, server = [], Server(options, folder / "data")
    try:
        ballast = folder / "ballast"
        server.log.close()
        server.log = open(folder.parent / "disk.log", "ab")
        server.start() or sys.exit("the server did not start")
        server.set_up()
        known, refused, kinds = {}, 0, set()
        for number in range(10_000):
            if refused >= 20:
                break
            name = f"d{number}"
            content = {"round": number, "text": f"a house with {number} windows", "filler": {"x": os.urandom(60_000).hex()}}
            status, answer = server.call("POST", "/crashes/_bulk", f'{{"index":{{"_id":"{name}"}}}}\n{json.dumps(content)}\n'.encode())
            item = answer["items"][0]["index"] if status == 200 else answer
            if status == 200 and item["status"] < 300:
                known[name] = {number}
                continue
            refused += 1
            error = item.get("error")
            if not isinstance(error, dict) or "type" not in error:
                faults.append(f"a refusal without Elasticsearch's format: {status} {json.dumps(answer)[:300]}")
                break
            kinds.add(f"{item['status'] if status == 200 else status} {error['type']}: {error['reason'][:120]}")
            known[name] = {None, number}
        if refused < 20:
            faults.append("the disk did not get full: --disk-mb is too large")
        faults += check(server, known)
        status, answer = server.call("GET", "/health/ready", where=server.url)
        if status != 503:
            faults.append(f"/health/ready says {status} on a full disk")
        began = time.monotonic()
        subprocess.run(["mount", "-o", f"remount,size={options.disk_mb * 2}m", folder], check=True)
        while server.call("GET", "/health/ready", where=server.url)[0] != 200:
            if time.monotonic() - began > 30:
                faults.append("/health/ready is not 200 within 30 s of room on the disk")
                break
            time.sleep(0.1)
        again = time.monotonic() - began
        status, answer = server.call("POST", "/crashes/_bulk", b'{"index":{"_id":"again"}}\n{"round":1,"text":"a house with 1 windows"}\n')
        if status != 200 or answer["errors"]:
            faults.append(f"with room on the disk a bulk was answered {status}: {json.dumps(answer)[:300]}")
        known["again"] = {1}
        faults += check(server, known)
        server.stop(by=signal.SIGKILL)
        server.start() or sys.exit("the server did not start again")
        faults += check(server, known)
        print(f"disk: {len(known)} documents, {refused} refused on the full disk, {len(faults)} faults; writing again {again:.1f} s after there was room")
        for kind in sorted(kinds):
            print(f"  {kind}")
        ballast.unlink(missing_ok=True)
    finally:
        server.stop(by=signal.SIGKILL)
        subprocess.run(["umount", folder], check=False)
    return faults


def damage(options, folder):
    faults = []
    whole = folder / "whole"
    folder.mkdir()
    server = Server(options, whole)
    server.start() or sys.exit("the server did not start")
    server.set_up()
    known = {f"d{number}": {number} for number in range(2000)}
    body = "".join(f'{{"index":{{"_id":"d{n}"}}}}\n{{"round":{n},"text":"a house with {n} windows","filler":{{"x":"{os.urandom(800).hex()}"}}}}\n' for n in range(2000))
    server.call("POST", "/crashes/_bulk", body.encode())
    server.stop()

    def noise(file, at):
        with open(file, "r+b") as opened:
            opened.seek(at)
            opened.write(os.urandom(4096))

    size = (whole / "store.db").stat().st_size
    numbers = random.Random(3)
    ways = {f"noise in page {at // 4096}": (lambda file, at=at: noise(file, at)) for at in sorted(numbers.randrange(1, size // 4096) * 4096 for _ in range(12))}
    ways["noise in page 0"] = lambda file: noise(file, 0)
    ways["cut in half"] = lambda file: os.truncate(file, size // 2)
    for number, (way, apply) in enumerate(ways.items()):
        copy = folder / f"copy-{number}"
        shutil.copytree(whole, copy)
        apply(copy / "store.db")
        harmed = Server(options, copy)
        if not harmed.start():
            code = harmed.stop()
            said = (folder / f"{copy.name}.log").read_text().strip()
            print(f"  {way}: not started, exit code {code}: {said[-220:]!r}")
            if str(copy / "store.db") not in said:
                faults.append(f"{way}: the message does not name the file: {said}")
            continue
        got = wrong = errors = 0
        for name, states in known.items():
            status, document = harmed.call("GET", f"/crashes/_doc/{name}?_source_includes=round,text")
            source = (document or {}).get("_source")
            if status == 200 and source and source["round"] in states and source["text"] == f"a house with {source['round']} windows":
                got += 1
            elif status >= 500 and "error" in document:
                errors += 1
            else:
                wrong += 1
        print(f"  {way}: {got} documents read, {errors} answered with an error, {wrong} wrong")
        if wrong:
            faults.append(f"{way}: {wrong} documents are wrong")
        harmed.stop(by=signal.SIGKILL)
    print(f"damage: {len(ways)} ways, {len(faults)} faults")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["kills", "disk", "damage", []], metavar="PART", help="kills, disk, damage; default: all")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of sightline-server")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--disk-mb", type=int, default=48)
    parser.add_argument("--folder", type=pathlib.Path, help="for the data folders and logs (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crashes-") as temporary:
        folder = options.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        faults = []
        for part in options.parts or ["kills", "disk", "damage"]:
            faults += {"kills": kills, "disk": disk, "damage": damage}[part](options, folder / part)
        for fault in faults[:20]:
            print(f"fault: {fault}")
        sys.exit(1 if faults else 0)


main()
