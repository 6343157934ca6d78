"""The gateway: several in front of one cluster, a cluster that dies, large bulks, and secrets."""

import base64
import contextlib
import json
import pathlib
import subprocess
import threading
import time
import urllib.request
import zlib

import pytest

from conftest import BIN, DEMO, Cluster, Sightline, call, memory_of
from gate import K_NONE, Faults, Gate, eventually

MEMORY_BYTES = 200 << 20  # above idle, for a bulk of 90 MB
BULK_BYTES = 90 << 20


@pytest.fixture()
def cluster(tmp_path):
    running = Cluster(tmp_path / "cluster", tmp_path / "cluster.log")
    yield running
    running.stop()


@contextlib.contextmanager
def gateway(cluster, folder, name="gateway", options=()):
    running = Sightline(folder / "none", folder / f"{name}.log", cluster.url, options)
    try:
        yield running
    finally:
        running.stop()


def count(cluster, index="clip-images"):
    call("POST", f"{cluster.url}/{index}/_refresh")
    return call("GET", f"{cluster.url}/{index}/_count")[1]["count"]


K_SOON = 20  # seconds: a gateway keeps what it has read for one


def noise_png(seed, size):
    """A picture that does not compress: `size` pixels square, about 3 * size * size bytes."""
    state, rows = seed * 2654435761 % 2**32 or 1, bytearray()
    line = bytearray()
    for i in range(size * 3 + 4096):
        state = (1103515245 * state + 12345) % 2**31
        line.append(state >> 16 & 255)
    for y in range(size):
        rows += b"\0" + line[y % 4096 : y % 4096 + size * 3]

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = size.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 0)) + chunk(b"IEND", b"")


def test_what_one_gateway_makes_the_other_uses_soon(cluster, tmp_path):
    with gateway(cluster, tmp_path, "first") as first, gateway(cluster, tmp_path, "second") as second:
        assert second.es("GET", "/_inference/clip-search")[0] == 404
        assert first.register("--models", "clip").returncode == 0
        made = time.monotonic()
        while second.es("GET", "/_inference/clip-search")[0] != 200:
            assert time.monotonic() - made < K_SOON
        status, answer = second.es("POST", "/_inference/text_embedding/clip-search", {"input": "a house"})
        assert status == 200 and len(answer["text_embedding"]) == 1
        assert first.es("DELETE", "/_inference/clip-search?force=true")[0] == 200
        gone = time.monotonic()
        while second.es("POST", "/_inference/text_embedding/clip-search", {"input": "a house"})[0] != 404:
            assert time.monotonic() - gone < K_SOON


def test_of_two_gateways_that_make_the_same_endpoint_one_wins(cluster, tmp_path):
    with gateway(cluster, tmp_path, "first") as first, gateway(cluster, tmp_path, "second") as second:
        assert first.register("--models", "clip").returncode == 0
        body = first.es("GET", "/_inference/clip-search")[1]["endpoints"][0]
        body = {"service": "custom", "service_settings": {key: value for key, value in body["service_settings"].items() if key != "dimensions"}}
        answers, barrier = [], threading.Barrier(2)

        def put(server):
            barrier.wait()
            answers.append(server.es("PUT", "/_inference/text_embedding/contested", body)[0])

        threads = [threading.Thread(target=put, args=(server,)) for server in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 400]


