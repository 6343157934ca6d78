"""What breaks between two programs: connections that are cut, slow or silent, and bytes that change on the way. gate.py does it."""

import base64
import concurrent.futures
import contextlib
import csv
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import threading
import urllib.parse
import urllib.request

import pytest

from authority import Authority, put_in_place
from conftest import Cluster, InferenceServer, Sightline, StandIn, call, memory_of
from gate import Faults, Gate, K_NONE, eventually

STEP = 100  # bytes between two places of a cut
MODEL = "embed-english-v3.0"


def data_url(picture):
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()


def embedding_request(*inputs, padding=0):
    body = json.dumps({"model": "clip", "input": inputs, **({"padding": "x" * padding} if padding else {})}).encode()
    return (f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n").encode() + body


def connect(url, context=None):
    place = urllib.parse.urlsplit(url)
    connection = socket.create_connection((place.hostname, place.port), timeout=30)
    return context.wrap_socket(connection, server_hostname="127.0.0.1") if context else connection


def exchange(url, request, context=None):
    """All that comes back, until the connection ends in whatever way."""
    received = b""
    with contextlib.suppress(OSError), connect(url, context) as connection:
        connection.sendall(request)
        while piece := connection.recv(65536):
            received += piece
    return received


def vectors(received):
    """Those of a whole answer; None if it is not whole."""
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    if not length or len(body) < int(length[1]):
        return None
    assert head.startswith(b"HTTP/1.1 200 "), received
    return [entry["embedding"] for entry in json.loads(body)["data"]]


def largest_difference(a, b):
    assert len(a) == len(b)
    return max(abs(x - y) for x, y in zip(a, b))


def metrics(server):
    with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
        return dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))


def pictures_embedded(server):
    return float(metrics(server).get('sightline_inputs_total{modality="image",model="clip"}', 0))


def sockets(server):
    """Open sockets of its process."""
    count = 0
    for descriptor in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(descriptor).startswith("socket:")
    return count


def connections(server):
    """The sockets of its clients, without those to other servers, which are kept open for the next call."""
    port = f":{urllib.parse.urlsplit(server.url).port:04X}"
    lines = [line.split() for line in pathlib.Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]]
    listening = "0A"
    return sum(1 for line in lines if line[1].endswith(port) and line[3] != listening and line[9] != "0")  # inode 0: no process has it any more


