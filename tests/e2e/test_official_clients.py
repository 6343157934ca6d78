"""The official Python clients of OpenAI, Cohere and Elasticsearch, unmodified, against the inference API."""

import base64
import math
import struct

import pytest

from conftest import DEMO, call

# The environment of Elasticsearch's older client has only that one.
try:
    import cohere
    import openai
except ImportError:
    cohere = openai = None


TEXTS = ["a red house at night", "a round swimming pool", ""]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.hypot(*a) / math.hypot(*b)


def data_uri(name):
    kind = {"jpg": "jpeg", "png": "png", "webp": "webp"}[name.rsplit(".", 1)[1]]
    return f"data:image/{kind};base64," + base64.b64encode((DEMO / "pictures" / name).read_bytes()).decode()


@pytest.fixture(scope="module")
def floats(inference):
    """Vectors by our own plain request, to compare with."""
    def embed(inputs):
        status, body = call("POST", f"{inference.url}/v1/embeddings", {"model": "clip", "input": inputs})
        assert status == 200, body
        return [one["embedding"] for one in body["data"]]
    return embed


@pytest.fixture(scope="module")
def openai_client(inference):
    with openai.OpenAI(base_url=f"{inference.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def cohere_v2(inference):
    return cohere.ClientV2(api_key="none", base_url=inference.url)


@pytest.fixture(scope="module")
def cohere_v1(inference):
    return cohere.Client(api_key="none", base_url=inference.url)


@pytest.fixture(scope="module")
def pictures(demo_rows):
    """A picture of each kind."""
    return {row["kind"]: name for name, row in sorted(demo_rows.items(), reverse=True)}


def test_openai_takes_floats_and_base64(openai_client, floats):
    expected = floats(TEXTS)
    for extra in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):  # without, the client asks for base64
        answer = openai_client.embeddings.create(model="clip", input=TEXTS, **extra)
        assert [one.index for one in answer.data] == [0, 1, 2]
        for one, vector in zip(answer.data, expected):
            got = one.embedding
            if isinstance(got, str):
                raw = base64.b64decode(got)
                got = struct.unpack(f"<{len(raw) // 4}f", raw)
            assert got == pytest.approx(vector, abs=1e-6)
        assert answer.usage.total_tokens == answer.usage.prompt_tokens > 6


def test_openai_dimensions_are_a_prefix_of_unit_length(openai_client, floats):
    [whole] = floats(["a red house"])
    [cut] = [one.embedding for one in openai_client.embeddings.create(model="clip", input="a red house", dimensions=64).data]
    assert len(cut) == 64 and math.hypot(*cut) == pytest.approx(1, abs=1e-6)
    assert cosine(cut, whole[:64]) == pytest.approx(1, abs=1e-6)


def test_openai_sees_what_was_wrong(openai_client):
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client.embeddings.create(model="clip", input=["a house", "data:image/png;base64,AA*A"])
    assert refused.value.body["message"] == "input 1: the picture is not base64: '*' at offset 2"
    assert refused.value.body["param"] == "input"
    with pytest.raises(openai.NotFoundError):
        openai_client.embeddings.create(model="none", input="a house")
    assert [model.id for model in openai_client.models.list()] == ["clip"]


def test_cohere_texts_in_all_types(cohere_v2, floats):
    types = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    answer = cohere_v2.embed(model="clip", texts=TEXTS, input_type="search_document", embedding_types=types, truncate="END")
    vectors = answer.embeddings
    assert answer.texts == TEXTS and answer.meta.billed_units.input_tokens > 6
    for i, expected in enumerate(floats(TEXTS)):
        assert vectors.float_[i] == pytest.approx(expected, abs=1e-6)
        assert cosine(vectors.int8[i], expected) > 0.999
        assert [value - 128 for value in vectors.uint8[i]] == vectors.int8[i]
        assert [byte - 128 for byte in vectors.ubinary[i]] == vectors.binary[i]
        bits = [bit == "1" for byte in vectors.ubinary[i] for bit in f"{byte:08b}"]
        assert bits == [value > 0 for value in expected]
        raw = base64.b64decode(vectors.base64[i])
        assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == pytest.approx(expected, abs=1e-6)