def test_ingestion_goes_on_through_the_other_gateway(cluster, tmp_path, demo_pictures):
    with gateway(cluster, tmp_path, "first") as first, gateway(cluster, tmp_path, "second") as second:
        # The endpoints name the second one's models, as they would name a load balancer's address.
        assert second.register("--models", "clip").returncode == 0
        with Gate(first.elasticsearch) as gate:
            gate.set(request=lambda number: K_NONE if number < 2 else Faults(silent=True), when=b"/_bulk")
            command = [BIN / "sightline-ingest", DEMO / "pictures", "--index", "clip-images", "--env-file", "/dev/null", "--quiet", "--elasticsearch", gate.url,
                       "--bulk-documents", "8", "--attempts", "2", "--report", tmp_path / "failures.csv"]
            loader = subprocess.Popen([str(part) for part in command], env=first.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            gate.wait(lambda: gate.used > 2)
            eventually(lambda: count(cluster) == 16)
            assert loader.poll() is None, loader.stdout.read()
            first.kill()
            loader.communicate(timeout=300)
        assert loader.returncode != 0  # what it could not load is told
        assert count(cluster) == 16
        done = second.ingest(DEMO / "pictures", "--index", "clip-images", "--resume", "--report", tmp_path / "failures.csv")
        assert done.returncode == 0, done.stdout + done.stderr
        assert count(cluster) == len(demo_pictures)


def test_a_cluster_that_dies_in_the_middle_of_a_bulk_loses_nothing(tmp_path, demo_pictures, reserve_port):
    port = reserve_port()
    cluster = Cluster(tmp_path / "cluster", tmp_path / "cluster.log", port)
    try:
        with gateway(cluster, tmp_path) as server:
            assert server.register("--models", "clip").returncode == 0
            acknowledged, refused = set(), 0

            def bulk(first):
                lines = []
                for i in range(first, first + 40):
                    picture = demo_pictures[i % len(demo_pictures)]
                    lines.append(json.dumps({"index": {"_id": str(i)}}))
                    lines.append(json.dumps({"image_name": str(i), "image_data": base64.b64encode(picture.read_bytes()).decode()}))
                return server.es("POST", "/clip-images/_bulk", "\n".join(lines) + "\n", content_type="application/x-ndjson")

            stopper = None
            for first in range(0, 400, 40):
                if first == 120:
                    stopper = threading.Thread(target=cluster.kill)
                    stopper.start()
                status, answer = bulk(first)
                if status != 200:
                    assert status in (502, 503) and answer["error"]["reason"], answer
                    refused += 40
                    break
                items = [item["index"] for item in answer["items"]]
                assert [item["_id"] for item in items] == [str(i) for i in range(first, first + 40)]
                acknowledged |= {item["_id"] for item in items if item["status"] < 300}
                refused += sum(item["status"] >= 500 for item in items)
                assert len(acknowledged) + refused == first + 40
                if refused:
                    break
            stopper.join()
            assert refused > 0
            status, answer = server.es("GET", "/clip-images/_count")
            assert status == 503 and cluster.url in answer["error"]["reason"]
            with urllib.request.urlopen(server.url + "/metrics") as metrics:
                counted = dict(line.rsplit(" ", 1) for line in metrics.read().decode().splitlines() if line.startswith("sightline_gateway"))
            assert float(counted["sightline_gateway_cluster_failures_total"]) >= 1
            assert float(counted['sightline_gateway_requests_total{way="passed_on"}']) >= 1
            assert float(counted['sightline_gateway_requests_total{way="answered_here"}']) >= 4  # endpoints, pipeline, bulks

            cluster = Cluster(tmp_path / "cluster", tmp_path / "cluster.log", port)
            found = server.es("POST", "/clip-images/_mget?_source=false", {"ids": sorted(acknowledged)})[1]["docs"]
            assert all(document["found"] for document in found)
            for first in range(0, 400, 40):
                status, answer = bulk(first)
                assert status == 200 and not answer["errors"]
            assert count(cluster) == 400
    finally:
        cluster.stop()


def test_a_bulk_of_ninety_megabytes_takes_little_memory(cluster, tmp_path):
    with gateway(cluster, tmp_path) as server:
        assert server.register("--models", "clip").returncode == 0
        pictures = [base64.b64encode(noise_png(seed, 500)).decode() for seed in range(8)]
        lines, size = [], 0
        while size < BULK_BYTES:
            number = len(lines) // 2
            lines += [json.dumps({"index": {"_id": str(number)}}), json.dumps({"image_name": str(number), "image_data": pictures[number % 8]})]
            size += len(lines[-1]) + len(lines[-2]) + 2
        # Once small, so that what the first use of everything takes counts as idle.
        status, answer = server.es("POST", "/clip-images/_bulk", "\n".join(lines[:80]) + "\n", content_type="application/x-ndjson")
        assert status == 200 and not answer["errors"], json.dumps(answer)[:1000]
        idle = memory_of(server.process)["VmRSS"]
        pathlib.Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # VmHWM starts again
        body = ("\n".join(lines) + "\n").encode()
        status, answer = server.es("POST", "/clip-images/_bulk", body, content_type="application/x-ndjson", timeout=300)
        assert status == 200 and not answer["errors"] and len(answer["items"]) == len(lines) // 2
        grown = memory_of(server.process)["VmHWM"] - idle
        print(f"{grown >> 20} MiB above idle")
        assert grown < MEMORY_BYTES


def test_no_credential_and_no_secret_is_logged_or_stored_in_clear(cluster, tmp_path):
    key_file = tmp_path / "secret.key"
    key_file.write_text("5e" * 32 + "\n")
    key_file.chmod(0o600)
    with gateway(cluster, tmp_path, options=("--secret-key-file", key_file, "--log-level", "debug")) as server:
        assert server.register("--models", "clip").returncode == 0
        settings = server.es("GET", "/_inference/clip-search")[1]["endpoints"][0]["service_settings"]
        del settings["dimensions"]
        settings["headers"] = {"Authorization": "Bearer ${api_key}"}
        settings["secret_parameters"] = {"api_key": "very-secret-parameter"}
        status, answer = server.es("PUT", "/_inference/text_embedding/with-secret", {"service": "custom", "service_settings": settings})
        assert status == 200 and "very-secret-parameter" not in json.dumps(answer)
        request = urllib.request.Request(server.elasticsearch + "/_search", headers={"Authorization": "ApiKey very-secret-credential"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
        kept = call("GET", f"{cluster.url}/.sightline/_search?size=100")[1]
        assert any(hit["_id"].endswith("with-secret") for hit in kept["hits"]["hits"])
        assert "very-secret" not in json.dumps(kept)
        assert server.es("POST", "/_inference/text_embedding/with-secret", {"input": "a house"})[0] == 200
    assert "very-secret" not in (tmp_path / "gateway.log").read_text()
