"""Vectors that are kept for inputs that come again."""

import base64
import contextlib
import json
import re
import shutil
import urllib.request

from conftest import DEMO, InferenceServer, call

OFF = ["--vector-cache-texts", "0MB", "--vector-cache-pictures", "0MB"]


@contextlib.contextmanager
def serving(tmp_path, *options):
    server = InferenceServer(tmp_path / "server.log", options)
    try:
        yield server
    finally:
        assert server.stop() == 0, server.log.read_text()[-3000:]


def data_uri(picture):
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()


def embed(server, inputs, **members):
    status, answer = call("POST", server.url + "/v1/embeddings", {"model": "clip", "input": inputs, "encoding_format": "base64", **members})
    assert status == 200, answer
    return answer


def metric(server, name, **labels):
    """The sum of a metric's values with these labels."""
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        lines = [line for line in answer.read().decode().splitlines() if re.match(name + r"[ {]", line)]
    return sum(float(line.split()[-1]) for line in lines if all(f'{key}="{value}"' in line for key, value in labels.items()))


def computed(server):
    return metric(server, "sightline_batch_size_sum")


def test_what_comes_again_has_the_same_vector_bit_for_bit_and_is_not_computed(tmp_path, demo_pictures):
    picture, other = data_uri(demo_pictures[0]), data_uri(demo_pictures[1])
    inputs = ["a red house", picture, "a house " * 100]
    with serving(tmp_path) as server:
        first = embed(server, inputs)
        assert computed(server) == 3
        assert embed(server, inputs, input_type="query") == first
        assert first["truncated"] == [2]
        assert computed(server) == 3
        mixed = embed(server, [other, picture, "a pool", "a red house"])["data"]
        assert [mixed[1]["embedding"], mixed[3]["embedding"]] == [first["data"][1]["embedding"], first["data"][0]["embedding"]]
        assert computed(server) == 5
        assert metric(server, "sightline_vector_cache_hits_total", modality="text") == 3
        assert metric(server, "sightline_vector_cache_hits_total", modality="image") == 2
        assert metric(server, "sightline_vector_cache_misses_total") == 5
        assert metric(server, "sightline_vector_cache_entries", modality="text") == 3
        assert metric(server, "sightline_vector_cache_bytes", modality="image") > 2 * 4 * 64
        assert metric(server, "sightline_inputs_truncated_total") == 2
        status, refused = call("POST", server.url + "/v1/embeddings", {"model": "clip", "input": ["a red house", picture, picture[:2000]]})
        assert status == 400 and refused["error"]["message"].startswith("input 2: ")
        # Another shape of request for the same inputs.
        status, answer = call("POST", server.url + "/_inference/text_embedding/clip", {"input": ["a red house"]})
        assert status == 200 and len(answer["text_embedding"]) == 1
        assert computed(server) == 5


def test_both_caches_can_be_switched_off(tmp_path, demo_pictures):
    inputs = ["a red house", data_uri(demo_pictures[0])]
    with serving(tmp_path, *OFF) as server:
        for _ in range(2):
            embed(server, inputs)
        assert computed(server) == 4
        assert metric(server, "sightline_vector_cache_hits_total") == 0
        assert metric(server, "sightline_vector_cache_bytes") == 0


def test_a_small_cache_keeps_what_was_used_last(tmp_path):
    with serving(tmp_path, "--vector-cache-texts", "32kB") as server:
        for number in range(60):
            embed(server, ["asked all the time", f"a house {number}"])
        assert computed(server) == 61
        assert metric(server, "sightline_vector_cache_evictions_total", modality="text") > 0
        assert metric(server, "sightline_vector_cache_bytes", modality="text") <= 32 * 1024


def test_two_models_do_not_share_vectors(tmp_path):
    shutil.copytree(DEMO / "models/demo-clip", tmp_path / "other")
    settings = tmp_path / "other/preprocessor_config.json"
    changed = json.loads(settings.read_text())
    changed["image_mean"] = [0.1, 0.2, 0.3]
    settings.write_text(json.dumps(changed))
    picture = data_uri(DEMO / "pictures/000000.jpg")
    with serving(tmp_path, "--model", f"other={tmp_path / 'other'}") as server:
        vectors = [embed(server, picture, model=name)["data"][0]["embedding"] for name in ("clip", "other", "clip", "other")]
        assert vectors[0] == vectors[2] != vectors[1] == vectors[3]
        assert computed(server) == 2
