"""A model whose texts are embedded by another folder (--text-tower), and a model of texts only."""

import base64
import json
import subprocess

import pytest
from conftest import BIN, ROOT, Sightline, call, run, wait_for

MODELS = ROOT / "tests/fixtures/models"
CLIP, TEXTS = MODELS / "clip-quick-gelu-f32", MODELS / "multilingual-clip"
GERMAN, CHINESE = "Ein Haus mit großem Garten und Schwimmbad", "带花园和游泳池的房子"


class PairedServer(Sightline):
    """Serves `clip` as a pair, its pictures' folder alone as `alone`, and the text tower alone as `texts`."""

    def __init__(self, folder):
        super(Sightline, self).__init__(
            [BIN / "sightline-server", "--model", f"clip={CLIP}", "--text-tower", f"clip={TEXTS}", "--model", f"alone={CLIP}", "--model", f"texts={TEXTS}",
             "--port", 0, "--embedded-elasticsearch", "--elasticsearch-port", 0, "--data-dir", folder / "data"], folder / "server.log")
        self.url = self.announced("ready ")
        self.elasticsearch = self.announced("elasticsearch ")
        self.settings = {}


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    server = PairedServer(tmp_path_factory.mktemp("paired"))
    yield server
    assert server.stop() == 0, server.log.read_text()[-3000:]


def vectors(server, model, inputs):
    status, answer = call("POST", f"{server.url}/v1/embeddings", {"model": model, "input": inputs})
    assert status == 200, answer
    return [item["embedding"] for item in answer["data"]]


def far(vector, other):
    return max(abs(a - b) for a, b in zip(vector, other, strict=True))


