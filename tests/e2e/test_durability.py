"""What was acknowledged survives SIGKILL, and is in a copy that is made while the server runs."""

import base64
import contextlib
import json
import shutil
import sqlite3
import threading

from conftest import Sightline


def test_every_acknowledged_document_is_there_after_sigkill_in_the_middle_of_a_bulk(tmp_path, demo_pictures):
    server = Sightline(tmp_path / "data", tmp_path / "server.log")
    try:
        assert server.register("--models", "clip").returncode == 0
        acknowledged, wrong, started = [], [], threading.Event()

        def write(part):
            # Small bulks one after the other, until the server is gone.
            for round_number in range(1000):
                ids = [f"{part}-{round_number}-{i}" for i in range(5)]
                lines = []
                for i, doc_id in enumerate(ids):
                    picture = demo_pictures[(part * 50 + round_number * 5 + i) % len(demo_pictures)]
                    lines.append(json.dumps({"index": {"_id": doc_id}}))
                    lines.append(json.dumps({"image_name": doc_id, "image_data": base64.b64encode(picture.read_bytes()).decode()}))
                try:
                    status, answer = server.es("POST", "/clip-images/_bulk", "\n".join(lines) + "\n", content_type="application/x-ndjson")
                except OSError:
                    return
                if status != 200 or answer["errors"]:
                    wrong.append(answer)
                    return
                acknowledged.extend(item["index"]["_id"] for item in answer["items"])
                if len(acknowledged) >= 60:
                    started.set()

        writers = [threading.Thread(target=write, args=(part,)) for part in range(3)]
        for writer in writers:
            writer.start()
        assert started.wait(timeout=120)
        server.kill()
        for writer in writers:
            writer.join()
        assert not wrong
    finally:
        server.stop()

    server = Sightline(tmp_path / "data", tmp_path / "server.log")
    try:
        status, answer = server.es("POST", "/clip-images/_mget?_source=false", {"ids": acknowledged})
        assert status == 200
        lost = [document["_id"] for document in answer["docs"] if not document["found"]]
        assert lost == []
        assert server.register("--models", "clip").returncode == 0  # the new server has another port
        searched = server.es("POST", "/clip-images/_search", {
            "size": 10000, "_source": False,
            "knn": {"field": "image_embedding", "k": 10000, "num_candidates": 10000,
                    "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": "a house"}}}})[1]
        assert set(acknowledged) <= {hit["_id"] for hit in searched["hits"]["hits"]}
    finally:
        assert server.stop() == 0


def test_a_copy_that_sqlite_makes_while_the_server_writes_is_a_whole_store(tmp_path):
    """What docs/operations.md says about backups."""
    server = Sightline(tmp_path / "data", tmp_path / "server.log")
    copy, stop = tmp_path / "copy", threading.Event()
    copy.mkdir(mode=0o700)
    acknowledged, wrong = [], []

    def write():
        while not stop.is_set():
            lines = [line for i in range(50) for line in ({"index": {"_id": f"{len(acknowledged) + i}"}}, {"n": i, "filler": "x" * 2000})]
            status, answer = server.es("POST", "/things/_bulk", "\n".join(map(json.dumps, lines)) + "\n", content_type="application/x-ndjson")
            if status != 200 or answer["errors"]:
                wrong.append(answer)
                return
            acknowledged.extend(item["index"]["_id"] for item in answer["items"])

    try:
        writer = threading.Thread(target=write)
        writer.start()
        while len(acknowledged) < 500 and writer.is_alive():
            stop.wait(0.01)
        before = list(acknowledged)
        assert len(before) >= 500, wrong
        with contextlib.closing(sqlite3.connect(tmp_path / "data/store.db")) as source, contextlib.closing(sqlite3.connect(copy / "store.db")) as target:
            source.backup(target)
        shutil.copy(tmp_path / "data/store.uuid", copy)
        stop.set()
        writer.join()
        assert not wrong and len(acknowledged) > len(before)  # it wrote meanwhile
        assert server.es("GET", "/_cluster/health")[1]["status"] != "red"
    finally:
        stop.set()
        assert server.stop() == 0
    server = Sightline(copy, tmp_path / "copy.log")
    try:
        answer = server.es("POST", "/things/_mget?_source=false", {"ids": before})[1]
        assert [document["_id"] for document in answer["docs"] if not document["found"]] == []
    finally:
        assert server.stop() == 0
