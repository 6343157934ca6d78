"""A small jina-clip-v2 served: its licence, its lengths, its limit of tokens."""

import base64
import json

import pytest

from conftest import ROOT, InferenceServer, call, wait_for

FIXTURE = ROOT / "tests/fixtures/models/jina-clip-v2-f16"
PICTURES = ROOT / "tests/fixtures/models/pictures"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))
LENGTHS = [8, 16, 32, 40]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = InferenceServer(tmp_path_factory.mktemp("jina") / "server.log", ["--model", f"v2={FIXTURE}", "--max-tokens", "v2=8192"])
    yield server
    assert server.stop() == 0, server.log.read_text()[-3000:]


def vectors(server, inputs, **more):
    status, answer = call("POST", server.url + "/v1/embeddings", {"model": "v2", "input": inputs, **more})
    assert status == 200, answer
    return [one["embedding"] for one in answer["data"]]


def far(one, other):
    assert len(one) == len(other)
    return max(abs(a - b) for a, b in zip(one, other))


def unit(vector):
    norm = sum(value * value for value in vector) ** 0.5
    return [value / norm for value in vector]


def test_the_licence_is_in_the_log_and_among_the_models(server):
    status, model = call("GET", server.url + "/v1/models/v2")
    assert status == 200
    assert (model["architecture"], model["license"], model["dims"], model["matryoshka_dimensions"]) == ("jina-clip-v2", "cc-by-nc-4.0", 40, LENGTHS)
    assert model["limits"]["tokens"] == 8192 and model["image_size"] == 64
    assert "model [v2]: its licence, cc-by-nc-4.0" in wait_for("excludes commercial use", server.log)
    wait_for("GET /v1/models/{model} 200", server.log)  # a later line: all of the start's are there
    assert server.log.read_text().count("excludes commercial use") == 1
    assert "matryoshka_dimensions" not in call("GET", server.url + "/v1/models/clip")[1]


def test_texts_and_pictures_have_the_vectors_of_the_reference(server):
    texts = [text for text in EXPECTED["texts"] if "\0" not in text["text"]]
    for text, vector in zip(texts, vectors(server, [text["text"] for text in texts], modality="text"), strict=True):
        if len(text["ids"]) < 512:
            assert far(vector, text["unit"]) < 1e-5, text["text"]
    encoded = [base64.b64encode((PICTURES / image["file"]).read_bytes()).decode() for image in EXPECTED["images"]]
    for image, vector in zip(EXPECTED["images"], vectors(server, encoded), strict=True):
        assert far(vector, image["unit"]) < 1e-5, image["file"]


@pytest.mark.parametrize("length", LENGTHS)
def test_vectors_are_cut_to_the_lengths_of_the_model_then_normalised(server, length):
    text = EXPECTED["texts"][2]
    [vector] = vectors(server, text["text"], dimensions=length)
    assert far(vector, unit(text["unit"][:length])) < 1e-5


@pytest.mark.parametrize("route, member", [("/v1/embeddings", "dimensions"), ("/v2/embed", "output_dimension")])
def test_other_lengths_are_refused_with_the_list(server, route, member):
    body = {"model": "v2", "input": "a"} if route == "/v1/embeddings" else {"model": "v2", "texts": ["a"], "input_type": "search_query", "embedding_types": ["float"]}
    for length in (1, 24, 41, 1024):
        status, answer = call("POST", server.url + route, {**body, member: length})
        assert status == 400
        assert f"not of {length}: ask for 8, 16, 32 or 40, or leave [{member}] out" in json.dumps(answer), answer


def test_a_text_of_eight_thousand_tokens_is_embedded(server):
    status, answer = call("POST", server.url + "/v1/embeddings", {"model": "v2", "input": "house " * 9000})
    assert status == 200 and answer["usage"]["prompt_tokens"] == 8192, answer["usage"]