def test_texts_are_the_references_and_pictures_are_those_of_the_clip_alone(paired):
    expected = json.loads((TEXTS / "expected.json").read_text())["texts"]
    for start in range(0, len(expected), 100):
        part = expected[start : start + 100]
        for vector, text in zip(vectors(paired, "clip", [text["text"] for text in part]), part, strict=True):
            assert far(vector, text["unit"]) < 1e-5, text["text"]
    pictures = ["data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode() for file in sorted((MODELS / "pictures").glob("*.jpg"))]
    assert pictures
    of_pair, of_clip = vectors(paired, "clip", pictures), vectors(paired, "alone", pictures)
    assert max(far(one, other) for one, other in zip(of_pair, of_clip)) < 1e-6
    assert far(vectors(paired, "clip", [GERMAN])[0], vectors(paired, "texts", [GERMAN])[0]) < 1e-6
    assert far(vectors(paired, "clip", [GERMAN])[0], vectors(paired, "alone", [GERMAN])[0]) > 1e-2


def test_models_lists_both_folders_as_one(paired):
    models = {model["id"]: model for model in call("GET", f"{paired.url}/v1/models")[1]["data"]}
    pair, alone, texts = models["clip"], models["alone"], models["texts"]
    assert pair["state"] == "ready"
    assert pair["architecture"] == "clip+distilbert" and alone["architecture"] == "clip" and texts["architecture"] == "distilbert"
    assert pair["modalities"] == ["text", "image"] and texts["modalities"] == ["text"]
    assert pair["dims"] == alone["dims"] == texts["dims"] == 32
    assert pair["limits"]["tokens"] == texts["limits"]["tokens"] == 128 and alone["limits"]["tokens"] == 77
    assert pair["image_size"] == 224 and pair["preprocessing"] == alone["preprocessing"] and "image_size" not in texts
    assert pair["license"] == "pictures: unknown; texts: apache-2.0" and texts["license"] == "apache-2.0"
    assert pair["logit_scale"] == alone["logit_scale"] and "logit_scale" not in texts
    assert texts["parameters"] < pair["parameters"] < alone["parameters"] + texts["parameters"], "the CLIP's own text tower is not loaded"
    assert pair["weight_bytes"] == alone["weight_bytes"] + texts["weight_bytes"]
    assert len({pair["fingerprint"], alone["fingerprint"], texts["fingerprint"]}) == 3
    wait_for(f"from {CLIP}, texts from {TEXTS}", paired.log)


def test_queries_in_german_and_chinese_find_pictures(paired):
    done = paired.register("--models", "clip")
    assert done.returncode == 0, done.stdout + done.stderr
    for number, file in enumerate(sorted((MODELS / "pictures").glob("*.jpg"))):
        document = {"image_name": file.name, "image_data": base64.b64encode(file.read_bytes()).decode()}
        assert paired.es("PUT", f"/clip-images/_doc/{number}?refresh=true", document)[0] == 201
    for text in (GERMAN, CHINESE):
        builder = {"text_embedding": {"model_id": "clip-search", "model_text": text}}
        status, answer = paired.es("POST", "/clip-images/_search", {"knn": {"field": "image_embedding", "k": 3, "num_candidates": 10, "query_vector_builder": builder}})
        assert status == 200 and len(answer["hits"]["hits"]) == 3, answer
        by_hand = {"knn": {"field": "image_embedding", "k": 3, "num_candidates": 10, "query_vector": vectors(paired, "texts", [text])[0]}}
        same = paired.es("POST", "/clip-images/_search", by_hand)[1]["hits"]["hits"]
        assert [hit["_id"] for hit in answer["hits"]["hits"]] == [hit["_id"] for hit in same]
        for hit, other in zip(answer["hits"]["hits"], same, strict=True):
            assert abs(hit["_score"] - other["_score"]) < 1e-5


def test_pictures_for_a_model_of_texts_only_are_refused(paired):
    picture = "data:image/jpeg;base64," + base64.b64encode(next((MODELS / "pictures").glob("*.jpg")).read_bytes()).decode()
    status, answer = call("POST", f"{paired.url}/v1/embeddings", {"model": "texts", "input": [picture]})
    assert status == 400 and "embeds only texts" in json.dumps(answer)


@pytest.mark.parametrize("options, said", [
    (["--text-tower", f"other={TEXTS}"], "no --model has the name [other]"),
    (["--text-tower", f"clip={TEXTS}", "--text-tower", f"clip={TEXTS}"], "the name [clip] appears twice"),
    (["--text-tower", str(TEXTS)], "NAME=FOLDER"),
])
def test_a_wrong_option_is_refused_at_once(options, said):
    done = run([BIN / "sightline-server", "--model", f"clip={CLIP}", "--port", 0, *options], {"PATH": "/usr/bin"})
    assert done.returncode == 2 and said in done.stdout + done.stderr


def test_folders_that_do_not_fit_are_refused_with_both_names(tmp_path):
    other = MODELS / "clip-gelu-f16"
    done = subprocess.run([str(BIN / "sightline-server"), "--model", f"clip={other}", "--text-tower", f"clip={TEXTS}", "--port", "0"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"model [clip] from {other} with the texts of {TEXTS}: vectors of texts from {TEXTS} have 32 numbers" in done.stdout + done.stderr


def test_an_index_of_elastics_tutorial_keeps_its_vectors_and_gets_new_pictures_by_the_pipeline(paired):
    """The steps of docs/moving.md, with vectors that another program made."""
    assert paired.register("--models", "clip").returncode == 0
    mapping = {"properties": {"image_embedding": {"type": "dense_vector", "dims": 32, "index": True, "similarity": "cosine"}, "image_name": {"type": "keyword"}}}
    assert paired.es("PUT", "/my-image-embeddings", {"mappings": mapping})[0] == 200
    by_reference = {image["file"]: [3 * number for number in image["unit"]] for image in json.loads((CLIP / "expected.json").read_text())["images"]}
    for name, vector in by_reference.items():  # not of length 1, as the tutorial's
        assert paired.es("PUT", f"/my-image-embeddings/_doc/{name}?refresh=true", {"image_name": name, "image_embedding": vector})[0] == 201
    # The check with one document.
    name = "jpeg_restart.jpg"
    picture = base64.b64encode((MODELS / "pictures" / name).read_bytes()).decode()
    [vector] = vectors(paired, "clip", [f"data:image/jpeg;base64,{picture}"])
    first = paired.es("POST", "/my-image-embeddings/_search", {"knn": {"field": "image_embedding", "query_vector": vector, "k": 3, "num_candidates": 50}})[1]["hits"]["hits"][0]
    assert first["_id"] == name and first["_score"] > 0.999
    # New pictures.
    fields = {"properties": {"image_data": {"type": "binary"}, "model_id": {"type": "keyword"}, "model_fingerprint": {"type": "keyword"}}}
    assert paired.es("PUT", "/my-image-embeddings/_mapping", fields)[0] == 200
    assert paired.es("PUT", "/my-image-embeddings/_settings", {"index.default_pipeline": "clip-images"})[0] == 200
    assert paired.es("PUT", "/my-image-embeddings/_doc/new?refresh=true", {"image_name": "new", "image_data": picture})[0] == 201
    made = paired.es("GET", "/my-image-embeddings/_doc/new?_source_exclude_vectors=false")[1]["_source"]["image_embedding"]
    assert far(made, vector) < 1e-6
    query = {"knn": {"field": "image_embedding", "k": 5, "num_candidates": 50, "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": "ein Hund am Strand"}}}}
    status, answer = paired.es("POST", "/my-image-embeddings/_search", query)
    assert status == 200 and len(answer["hits"]["hits"]) == 5
    status, answer = paired.es("POST", "/_inference/text_embedding/clip-search", {"input": "ein Hund am Strand"})
    assert status == 200 and far(answer["text_embedding"][0]["embedding"], vectors(paired, "texts", ["ein Hund am Strand"])[0]) < 1e-6
