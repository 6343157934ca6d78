"""What was acknowledged survives SIGKILL."""

import base64
import json
import threading

from conftest import Sightline


def test_every_acknowledged_document_is_there_after_sigkill_in_the_middle_of_a_bulk(tmp_path, demo_pictures):
    server = Sightline(tmp_path / "data", tmp_path / "server.log")
    try:
        assert server.register("--models", "clip").returncode == 0
        acknowledged, started = [], threading.Event()

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
                assert status == 200 and not answer["errors"], answer
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