class Neighbour:
    """A client with a connection of its own, whose answers must stay right meanwhile."""

    TEXTS = ["a red house", "a pool", "a kitchen at night"]

    def __init__(self, server):
        self.server, self.done, self.wrong, self.right = server, threading.Event(), [], 0
        self.expected = vectors(exchange(server.url, embedding_request(*self.TEXTS)))
        self.thread = threading.Thread(target=self.run)

    def run(self):
        place = urllib.parse.urlsplit(self.server.url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        body = json.dumps({"model": "clip", "input": self.TEXTS})
        try:
            while not self.done.is_set():
                connection.request("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                same = [entry["embedding"] for entry in answer["data"]] == self.expected
                self.right += same
                if not same:
                    self.wrong.append(answer)
                self.done.wait(0.002)
        except Exception as error:  # noqa: BLE001: every kind is a failure
            self.wrong.append(repr(error))
        finally:
            connection.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        assert not self.wrong and self.right > 0, self.wrong[:3]


@contextlib.contextmanager
def unharmed(server, count=sockets):
    """Afterwards a server is healthy and has no more connections than before."""
    before = count(server)
    with Neighbour(server):
        yield
    assert call("GET", server.url + "/health/ready")[0] == 200 and call("GET", server.url + "/health/live")[0] == 200
    eventually(lambda: count(server) <= before)
    assert float(metrics(server)["sightline_queue_items{model=\"clip\"}"]) == 0


@pytest.fixture(scope="module")
def picture(demo_pictures):
    return min(demo_pictures, key=lambda path: path.stat().st_size)


# Between a client and the inference port.


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = InferenceServer(tmp_path_factory.mktemp("chaos") / "log")
    yield running
    assert running.stop() == 0, running.log.read_text()[-3000:]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def test_a_request_cut_anywhere_gets_no_vector(server, picture):
    request = embedding_request(data_url(picture), "a house")
    expected = vectors(exchange(server.url, request))
    embedded = pictures_embedded(server)
    with unharmed(server), Gate(server.url) as gate:
        for place in range(0, len(request), STEP):
            # Cut on both sides, cut hard, and with the way back still open: an answer would arrive.
            kind = place // STEP % 3
            gate.set(request=Faults(cut=place, reset=kind == 1, half=kind == 2))
            received = exchange(gate.url, request)
            assert received == b"" or (kind == 2 and received.startswith(b"HTTP/1.1 4")), (place, received)
        assert pictures_embedded(server) == embedded
        gate.let_pass()
        assert vectors(exchange(gate.url, request)) == expected


def test_an_answer_cut_anywhere_never_looks_whole(server, picture):
    request = embedding_request(data_url(picture), "a house")
    with unharmed(server), Gate(server.url) as gate:
        whole = exchange(gate.url, request)
        expected = vectors(whole)
        for place in range(0, len(whole), STEP):
            reset = place // STEP % 2 == 1
            gate.set(answer=Faults(cut=place, reset=reset))
            received = exchange(gate.url, request)
            assert len(received) <= place and (reset or len(received) == place) and vectors(received) is None
        gate.let_pass()
        assert vectors(exchange(gate.url, request)) == expected


@pytest.mark.parametrize("faults", [Faults(trickle=(97, 0.001)), Faults(trickle=(1500, 0.01), delay=0.01), Faults(delay=0.1)],
                         ids=["trickled", "in packets", "delayed"])
def test_slow_connections_get_right_vectors_and_so_does_a_client_beside_them(server, picture, faults):
    request = embedding_request("a house", data_url(picture), "a pool")
    expected = vectors(exchange(server.url, request))
    with unharmed(server), Gate(server.url) as gate, concurrent.futures.ThreadPoolExecutor(8) as clients:
        gate.set(faults, faults)
        for received in clients.map(lambda _: exchange(gate.url, request), range(16)):
            assert vectors(received) == expected


def test_clients_that_disconnect_from_a_silent_gate_leave_nothing_behind(server, picture):
    request = embedding_request(data_url(picture))
    with unharmed(server), Gate(server.url) as gate:
        for silent in ({"request": Faults(silent=True)}, {"answer": Faults(silent=True)}):
            gate.set(**silent)
            waiting = [connect(gate.url) for _ in range(40)]
            for connection in waiting:
                connection.sendall(request)
            gate.wait(lambda: gate.used == 40)
            for connection in waiting:
                connection.close()
            gate.wait(lambda: not gate.passages)


def test_cut_requests_leave_no_memory_behind(server):
    request = embedding_request("a house", padding=1 << 20)
    with unharmed(server), Gate(server.url) as gate:
        gate.set(request=Faults(cut=len(request) - 1))
        for _ in range(20):  # what the first ones take is kept for the next
            assert exchange(gate.url, request) == b""
        before = memory_of(server.process)["VmRSS"]
        for _ in range(100):
            assert exchange(gate.url, request) == b""
        grown = memory_of(server.process)["VmRSS"] - before
        assert grown < 50 << 20, f"{grown >> 20} MiB"


def test_tls_connections_cut_anywhere_give_no_vector_and_no_truncated_answer(authority, tmp_path, picture):
    put_in_place(*authority.sign("server", 7001), tmp_path)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    secure = InferenceServer(tmp_path / "log", ["--tls-certificate", tmp_path / "server.crt", "--tls-key", tmp_path / "server.key"])
    request = embedding_request(data_url(picture), "a house")
    try:
        with Gate(secure.url) as gate:
            expected = vectors(exchange(gate.url, request, context))
            gate.wait(lambda: not gate.passages)
            sent, answered = gate.last_closed.request.passed, gate.last_closed.answer.passed
            before = sockets(secure)
            for place in range(0, sent - STEP, STEP):
                gate.set(request=Faults(cut=place, reset=place // STEP % 2 == 1))
                assert exchange(gate.url, request, context) == b"", place
            for place in range(0, answered - STEP, STEP):
                gate.set(answer=Faults(cut=place, reset=place // STEP % 2 == 1))
                assert vectors(exchange(gate.url, request, context)) is None, place
            for faults in (Faults(trickle=(200, 0.001)), Faults(delay=0.02)):
                gate.set(faults, faults)
                assert vectors(exchange(gate.url, request, context)) == expected
            gate.set(request=Faults(corrupt=sent // 2))  # within a record: its checksum fails
            assert vectors(exchange(gate.url, request, context)) is None
            gate.let_pass()
            assert vectors(exchange(gate.url, request, context)) == expected
            eventually(lambda: sockets(secure) <= before)
    finally:
        assert secure.stop() == 0


# Between the gateway and its cluster.


@pytest.fixture(scope="module")
def gatewayed(tmp_path_factory):
    """A gateway, the gate between it and its cluster, and that cluster."""
    folder = tmp_path_factory.mktemp("gatewayed")
    cluster = Cluster(folder / "cluster", folder / "cluster.log")
    try:
        with Gate(cluster.url) as gate:
            running = Sightline(folder / "none", folder / "log", gate.url, ["--elasticsearch-timeout", "2s"])
            try:
                done = running.register("--models", "clip")
                assert done.returncode == 0, done.stdout + done.stderr
                yield running, gate, cluster
            finally:
                assert running.stop() == 0, running.log.read_text()[-3000:]
    finally:
        cluster.stop()


def assert_elastic_error(status, answer):
    assert status in (502, 504), (status, answer)
    error = answer["error"]
    assert answer["status"] == status and error["type"] and error["reason"] and error["root_cause"][0]["reason"] == error["reason"], answer
    assert "Elasticsearch at [" in error["reason"]


def bulk(server, ids, pictures):
    lines = []
    for doc_id, path in zip(ids, pictures):
        lines += [json.dumps({"index": {"_id": doc_id}}), json.dumps({"image_name": doc_id, "image_data": base64.b64encode(path.read_bytes()).decode()})]
    return server.es("POST", "/clip-images/_bulk", "\n".join(lines) + "\n", content_type="application/x-ndjson")


def test_no_acknowledged_document_is_lost_between_gateway_and_cluster(gatewayed, demo_pictures):
    server, gate, cluster = gatewayed
    pictures = demo_pictures[:4]
    expected = vectors(exchange(server.url, embedding_request(*map(data_url, pictures))))
    failures = float(metrics(server).get("sightline_gateway_cluster_failures_total", 0))
    breaking = [(Faults(cut=place, reset=place % 200 == 100), K_NONE) for place in (0, 100, 1000, 5000, 20_000)]
    breaking += [(K_NONE, Faults(cut=place, reset=place % 200 == 100)) for place in (0, 100, 200, 300, 400, 500)]
    slow = [(Faults(delay=0.2), K_NONE), (K_NONE, Faults(delay=0.2)), (Faults(trickle=(5000, 0.01)), Faults(trickle=(50, 0.01)))]
    silent = [(Faults(silent=True), K_NONE), (K_NONE, Faults(silent=True))]
    acknowledged, failed = [], []
    for number, (request, answer) in enumerate([*breaking, *slow, *silent]):
        gate.end_passages()
        gate.set(request, answer, when=b"/_bulk", times=1)
        ids = [f"{number}-{i}" for i in range(4)]
        status, answered = bulk(server, ids, pictures)
        assert gate.used == 1, number
        if status != 200:
            assert_elastic_error(status, answered)
            failed.append(number)
            continue
        items = [item["index"] for item in answered["items"]]
        assert [item["_id"] for item in items] == ids
        for item in items:
            assert item["status"] in (200, 201) or (item["status"] in (502, 504) and item["error"]["type"] and item["error"]["reason"]), item
        assert len({item["status"] < 300 for item in items}) == 1
        (acknowledged if items[0]["status"] < 300 else failed).append(number)
    assert acknowledged == list(range(len(breaking), len(breaking) + len(slow)))
    assert float(metrics(server)["sightline_gateway_cluster_failures_total"]) - failures == len(failed)

    gate.let_pass()
    ids = [f"{number}-{i}" for number in acknowledged for i in range(4)]
    found = call("POST", f"{cluster.url}/clip-images/_mget?_source_exclude_vectors=false", {"ids": ids})[1]["docs"]
    for doc_id, document in zip(ids, found):
        assert document["_id"] == doc_id and document["found"] and document["_source"]["image_name"] == doc_id
        assert largest_difference(document["_source"]["image_embedding"], expected[int(doc_id[-1])]) < 1e-5
    for number in failed:  # what was reported as failed is sent again, and is there once
        status, answered = bulk(server, [f"{number}-{i}" for i in range(4)], pictures)
        assert status == 200 and not answered["errors"]
    call("POST", f"{cluster.url}/clip-images/_refresh")
    assert call("GET", f"{cluster.url}/clip-images/_count")[1]["count"] == 4 * (len(acknowledged) + len(failed))


def test_a_search_that_breaks_on_the_way_is_an_error_or_a_cut_connection_never_fewer_hits(gatewayed, demo_pictures):
    server, gate, cluster = gatewayed
    gate.let_pass()
    assert bulk(server, [f"search-{i}" for i in range(8)], demo_pictures[:8])[0] == 200
    call("POST", f"{cluster.url}/clip-images/_refresh")
    body = json.dumps({"size": 8, "_source": ["image_name"], "knn": {"field": "image_embedding", "k": 8, "num_candidates": 20, "query_vector_builder": {
        "text_embedding": {"model_id": "clip-search", "model_text": "a red house"}}}}).encode()
    head = f"POST /clip-images/_search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    def search():
        """The ids of the hits; None if the connection was cut; or the error's status."""
        received = exchange(server.elasticsearch, head.encode() + body)
        answered, _, content = received.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", answered, re.I)
        if not length or len(content) < int(length[1]):
            return None
        status, answer = int(answered.split()[1]), json.loads(content)
        if status == 200:
            return [hit["_id"] for hit in answer["hits"]["hits"]]
        assert_elastic_error(status, answer)
        return status

    hits = search()
    assert len(hits) == 8
    gate.end_passages()
    gate.set(when=b"/clip-images/_search")
    assert search() == hits
    passed = max(gate.passages, key=lambda each: each.request.position)
    sizes = passed.request.position, passed.answer.position
    outcomes = []
    for direction, size in enumerate(sizes):
        for place in range(0, size, STEP):
            faults = [K_NONE, K_NONE]
            faults[direction] = Faults(cut=place, reset=place // STEP % 2 == 1)
            gate.set(*faults, when=b"/clip-images/_search", times=1)
            outcomes.append(search())
            assert gate.used == 1 and outcomes[-1] in (None, 502), (direction, place, outcomes[-1])
    assert None in outcomes and 502 in outcomes
    for faults in ((Faults(delay=0.2), Faults(delay=0.2)), (Faults(trickle=(100, 0.002)), Faults(trickle=(50, 0.002)))):
        gate.set(*faults, when=b"/clip-images/_search", times=1)
        assert search() == hits
    gate.set(answer=Faults(silent=True), when=b"/clip-images/_search", times=1)
    gate.end_passages()
    assert search() == 504
    gate.let_pass()
    assert search() == hits


# Between the server and Cohere.


def post(url, body, key="any"):
    return call("POST", url, body, headers={"Authorization": f"Bearer {key}"})


def test_calls_to_cohere_that_break_are_repeated_and_every_vector_is_right_and_in_its_place(tmp_path, demo_pictures):
    stand_in = StandIn(tmp_path / "cohere.log")
    try:
        with Gate(stand_in.url) as gate:
            running = InferenceServer(tmp_path / "log", ["--cohere", "--cohere-url", gate.url, "--cohere-concurrency", "64"])
            try:
                break_calls_to_cohere(running, gate, stand_in, demo_pictures[:16])
            finally:
                assert running.stop() == 0, running.log.read_text()[-3000:]
    finally:
        assert stand_in.stop() == 0


def break_calls_to_cohere(server, gate, stand_in, pictures):
    texts = [f"house number {i}" for i in range(len(pictures))]

    def direct(**content):
        return post(stand_in.url + "/v2/embed", {"model": MODEL, "embedding_types": ["float"], **content})[1]["embeddings"]["float"]

    of_texts = direct(input_type="search_document", texts=texts)
    of_pictures = [direct(input_type="image", images=[data_url(path)])[0] for path in pictures]

    def embed(i):
        """Two texts with a picture between them: two calls."""
        other = (i + 1) % len(texts)
        status, answer = post(server.url + "/v1/embeddings", {"model": MODEL, "input": [texts[i], data_url(pictures[i]), texts[other]]})
        assert status == 200, answer
        for entry, wanted in zip(answer["data"], (of_texts[i], of_pictures[i], of_texts[other]), strict=True):
            assert largest_difference(entry["embedding"], wanted) < 1e-6

    with unharmed(server, connections), concurrent.futures.ThreadPoolExecutor(len(pictures)) as clients:
        for faults, times in (({"answer": lambda n: Faults(cut=300 * n, reset=n % 3 == 1)}, 30),
                              ({"request": lambda n: Faults(cut=9 * n, reset=n % 3 == 1)}, 30),
                              ({"request": Faults(trickle=(1000, 0.002)), "answer": Faults(trickle=(1000, 0.002))}, None),
                              ({"request": Faults(delay=0.1), "answer": Faults(delay=0.1)}, None)):
            gate.end_passages()
            gate.set(**faults, when=b"POST /v2/embed", times=times)
            list(clients.map(embed, range(len(pictures))))
            assert gate.used == times if times else gate.used > 0
        counted = metrics(server)
        assert float(counted['sightline_cohere_calls_total{status="broken"}']) == 60 == float(counted["sightline_cohere_retries_total"])
        gate.end_passages()
        gate.set(answer=Faults(cut=1000), when=b"POST /v2/embed")
        status, answer = post(server.url + "/v1/embeddings?timeout=1s", {"model": MODEL, "input": ["a pool", "a house"]})
        assert status in (502, 504) and "input 0" in answer["error"]["message"] and "Cohere" in answer["error"]["message"], answer
        gate.end_passages()
        gate.set(answer=Faults(after=b'"float":', corrupt=0), when=b"POST /v2/embed")  # no array
        status, answer = post(server.url + "/v1/embeddings", {"model": MODEL, "input": "a pool"})
        assert status == 502 and "cannot be used" in answer["error"]["message"], answer
        gate.end_passages()


# Between the loader and a store.


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An embedded store; each test loads pictures of its own."""
    folder = tmp_path_factory.mktemp("store")
    running = Sightline(folder / "data", folder / "log")
    try:
        assert running.register("--models", "clip").returncode == 0
        yield running
    finally:
        assert running.stop() == 0, running.log.read_text()[-3000:]


def folder_of(tmp_path, pictures):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in pictures:
        shutil.copy(path, folder)
    return folder


def assert_there_once(server, pictures):
    """Each picture is one document with its own vector."""
    server.es("POST", "/clip-images/_refresh")
    hits = server.es("POST", "/clip-images/_search", {"size": 1000, "_source": ["image_name", "image_embedding"]})[1]["hits"]["hits"]
    expected = vectors(exchange(server.url, embedding_request(*map(data_url, pictures))))
    for path, vector in zip(pictures, expected, strict=True):
        stored = [hit["_source"]["image_embedding"] for hit in hits if hit["_source"]["image_name"] == path.name]
        assert len(stored) == 1 and largest_difference(stored[0], vector) < 1e-5, path


def report_of(tmp_path):
    with open(tmp_path / "report.csv", newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_the_loader_repeats_bulks_that_break_and_every_picture_is_there_once(store, demo_pictures, tmp_path):
    pictures = demo_pictures[:24]
    folder = folder_of(tmp_path, pictures)
    with Gate(store.elasticsearch) as gate:
        # Answers cut at their head and in their items; requests within a picture.
        gate.set(request=lambda n: Faults(cut=9000 * n) if n % 4 == 3 else K_NONE,
                 answer=lambda n: K_NONE if n % 4 == 3 else Faults(cut=50 * n, reset=n % 4 == 1), when=b"/_bulk", times=8)
        done = store.ingest(folder, "--index", "clip-images", "--report", tmp_path / "report.csv", "--elasticsearch", gate.url,
                            "--bulk-documents", "3", "--in-flight", "4")
        assert done.returncode == 0 and "24 indexed" in done.stdout and "0 failed" in done.stdout, done.stdout + done.stderr
        assert gate.used == 8
    assert_there_once(store, pictures)


@pytest.mark.parametrize("number, after, position", [(0, b'"items":', 0), (1, b'"items":[{"', 2), (2, b'"_id":"', 5), (3, b'"status":', 0)],
                         ids=["not JSON", "unknown operation", "other document", "other status"])
def test_a_changed_byte_in_the_answer_to_a_bulk_is_reported(store, demo_pictures, tmp_path, number, after, position):
    pictures = demo_pictures[30 + 3 * number:33 + 3 * number]
    folder = folder_of(tmp_path, pictures)
    with Gate(store.elasticsearch) as gate:
        gate.set(answer=Faults(after=after, corrupt=position), when=b"/_bulk", times=1)
        done = store.ingest(folder, "--index", "clip-images", "--report", tmp_path / "report.csv", "--elasticsearch", gate.url)
        assert gate.used == 1
        assert done.returncode == 1 and re.search(r"[1-3] failed", done.stdout), done.stdout + done.stderr
        rows = report_of(tmp_path)
        assert rows and all(row["reason"] for row in rows.values()), rows
        # What is reported may have been stored: loading it again leaves each document once.
        again = store.ingest(folder, "--index", "clip-images", "--resume", "--elasticsearch", gate.url)
        assert again.returncode == 0, again.stdout + again.stderr
    assert_there_once(store, pictures)


def test_documents_under_other_ids_than_the_loader_asked_for_are_not_taken_for_them(store, demo_pictures, tmp_path):
    pictures = demo_pictures[50:53]
    folder = folder_of(tmp_path, pictures)
    assert store.ingest(folder, "--index", "clip-images").returncode == 0
    with Gate(store.elasticsearch) as gate:
        gate.set(answer=Faults(after=b'"_id":"', corrupt=5), when=b"/_mget", times=1)
        done = store.ingest(folder, "--index", "clip-images", "--resume", "--elasticsearch", gate.url, "--report", tmp_path / "report.csv")
        assert gate.used == 1
        assert done.returncode == 0 and "3 already there" in done.stdout, done.stdout + done.stderr
    assert_there_once(store, pictures)


def test_a_load_over_tls_connections_that_break_is_complete(authority, demo_pictures, tmp_path):
    put_in_place(*authority.sign("store", 7002), tmp_path)
    folder = folder_of(tmp_path, demo_pictures[:16])
    secure = Sightline(tmp_path / "data", tmp_path / "log", options=["--tls-certificate", tmp_path / "server.crt", "--tls-key", tmp_path / "server.key"])
    secure.settings = {"ELASTICSEARCH_CA_FILE": str(authority.certificate), "SIGHTLINE_CA_FILE": str(authority.certificate)}
    try:
        done = secure.register("--models", "clip")
        assert done.returncode == 0, done.stdout + done.stderr
        with Gate(secure.elasticsearch) as gate:
            # The first connection carries what the loader asks before it loads, and is cut within its bulks.
            gate.set(request=lambda n: Faults(cut=40_000) if n == 0 else K_NONE, answer=lambda n: K_NONE if n == 0 else Faults(cut=1500 + 150 * n), times=6)
            done = secure.ingest(folder, "--index", "clip-images", "--report", tmp_path / "report.csv", "--elasticsearch", gate.url,
                                 "--bulk-documents", "2", "--in-flight", "4")
            assert done.returncode == 0 and "16 indexed" in done.stdout and "0 failed" in done.stdout, done.stdout + done.stderr
            assert gate.used == 6
        context = ssl.create_default_context(cafile=str(authority.certificate))
        request = urllib.request.Request(secure.elasticsearch + "/clip-images/_refresh", method="POST")
        urllib.request.urlopen(request, context=context, timeout=30).close()
        with urllib.request.urlopen(secure.elasticsearch + "/clip-images/_count", context=context, timeout=30) as answer:
            assert json.load(answer)["count"] == 16
    finally:
        assert secure.stop() == 0
