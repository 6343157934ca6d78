"""A model that is exchanged under its name: vectors of two models must not meet in one field unnoticed."""

import base64

from conftest import InferenceServer, ROOT, Sightline, call, run, wait_for


def served(server, model="clip"):
    return call("GET", f"{server.url}/v1/models/{model}")[1]["fingerprint"]


def recorded(server, index="clip-images"):
    return server.es("GET", f"/{index}/_mapping")[1][index]["mappings"]["_meta"]["sightline"]


def made_by(server, id, index="clip-images"):
    return server.es("GET", f"/{index}/_doc/{id}")[1]["_source"].get("model_fingerprint")


def write(server, id, file):
    document = {"image_name": file.name, "image_data": base64.b64encode(file.read_bytes()).decode()}
    assert server.es("PUT", f"/clip-images/_doc/{id}?refresh=true", document)[0] in (200, 201)


def test_index_and_documents_say_which_model_made_their_vectors(server, demo_pictures):
    assert server.register("--models", "clip,jina-clip", "--listings").returncode == 0
    prints = {model: served(server, model) for model in ("clip", "jina-clip")}
    assert prints["clip"] != prints["jina-clip"]
    assert recorded(server) == {"image_embedding": {"model": "clip", "fingerprint": prints["clip"], "demo": True}}
    assert {name: field["fingerprint"] for name, field in recorded(server, "listings").items()} == {"clip_embedding": prints["clip"], "jina_embedding": prints["jina-clip"]}
    write(server, "1", demo_pictures[0])
    assert made_by(server, "1") == prints["clip"]
    assert server.es("POST", "/clip-images/_count", {"query": {"term": {"model_fingerprint": prints["clip"]}}})[1]["count"] == 1
    assert server.es("PUT", "/clip-images/_doc/2", {"image_name": "its own", "image_embedding": [1.0] + [0.0] * 127})[0] == 201
    assert made_by(server, "2") is None, "only where the pipeline made the vector"


def test_an_index_from_before_fingerprints_gets_them(registered):
    assert registered.es("PUT", "/clip-images/_mapping", {"_meta": {"mine": 1}})[0] == 200
    assert registered.register().returncode == 0
    meta = registered.es("GET", "/clip-images/_mapping")[1]["clip-images"]["mappings"]["_meta"]
    assert meta["mine"] == 1 and meta["sightline"]["image_embedding"]["fingerprint"] == served(registered)


def test_another_precision_is_another_model(tmp_path, demo_pictures):
    first = Sightline(tmp_path / "data", tmp_path / "first.log")
    try:
        assert first.register().returncode == 0
        write(first, "1", demo_pictures[0])
        before = served(first)
    finally:
        first.stop()
    assert "was set up for model" not in first.log.read_text()

    second = Sightline(tmp_path / "data", tmp_path / "second.log", options=["--dtype", "bfloat16"])
    try:
        now = served(second)
        assert now != before
        # At the start, before anybody asks for anything.
        wait_for(f"index [clip-images] was set up for model [clip] with fingerprint {before}, but the [clip] served now has {now}", second.log)
        refused = second.register()
        assert refused.returncode == 1
        for words in ("index clip-images holds 1 vectors of another model", before, now, "--accept-model", "--remove --with-data"):
            assert words in refused.stderr
        assert recorded(second)["image_embedding"]["fingerprint"] == before, "nothing was changed"

        accepted = second.register("--accept-model")
        assert accepted.returncode == 0, accepted.stderr
        assert recorded(second)["image_embedding"]["fingerprint"] == now
        assert "clip-images: 1 of 1 documents still hold vectors that another clip made" in accepted.stdout
        write(second, "2", demo_pictures[0])
        assert "clip-images: 1 of 2 documents still hold" in second.register().stdout
        write(second, "1", demo_pictures[0])
        assert made_by(second, "1") == now
        again = second.register()
        assert again.returncode == 0 and "still hold" not in again.stdout
    finally:
        second.stop()


def test_an_index_without_vectors_takes_any_model(tmp_path):
    first = Sightline(tmp_path / "data", tmp_path / "first.log")
    try:
        assert first.register().returncode == 0
        other = InferenceServer(tmp_path / "other.log", ["--dtype", "bfloat16"])
        try:
            moved = run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null"], {**first.environment(), "SIGHTLINE_URL": other.url})
            assert moved.returncode == 0, moved.stderr
            assert recorded(first)["image_embedding"]["fingerprint"] == served(other)
        finally:
            other.stop()
    finally:
        first.stop()