def test_cohere_images_and_mixed_inputs(cohere_v2, floats, pictures):
    uris = [data_uri(name) for name in pictures.values()]
    expected = floats(uris)
    answer = cohere_v2.embed(model="clip", images=uris, input_type="image", embedding_types=["float"])
    assert answer.meta.billed_units.images == len(uris)
    assert {(picture.width > 0, picture.bit_depth) for picture in answer.images} == {(True, 8)}
    for got, vector in zip(answer.embeddings.float_, expected, strict=True):
        assert got == pytest.approx(vector, abs=1e-6)
    mixed = cohere_v2.embed(model="clip", input_type="search_document", output_dimension=32, inputs=[
        {"content": [{"type": "text", "text": "a red house"}, {"type": "image_url", "image_url": {"url": uris[0]}}]}])
    mean = [a + b for a, b in zip(floats(["a red house"])[0], expected[0])]
    assert len(mixed.embeddings.float_[0]) == 32
    assert cosine(mixed.embeddings.float_[0], mean[:32]) == pytest.approx(1, abs=1e-5)


def test_cohere_v1_splits_long_lists_and_joins_the_answers(cohere_v1, floats):
    texts = [f"a house with {i} trees" for i in range(200)]  # the client sends 96 a request
    answer = cohere_v1.embed(model="clip", texts=texts, input_type="search_document")
    assert answer.response_type == "embeddings_floats" and answer.texts == texts
    for i in (0, 95, 96, 199):
        assert answer.embeddings[i] == pytest.approx(floats([texts[i]])[0], abs=1e-5)
    typed = cohere_v1.embed(model="clip", texts=texts[:2], input_type="search_query", embedding_types=["int8", "float"])
    assert typed.response_type == "embeddings_by_type" and len(typed.embeddings.int8) == 2


def test_cohere_sees_what_was_wrong(cohere_v2):
    with pytest.raises(cohere.BadRequestError) as refused:
        cohere_v2.embed(model="clip", texts=["a"] * 97, input_type="search_query")
    assert refused.value.body["message"] == "invalid request: total number of texts must be at most 96 - received 97"
    with pytest.raises(cohere.BadRequestError) as refused:
        cohere_v2.embed(model="clip", images=["data:image/png;base64,AA*A"], input_type="image")
    assert refused.value.body["message"] == "image 0: the picture is not base64: '*' at offset 2"
    with pytest.raises(cohere.NotFoundError):
        cohere_v2.embed(model="none", texts=["a"], input_type="search_query")


@pytest.mark.client
def test_elasticsearch_client_runs_all_tasks(inference, floats, pictures):
    elasticsearch = pytest.importorskip("elasticsearch")
    with elasticsearch.Elasticsearch(inference.url, request_timeout=60) as client:
        vectors = client.inference.text_embedding(inference_id="clip", input=TEXTS)["text_embedding"]
        for one, expected in zip(vectors, floats(TEXTS), strict=True):
            assert one["embedding"] == pytest.approx(expected, abs=1e-6)

        names = list(pictures.values())
        fused = client.perform_request("POST", "/_inference/embedding/clip", headers={"accept": "application/json", "content-type": "application/json"}, body={
            "input": [{"content": [{"type": "text", "value": "a pool"}, {"type": "image", "format": "base64", "value": data_uri(names[0])}]}]})
        mean = [a + b for a, b in zip(floats(["a pool"])[0], floats([data_uri(names[0])])[0])]
        assert cosine(fused["embeddings"][0]["embedding"], mean) == pytest.approx(1, abs=1e-5)

        ranked = client.inference.rerank(inference_id="clip", query="a swimming pool", input=[data_uri(name) for name in names],
                                         task_settings={"top_n": 2})["rerank"]
        assert len(ranked) == 2 and names[ranked[0]["index"]] == pictures["pool"]
        assert ranked[0]["relevance_score"] > ranked[1]["relevance_score"]

        labels = client.inference.completion(inference_id="clip", input=[data_uri(name) for name in names],
                                             task_settings={"label_set": "kinds"})["completion"]
        assert [one["result"] for one in labels] == list(pictures)


def test_zero_shot_classification_names_what_the_demo_pictures_show(inference, demo_rows):
    names = sorted(demo_rows)[::8]
    status, body = call("POST", f"{inference.url}/v1/classify", {
        "model": "clip", "input": [data_uri(name) for name in names], "label_set": "kinds"})
    assert status == 200, body
    right = 0
    for name, one in zip(names, body["data"], strict=True):
        assert sum(entry["probability"] for entry in one["probabilities"]) == pytest.approx(1, abs=1e-4)
        right += one["label"] == demo_rows[name]["kind"]
    assert right >= 0.9 * len(names), f"{right} of {len(names)}"


def test_what_elasticsearchs_hugging_face_service_sends_is_answered(inference, floats):
    status, body = call("POST", f"{inference.url}/hugging_face/clip", {"inputs": TEXTS})
    assert status == 200
    for got, expected in zip(body, floats(TEXTS), strict=True):
        assert got == pytest.approx(expected, abs=1e-6)
