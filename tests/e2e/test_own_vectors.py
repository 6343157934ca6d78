"""Documents that bring their own vector, and documents whose picture changes: what the shipped pipelines make of them."""

import base64
import json
import math

import pytest

from conftest import call


def picture(file):
    return base64.b64encode(file.read_bytes()).decode()


def stored(server, id, index="clip-images"):
    """The document, its vectors included."""
    server.es("POST", f"/{index}/_refresh")
    body = {"query": {"ids": {"values": [id]}}, "_source": {"exclude_vectors": False}}
    return server.es("POST", f"/{index}/_search", body)[1]["hits"]["hits"][0]["_source"]


def vector_of(server, file):
    body = {"model": "clip", "input_type": "document", "modality": "image", "input": [picture(file)]}
    return call("POST", server.url + "/v1/embeddings", body)[1]["data"][0]["embedding"]


def is_near(one, other):
    return len(one) == len(other) and math.dist(one, other) < 1e-4


def unit_vector(at, dims=128):
    return [1.0 if i == at else 0.0 for i in range(dims)]


def test_vectors_that_a_client_sends_are_kept(registered):
    lines = []
    for i in range(8):
        lines += [{"index": {"_index": "clip-images", "_id": str(i)}}, {"image_name": f"{i}.jpg", "image_embedding": unit_vector(i), "model_id": "my-own"}]
    status, answer = registered.es("POST", "/_bulk?refresh=true", "".join(json.dumps(line) + "\n" for line in lines), content_type="application/x-ndjson")
    assert status == 200 and not answer["errors"], answer
    assert registered.es("POST", "/clip-images/_count", {"query": {"exists": {"field": "image_embedding"}}})[1]["count"] == 8
    assert stored(registered, "3") == {"image_name": "3.jpg", "image_embedding": unit_vector(3), "model_id": "my-own"}
    knn = {"field": "image_embedding", "k": 1, "num_candidates": 10, "query_vector": unit_vector(5)}
    assert [hit["_id"] for hit in registered.es("POST", "/clip-images/_search", {"knn": knn})[1]["hits"]["hits"]] == ["5"]


def test_a_picture_replaces_the_vector_and_says_who_made_it(registered, demo_pictures):
    first, second = demo_pictures[0], demo_pictures[1]
    document = {"image_name": "one", "image_data": picture(first), "image_embedding": unit_vector(0), "model_id": "my-own"}
    assert registered.es("PUT", "/clip-images/_doc/1", document)[0] == 201
    kept = stored(registered, "1")
    assert is_near(kept["image_embedding"], vector_of(registered, first)) and kept["model_id"] == "clip-ingest"
    # Written again as it is stored, vector and all: replaced, not appended to.
    assert registered.es("PUT", "/clip-images/_doc/1", dict(kept, image_data=picture(second)))[0] == 200
    again = stored(registered, "1")
    assert is_near(again["image_embedding"], vector_of(registered, second)) and again["model_id"] == "clip-ingest"
    assert set(again) == set(kept), "the pipeline leaves nothing of its own behind"


def test_updates_by_partial_documents(registered, demo_pictures):
    first, second = demo_pictures[0], demo_pictures[1]
    assert registered.es("PUT", "/clip-images/_doc/1", {"image_name": "one", "image_data": picture(first)})[0] == 201
    assert registered.es("POST", "/clip-images/_update/1", {"doc": {"price": 5}})[0] == 200
    assert is_near(stored(registered, "1")["image_embedding"], vector_of(registered, first))
    assert registered.es("POST", "/clip-images/_update/1", {"doc": {"image_data": picture(second)}})[0] == 200
    assert is_near(stored(registered, "1")["image_embedding"], vector_of(registered, second))
    # The picture goes, its vector stays, until the client takes that away too.
    assert registered.es("POST", "/clip-images/_update/1", {"doc": {"image_data": None}})[0] == 200
    kept = stored(registered, "1")
    assert kept["image_data"] is None and is_near(kept["image_embedding"], vector_of(registered, second)) and kept["model_id"] == "clip-ingest"
    assert registered.es("POST", "/clip-images/_update/1", {"doc": {"image_embedding": None}})[0] == 200
    registered.es("POST", "/clip-images/_refresh")
    assert registered.es("POST", "/clip-images/_count", {"query": {"exists": {"field": "image_embedding"}}})[1]["count"] == 0


def test_a_document_of_its_own_vector_stays_so_when_updated(registered):
    assert registered.es("PUT", "/clip-images/_doc/1", {"image_name": "one", "image_embedding": unit_vector(7)})[0] == 201
    assert registered.es("POST", "/clip-images/_update/1", {"doc": {"price": 5}})[0] == 200
    assert stored(registered, "1") == {"image_name": "one", "image_embedding": unit_vector(7), "price": 5}


def test_a_document_with_neither_picture_nor_vector_is_written_as_it_came(registered):
    assert registered.es("PUT", "/clip-images/_doc/1", {"image_name": "bare"})[0] == 201
    assert stored(registered, "1") == {"image_name": "bare"}


@pytest.mark.parametrize("sent", ["picture", "vectors"])
def test_listings_keep_or_make_each_vector(server, demo_pictures, sent):
    done = server.register("--models", "clip,jina-clip", "--listings")
    assert done.returncode == 0, done.stdout + done.stderr
    document = {"title": "a house", "clip_embedding": unit_vector(1), "jina_embedding": unit_vector(2)}
    if sent == "picture":
        document["image_data"] = picture(demo_pictures[0])
    assert server.es("PUT", "/listings/_doc/1", document)[0] == 201
    kept = stored(server, "1", "listings")
    if sent == "vectors":
        assert kept == document
    else:
        assert is_near(kept["clip_embedding"], vector_of(server, demo_pictures[0]))
        assert len(kept["jina_embedding"]) == 128 and not is_near(kept["jina_embedding"], unit_vector(2))
        assert not [name for name in kept if name.startswith("sightline_")]
