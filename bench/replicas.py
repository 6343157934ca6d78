#!/usr/bin/env python3
"""Ingests pictures through two Sightlines behind HAProxy, and ends one of them in the middle; and what a second one brings.

    bench/replicas.py [--bin build/release/bin] [--model demo/models/demo-clip] [--pictures 2000] [--seconds 60] [kill] [speed]

Starts an embedded store (in a server of its own, without load on its models), two Sightlines on one core each, and HAProxy with deploy/haproxy.cfg's settings on free ports. The endpoints name
HAProxy's address. sightline-ingest loads pictures that differ from each other.

kill     loads --pictures pictures; when a third is indexed one Sightline is ended by SIGKILL. The loader must report no failure, and every picture must be in the index, with a vector
         that equals the one of a server that was not disturbed.
speed    documents per second with one Sightline and with two, by turns, and what replica_model.py says for two.

Needs haproxy and Python's standard library. For speed take a model of true size, and let nothing else run. Exit code 1 if there was a fault.
"""

import argparse
import base64
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import replica_model
from query_latency import ROOT, jpeg


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url, method, path, body=None):
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=120)
    connection.request(method, path, body=None if body is None else json.dumps(body), headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    return answer.status, json.loads(content) if content else None


class Sightline:
    def __init__(self, options, folder, name, core=None, *arguments):
        command = [options.bin / "sightline-server", "--model", f"clip={options.model}", "--port", "0", "--log-level", "warning", *arguments]
        pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=open(folder / f"{name}.log", "wb"), text=True, preexec_fn=pin)
        self.url = self.process.stdout.readline().split()[-1]
        self.elasticsearch = self.process.stdout.readline().split()[-1] if "--embedded-elasticsearch" in arguments else None

    def end(self, by=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(by)
        self.process.wait(timeout=60)


def balancer(folder, urls):
    """HAProxy in front of these, with the settings of deploy/haproxy.cfg. Gives the process and its URL."""
    port = free_port()
    settings = (ROOT / "deploy/haproxy.cfg").read_text().split("# Gateways:")[0]
    settings = settings.replace("bind *:8080", f"bind 127.0.0.1:{port}")
    lines = [line for line in settings.splitlines() if not line.strip().startswith("server ")]
    lines += [f"    server s{number} {urllib.parse.urlsplit(url).netloc}" for number, url in enumerate(urls)]
    (folder / "haproxy.cfg").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], stdout=subprocess.DEVNULL, stderr=open(folder / "haproxy.log", "wb"))
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            if call(url, "GET", "/health/ready")[0] == 200:
                return process, url
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("HAProxy did not get ready: " + (folder / "haproxy.log").read_text())


def write_pictures(folder, count):
    """JPEGs that differ in a comment, which is enough for the caches, and in texture."""
    folder.mkdir()
    textures = [jpeg(seed) for seed in range(16)]
    for number in range(count):
        picture, comment = textures[number % len(textures)], f"picture {number}".encode()
        (folder / f"{number:06}.jpg").write_bytes(picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:])


