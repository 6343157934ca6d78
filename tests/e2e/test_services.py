"""Elasticsearch's services that can reach a server of one's own: custom, openai, hugging_face and cohere, all at Sightline's own routes."""

import base64
import json
import secrets

import pytest

from conftest import KINDS, TEST_CLUSTER, call, running

KEY = "services-secret-5e21c0"
MODEL = "clip"
LIMIT = {"rate_limit": {"requests_per_minute": 600000}, "similarity": "cosine"}


def settings(url):
    """The service_settings of each service."""
    return {
        "custom": {"url": f"{url}/v1/embeddings", "secret_parameters": {"api_key": KEY}, "headers": {"Authorization": "Bearer ${api_key}"},
                   "request": '{"model":"%s","input":${input}}' % MODEL, "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}}, **LIMIT},
        "openai": {"api_key": KEY, "model_id": MODEL, "url": f"{url}/v1/embeddings", **LIMIT},
        "hugging_face": {"api_key": KEY, "url": f"{url}/hugging_face/{MODEL}", **LIMIT},
        "cohere": {"api_key": KEY, "model_id": MODEL, "url": url, **LIMIT},
    }


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    """A server with an endpoint, a vector and an index field of each service, and a key to seal secrets with."""
    folder = tmp_path_factory.mktemp("services")
    (folder / "secret.key").write_text(secrets.token_hex(32))
    with running(request.param, folder, ["--secret-key-file", folder / "secret.key"]) as sightline:
        sightline.folder = folder
        for service, service_settings in settings(sightline.url).items():
            status, made = sightline.es("PUT", f"/_inference/text_embedding/{service}", {"service": service, "service_settings": service_settings})
            assert status == 200, made
        yield sightline


def largest_difference(a, b):
    assert len(a) == len(b) > 0
    return max(abs(x - y) for x, y in zip(a, b))


def vectors_of(server, service, texts, **more):
    status, answer = server.es("POST", f"/_inference/text_embedding/{service}", {"input": texts, **more})
    assert status == 200, answer
    return [entry["embedding"] for entry in answer["text_embedding"]]


@pytest.fixture(scope="module")
def inputs(demo_pictures):
    picture = next(path for path in demo_pictures if path.suffix == ".jpg")
    return ["a red house at night", "", "häuser \"am\" ${see}", "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()]


def test_all_services_give_the_same_vector_for_the_same_text_and_picture(server, inputs):
    direct = [entry["embedding"] for entry in call("POST", f"{server.url}/v1/embeddings", {"model": MODEL, "input": inputs})[1]["data"]]
    for service in settings(server.url):
        # A placeholder in a text is one for the service custom alone, as in Elasticsearch.
        chosen = [i for i, text in enumerate(inputs) if service != "custom" or "${" not in text]
        # custom and cohere take input_type; the others refuse it, as in Elasticsearch.
        roles = ({"input_type": "ingest"}, {"input_type": "search"}) if service in ("custom", "cohere") else ()
        for role in ({}, *roles):
            vectors = vectors_of(server, service, [inputs[i] for i in chosen], **role)
            for i, vector in zip(chosen, vectors):
                assert largest_difference(vector, direct[i]) < 1e-6, (service, i)


def test_all_services_give_the_same_vectors_in_pipelines_and_in_searches(server, inputs):
    services = list(settings(server.url))
    texts = [text for text in inputs if "${" not in text]
    dims = server.es("GET", "/_inference/openai")[1]["endpoints"][0]["service_settings"]["dimensions"]
    processors = [{"inference": {"model_id": service, "input_output": {"input_field": "text", "output_field": f"{service}_vector"}}} for service in services]
    assert server.es("PUT", "/_ingest/pipeline/all-services", {"processors": processors})[0] == 200
    properties = {f"{service}_vector": {"type": "dense_vector", "dims": dims, "similarity": "cosine", "index_options": {"type": "flat"}} for service in services}
    properties["text"] = {"type": "binary"}
    assert server.es("PUT", "/all-services", {"settings": {"index": {"default_pipeline": "all-services"}}, "mappings": {"properties": properties}})[0] == 200
    lines = [json.dumps(line) for i, text in enumerate(texts) for line in ({"index": {"_id": str(i)}}, {"text": text})]
    status, bulk = server.es("POST", "/all-services/_bulk?refresh=true", "\n".join(lines) + "\n", content_type="application/x-ndjson")
    assert status == 200 and not bulk["errors"], bulk

    direct = [entry["embedding"] for entry in call("POST", f"{server.url}/v1/embeddings", {"model": MODEL, "input": texts})[1]["data"]]
    for i, vector in enumerate(direct):
        source = server.es("GET", f"/all-services/_doc/{i}?_source_exclude_vectors=false")[1]["_source"]
        for service in services:
            assert largest_difference(source[f"{service}_vector"], vector) < 1e-6, (service, i)

    def scores(service, query):
        status, found = server.es("POST", "/all-services/_search", {"knn": {"field": f"{service}_vector", "k": len(texts), "num_candidates": 10, **query}})
        assert status == 200, found
        return {hit["_id"]: hit["_score"] for hit in found["hits"]["hits"]}

    for i, text in enumerate(texts):
        expected = scores("custom", {"query_vector": direct[i]})
        assert len(expected) == len(texts) and abs(expected[str(i)] - 1) < 1e-5
        for service in services:
            got = scores(service, {"query_vector_builder": {"text_embedding": {"model_id": service, "model_text": text}}})
            assert got.keys() == expected.keys()
            assert max(abs(got[key] - expected[key]) for key in got) < 1e-6, (service, i)


def test_words_and_a_picture_in_one_query_get_the_vector_that_the_api_fuses(server, inputs):
    words, picture = inputs[0], inputs[3]
    content = [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": picture}}]
    status, answer = call("POST", f"{server.url}/v1/embeddings", {"model": MODEL, "input": [{"content": content}]})
    assert status == 200 and len(answer["data"]) == 1, answer
    fused = answer["data"][0]["embedding"]
    mapping = {"properties": {"v": {"type": "dense_vector", "dims": len(fused), "similarity": "cosine", "index_options": {"type": "flat"}}}}
    assert server.es("PUT", "/fused", {"mappings": mapping})[0] == 200
    others = [entry["embedding"] for entry in call("POST", f"{server.url}/v1/embeddings", {"model": MODEL, "input": [words, picture]})[1]["data"]]
    for i, vector in enumerate([fused, *others]):
        assert server.es("PUT", f"/fused/_doc/{i}?refresh=true", {"v": vector})[0] == 201
    group = [{"type": "text", "value": words}, {"type": "image", "format": "base64", "value": picture}]
    for service in settings(server.url):
        builder = {"embedding": {"inference_id": service, "input": group, "timeout": "20s"}}
        status, found = server.es("POST", "/fused/_search", {"knn": {"field": "v", "k": 3, "num_candidates": 10, "query_vector_builder": builder}})
        assert status == 200, (service, found)
        scores = {hit["_id"]: hit["_score"] for hit in found["hits"]["hits"]}
        assert len(scores) == 3 and abs(scores["0"] - 1) < 1e-6 and max(scores["1"], scores["2"]) < 0.99, (service, scores)
    status, refused = server.es("POST", "/fused/_search", {"knn": {"field": "v", "k": 3, "num_candidates": 10, "query_vector_builder": {
        "embedding": {"inference_id": "custom", "input": []}}}})
    assert status == 400 and "is an empty array" in refused["error"]["reason"]


def test_no_key_is_shown_or_kept_in_clear(server, inputs):
    answers = [server.es("GET", path) for path in ["/_inference/_all", *(f"/_inference/{service}" for service in settings(server.url))]]
    assert all(status == 200 for status, _ in answers)
    shown = answers[0][1]["endpoints"]
    assert sorted(endpoint["service"] for endpoint in shown if endpoint["inference_id"] == endpoint["service"]) == sorted(settings(""))
    assert KEY not in json.dumps(answers)
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert len(files) > (1 if TEST_CLUSTER else 2)  # a cluster has the definitions in files of its own
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path


def test_what_a_service_gets_wrong_is_told_in_the_servers_words(server):
    def refused(service, **changed):
        body = {"service": service, "service_settings": {**settings(server.url)[service], **changed}}
        status, answer = server.es("PUT", f"/_inference/text_embedding/{service}-wrong", body)
        assert server.es("GET", f"/_inference/{service}-wrong")[0] == 404
        return status, json.dumps(answer)

    status, told = refused("openai", model_id="nope")
    assert status == 400 and f"Resource not found at [{server.url}/v1/embeddings]" in told and "nope" in told
    status, told = refused("cohere", model_id="nope")
    assert status == 400 and "status [404]. Error message: [" in told and "nope" in told
    status, told = refused("hugging_face", url=f"{server.url}/hugging_face/nope")
    assert status == 400 and "status [404]. Error message: [" in told and "nope" in told
    status, told = refused("openai", dimensions=100000)
    assert status == 400 and "Received a bad request status code" in told