class Bench:
    def __init__(self, options, folder, replicas):
        cores = sorted(os.sched_getaffinity(0))
        self.folder = folder
        self.replicas = [Sightline(options, folder, f"replica-{number}", cores[number % len(cores)], "--threads", "1") for number in range(replicas)]
        self.haproxy, self.url = balancer(folder, [replica.url for replica in self.replicas])
        self.store = Sightline(options, folder, "store", None, "--embedded-elasticsearch", "--data-dir", folder / "data", "--elasticsearch-port", "0", "--endpoint-addresses", "127.0.0.0/8")
        self.environment = {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": self.store.elasticsearch, "SIGHTLINE_URL": self.url}
        self.options = options
        done = subprocess.run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null", "--models", "clip"], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def load(self, pictures):
        command = [self.options.bin / "sightline-ingest", pictures, "--index", "clip-images", "--env-file", "/dev/null", "--quiet", "--report", self.folder / "failures.csv"]
        return subprocess.Popen([str(part) for part in command], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def count(self):
        call(self.store.elasticsearch, "POST", "/clip-images/_refresh")
        return call(self.store.elasticsearch, "GET", "/clip-images/_count")[1]["count"]

    def end(self):
        for one in [self.store, *self.replicas]:
            one.end()
        self.haproxy.terminate()
        self.haproxy.wait(timeout=30)


def kill(options, folder):
    pictures, faults = folder / "pictures", []
    write_pictures(pictures, options.pictures)
    bench = Bench(options, folder, 2)
    try:
        loader = bench.load(pictures)
        while bench.count() < options.pictures // 3:
            if loader.poll() is not None:
                raise RuntimeError(loader.stdout.read())
            time.sleep(0.1)
        bench.replicas[0].end(signal.SIGKILL)
        at = bench.count()
        said, _ = loader.communicate(timeout=1800)
        if loader.returncode:
            faults.append(f"the loader ended with {loader.returncode}: {said}")
        if (indexed := bench.count()) != options.pictures:
            faults.append(f"{indexed} of {options.pictures} pictures are indexed")
        wrong, after = 0, None
        while True:
            search = {"size": 200, "query": {"match_all": {}}, "sort": ["image_name.keyword"], "_source": ["image_name"], "fields": ["image_embedding"]}
            status, answer = call(bench.store.elasticsearch, "POST", "/clip-images/_search", {**search, **({"search_after": after} if after else {})})
            if status != 200:
                raise RuntimeError(f"the search was answered {status}: {answer}")
            hits = answer["hits"]["hits"]
            if not hits:
                break
            after = hits[-1]["sort"]
            for hit in hits:
                if int(hit["_source"]["image_name"].split(".")[0]) % (options.pictures // 100 or 1):
                    continue
                picture = base64.b64encode((pictures / hit["_source"]["image_name"]).read_bytes()).decode()
                right = call(bench.replicas[1].url, "POST", "/v1/embeddings", {"model": "clip", "input": [{"image": picture}]})[1]["data"][0]["embedding"]
                wrong += max(abs(a - b) for a, b in zip(hit["fields"]["image_embedding"], right)) > 1e-4
        if wrong:
            faults.append(f"{wrong} vectors are wrong")
        print(f"kill: one of two Sightlines ended by SIGKILL at {at} of {options.pictures} pictures; {indexed} indexed, loader's exit code {loader.returncode}, {len(faults)} faults")
    finally:
        bench.end()
    return faults


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def speed(options, folder):
    pictures = folder / "pictures"
    write_pictures(pictures, 20_000)
    rates, others = {1: [], 2: []}, []
    for turn in range(3):
        for replicas in rates:
            place = folder / f"{turn}-{replicas}"
            place.mkdir()
            bench = Bench(options, place, replicas)
            try:
                loader = bench.load(pictures)
                time.sleep(options.seconds / 4)
                others_before = cpu_seconds(loader) + cpu_seconds(bench.store.process) + cpu_seconds(bench.haproxy)
                begun, first = time.monotonic(), bench.count()
                time.sleep(options.seconds)
                documents = bench.count() - first
                rates[replicas].append(documents / (time.monotonic() - begun))
                if replicas == 1:
                    others.append((cpu_seconds(loader) + cpu_seconds(bench.store.process) + cpu_seconds(bench.haproxy) - others_before) / documents)
                loader.terminate()
                loader.communicate(timeout=300)
            finally:
                bench.end()
            print(f"  {replicas} Sightlines: {rates[replicas][-1]:.1f} documents/s", flush=True)
    one, two, other = (sorted(found)[1] for found in (*rates.values(), others))
    # Two replicas on two cores leave none to the store and the loader, which then take their time from both.
    cores = len(os.sched_getaffinity(0))
    rate = one if cores > 2 else 1 / (1 / one + other)
    settings = replica_model.parser().parse_args(["--rate", str(rate), "--other-ms", str(1000 * other)])
    simulated = replica_model.Simulation(settings, 2).run().documents_per_second()
    print(f"speed: {one:.1f} documents/s with one Sightline, {two:.1f} with two: {two / one:.2f} x; {1000 * other:.1f} ms of CPU per document elsewhere, {cores} cores; "
          f"simulated with two: {simulated:.1f}, {simulated / two:.2f} x what was measured")
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="kill, speed; default: kill")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of the programs")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "demo/models/demo-clip")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    faults = []
    for part in options.parts or ["kill"]:
        with tempfile.TemporaryDirectory(prefix="replicas-") as temporary:
            faults += {"kill": kill, "speed": speed}[part](options, pathlib.Path(temporary))
    for fault in faults:
        print(f"fault: {fault}")
    sys.exit(1 if faults else 0)


main()
