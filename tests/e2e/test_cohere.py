"""Models that run at Cohere, with the stand-in in Cohere's place: it enforces the published limits and fails as often as it is told."""

import base64
import json
import re
import shutil
import urllib.error
import urllib.request

import pytest

from conftest import ROOT, Sightline, StandIn, call, run

KEY = "operators-secret-7f3a91"
CALLERS_KEY = "callers-secret-c02b55"
MODEL = "embed-english-v3.0"


def post(url, body, key=None):
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST", headers={"Content-Type": "application/json"})
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def data_uri(path):
    kind = {".jpg": "jpeg", ".png": "png", ".webp": "webp"}[path.suffix]
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode()


def vector_from(stand_in, key, **content):
    status, answer = post(stand_in.url + "/v2/embed", {"model": MODEL, "embedding_types": ["float"], **content}, key)
    assert status == 200, answer
    return answer["embeddings"]["float"][0]


def vector_of_picture(stand_in, key, path):
    return vector_from(stand_in, key, input_type="image", images=[data_uri(path)])


def metrics(server):
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        return answer.read().decode()


def cohere_calls(text):
    return {status: float(count) for status, count in re.findall(r'sightline_cohere_calls_total\{status="(\w+)"\} (\S+)', text)}


def largest_difference(a, b):
    assert len(a) == len(b)
    return max(abs(x - y) for x, y in zip(a, b))


@pytest.fixture()
def faultless(tmp_path):
    stand_in = StandIn(tmp_path / "faultless.log")
    yield stand_in
    assert stand_in.stop() == 0


@pytest.fixture()
def start(tmp_path):
    """Starts programs, and stops them in the end."""
    running = []

    def begin(make):
        running.append(make())
        return running[-1]

    yield begin
    for program in reversed(running):
        assert program.stop() == 0, program.log.read_text()[-3000:]


def register_cohere_ingest(server, headers=None, secrets=None):
    """What es_config has, with what scripts fill in filled in."""
    endpoint = json.loads((ROOT / "es_config/inference/cohere-ingest.json").read_text().replace("@SIGHTLINE_URL@", server.url))
    if headers:
        endpoint["service_settings"]["headers"].update(headers)
        endpoint["service_settings"]["secret_parameters"] = secrets
    status, answer = server.es("PUT", "/_inference/text_embedding/cohere-ingest", endpoint)
    assert status == 200, answer
    assert answer["service_settings"]["dimensions"] == 1024
    assert server.es("PUT", "/_ingest/pipeline/embed-images", (ROOT / "es_config/pipelines/embed-images.json").read_text())[0] == 200
    index = (ROOT / "es_config/indices/embed-images.json").read_text().replace('"@DIMS:cohere@"', "1024")
    assert server.es("PUT", "/embed-images", index)[0] == 200


def test_200_pictures_are_all_indexed_once_and_rightly_though_cohere_often_fails(start, faultless, demo_pictures, tmp_path):
    (tmp_path / "key").write_text(f"# Cohere\n{KEY}\n")
    failing = start(lambda: StandIn(tmp_path / "failing.log", "--key", KEY, "--rate-limited", "0.1", "--unavailable", "0.05", "--retry-after", "0", "--seed", "7"))
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=[
        "--cohere-api-key-file", tmp_path / "key", "--cohere-url", failing.url, "--log-level", "debug"]))
    register_cohere_ingest(server)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for picture in demo_pictures[:200]:
        shutil.copy(picture, folder)

    done = server.ingest(folder, "--index", "embed-images", "--report", tmp_path / "failures.csv")

    assert done.returncode == 0 and "200 indexed, 0 failed" in done.stdout, done.stdout + done.stderr
    status, found = server.es("POST", "/embed-images/_search", {"size": 300, "query": {"match_all": {}}, "_source": ["image_name", "image_embedding"]})
    hits = {hit["_source"]["image_name"]: hit["_source"]["image_embedding"] for hit in found["hits"]["hits"]}
    assert found["hits"]["total"]["value"] == len(found["hits"]["hits"]) == len(hits) == 200
    for picture in demo_pictures[:200]:
        assert largest_difference(hits[picture.name], vector_of_picture(faultless, "any", picture)) < 1e-6, picture.name

    text = metrics(server)
    calls = cohere_calls(text)
    assert calls["200"] == 201  # the pictures, and the text that measured the endpoint
    assert calls["429"] > 5 and calls["503"] > 2, calls
    assert float(re.search(r"^sightline_cohere_retries_total (\S+)", text, re.M)[1]) == calls["429"] + calls["503"]
    # Nowhere the key: not in what the server says, nor in what it logs, nor in what it keeps.
    answers = [server.es("GET", path)[1] for path in ("/_inference/_all", "/_ingest/pipeline/embed-images", "/embed-images")]
    assert server.stop() == 0
    outputs = [text, json.dumps(answers), done.stdout, done.stderr, (tmp_path / "server.log").read_text()]
    outputs += [path.read_bytes().decode("latin-1") for path in (tmp_path / "data").rglob("*") if path.is_file()]
    for output in outputs:
        assert KEY not in output


def test_every_request_shape_reaches_cohere_and_local_models_stay_here(start, faultless, demo_pictures, tmp_path):
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=["--cohere", "--cohere-url", faultless.url]))
    expected = vector_from(faultless, "k", input_type="search_query", texts=["a red house"])
    picture = vector_of_picture(faultless, "k", demo_pictures[0])
    uri = data_uri(demo_pictures[0])
    bare = uri.split(",")[1]

    status, answer = post(server.url + "/v1/embeddings", {"model": MODEL, "input": ["a red house", uri, bare], "input_type": "query"}, CALLERS_KEY)
    assert status == 200, answer
    for entry, wanted in zip(answer["data"], (expected, picture, picture)):
        assert largest_difference(entry["embedding"], wanted) < 1e-6
    for path in ("/v2/embed", "/v1/embed"):
        status, answer = post(server.url + path, {"model": MODEL, "input_type": "search_query", "texts": ["a red house", bare], "embedding_types": ["float"]}, CALLERS_KEY)
        assert status == 200, answer
        assert largest_difference(answer["embeddings"]["float"][0], expected) < 1e-6
        assert largest_difference(answer["embeddings"]["float"][1], picture) < 1e-6
        status, answer = post(server.url + path, {"model": MODEL, "input_type": "image", "images": [uri, uri], "embedding_types": ["float"]}, CALLERS_KEY)
        assert status == 200 and len(answer["embeddings"]["float"]) == 2, answer
    status, answer = post(f"{server.url}/_inference/text_embedding/{MODEL}", {"input": "a red house", "input_type": "search"}, CALLERS_KEY)
    assert status == 200 and largest_difference(answer["text_embedding"][0]["embedding"], expected) < 1e-6, answer

    assert call("GET", f"{server.url}/v1/models/{MODEL}")[1]["dims"] == 1024
    assert len(post(server.url + "/v1/embeddings", {"model": "clip", "input": "a red house"})[1]["data"][0]["embedding"]) != 1024


def test_refusals_keep_coheres_status_and_words_and_never_the_key(start, demo_pictures, tmp_path):
    strict = start(lambda: StandIn(tmp_path / "strict.log", "--key", KEY))
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=["--cohere", "--cohere-url", strict.url]))
    url = server.url + "/v1/embeddings"

    answers = [post(url, {"model": MODEL, "input": "a"}), post(url, {"model": MODEL, "input": "a"}, CALLERS_KEY)]
    assert [status for status, _ in answers] == [401, 401]
    assert "Bearer KEY" in answers[0][1]["error"]["message"]
    assert answers[1][1]["error"]["message"] == "input 0: Cohere answered 401: invalid api token"
    # Cohere's own shape of errors on Cohere's routes, and its model names are its own affair.
    answers.append(post(server.url + "/v2/embed", {"model": "embed-none", "input_type": "search_query", "texts": ["a"]}, KEY))
    assert answers[-1][0] == 404 and "embed-none" in answers[-1][1]["message"]
    # A picture that is broken is refused with its place, whatever the others are.
    uri = data_uri(demo_pictures[0])
    answers.append(post(url, {"model": MODEL, "input": [uri, "data:image/bmp;base64," + base64.b64encode(b"BM" + bytes(60)).decode()]}, KEY))
    assert answers[-1][0] == 400 and answers[-1][1]["error"]["message"].startswith("input 1: ")
    answers.append(post(url, {"model": MODEL, "input": [uri, "%%%"], "modality": "image"}, KEY))
    assert answers[-1][0] == 400 and answers[-1][1]["error"]["message"].startswith("input 1: ")
    # Types that only Cohere can compute are not made up here.
    answers.append(post(server.url + "/v2/embed", {"model": MODEL, "input_type": "search_query", "texts": ["a"], "embedding_types": ["int8"]}, KEY))
    assert answers[-1][0] == 400 and "int8" in answers[-1][1]["message"]

    said = json.dumps(answers) + metrics(server)
    assert server.stop() == 0
    said += (tmp_path / "server.log").read_text()
    assert KEY not in said and CALLERS_KEY not in said


@pytest.mark.parametrize("fault, status, words", [
    ("--silent", 504, "did not answer in time"),
    ("--garbage", 502, "cannot be used"),
    ("--fewer-vectors", 502, "cannot be used"),
    ("--unavailable", 503, "currently unavailable"),
    ("--rate-limited", 429, "per minute request limit"),
])
def test_what_cohere_does_wrong_indexes_nothing_and_says_why(start, demo_pictures, tmp_path, fault, status, words):
    broken = start(lambda: StandIn(tmp_path / "broken.log", fault, "1", "--retry-after", "61"))
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=[
        "--cohere", "--cohere-url", broken.url, "--cohere-timeout", "300ms" if fault == "--silent" else "20s", "--document-timeout", "3s" if fault == "--silent" else "60s"]))
    answered, answer = post(server.url + "/v1/embeddings", {"model": MODEL, "input": data_uri(demo_pictures[0])}, CALLERS_KEY)
    assert answered == status and words in answer["error"]["message"], answer
    assert answer["error"]["message"].startswith("input 0: ")
    # An endpoint that cannot be measured is not made.
    endpoint = json.loads((ROOT / "es_config/inference/cohere-ingest.json").read_text().replace("@SIGHTLINE_URL@", server.url))
    endpoint["service_settings"]["headers"]["Authorization"] = "Bearer x-key"
    refused, answer = server.es("PUT", "/_inference/text_embedding/cohere-ingest", endpoint)
    assert refused >= 400 and words in json.dumps(answer), answer
    assert server.es("GET", "/_inference/text_embedding/cohere-ingest")[0] == 404


def test_a_key_in_an_endpoints_secrets_goes_on_to_cohere(start, faultless, demo_pictures, tmp_path):
    strict = start(lambda: StandIn(tmp_path / "strict.log", "--key", CALLERS_KEY))
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=["--cohere", "--cohere-url", strict.url]))
    register_cohere_ingest(server, {"Authorization": "Bearer ${api_key}"}, {"api_key": CALLERS_KEY})
    document = {"image_name": "one", "image_data": base64.b64encode(demo_pictures[0].read_bytes()).decode()}
    assert server.es("PUT", "/embed-images/_doc/1?refresh=true", document)[0] == 201
    stored = server.es("GET", "/embed-images/_doc/1?_source_exclude_vectors=false")[1]["_source"]["image_embedding"]
    assert largest_difference(stored, vector_of_picture(faultless, "any", demo_pictures[0])) < 1e-6
    assert CALLERS_KEY not in json.dumps(server.es("GET", "/_inference/_all")[1])


def test_the_registered_search_endpoint_is_elastics_own_service_and_finds_by_text(start, faultless, demo_pictures, tmp_path):
    strict = start(lambda: StandIn(tmp_path / "strict.log", "--key", CALLERS_KEY))
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=["--cohere", "--cohere-url", strict.url]))
    for cohere_url in (strict.url, server.url):  # Cohere itself, as it were; and Cohere by way of Sightline
        environment = dict(server.environment(), COHERE_API_KEY=CALLERS_KEY, COHERE_URL=cohere_url)
        done = run([ROOT / "scripts/register_endpoints.sh", "--models", "cohere", "--env-file", "/dev/null"], environment)
        assert done.returncode == 0 and "cohere-search: created, 1024 dimensions" in done.stdout, done.stdout + done.stderr
        shown = server.es("GET", "/_inference/cohere-search")[1]["endpoints"][0]
        assert shown["service"] == "cohere" and shown["service_settings"]["url"] == cohere_url
        for path in demo_pictures[:5]:
            document = {"image_name": path.name, "image_data": base64.b64encode(path.read_bytes()).decode()}
            assert server.es("PUT", f"/embed-images/_doc/{path.stem}?refresh=true", document)[0] in (200, 201)
        text = "a red house"
        expected = vector_from(faultless, "any", input_type="search_query", texts=[text])
        embedded = server.es("POST", "/_inference/cohere-search", {"input": text, "input_type": "search"})[1]["text_embedding"][0]["embedding"]
        assert largest_difference(embedded, expected) < 1e-6
        knn = {"field": "image_embedding", "k": 5, "num_candidates": 10}
        by_text = {**knn, "query_vector_builder": {"text_embedding": {"model_id": "cohere-search", "model_text": text}}}
        found, wanted = ({hit["_id"]: hit["_score"] for hit in server.es("POST", "/embed-images/_search", {"knn": query})[1]["hits"]["hits"]}
                         for query in (by_text, {**knn, "query_vector": expected}))
        assert found.keys() == wanted.keys() and len(found) == 5
        assert max(abs(found[key] - wanted[key]) for key in found) < 1e-6
        assert CALLERS_KEY not in done.stdout + done.stderr + json.dumps(server.es("GET", "/_inference/_all")[1])


V4 = "embed-v4.0"


def v4_vector_from(stand_in, **content):
    status, answer = post(stand_in.url + "/v2/embed", {"model": V4, "embedding_types": ["float"], **content}, "any")
    assert status == 200, answer
    return answer["embeddings"]["float"][0]


def test_300_pictures_of_embed_v4_are_four_calls(start, faultless, demo_pictures, tmp_path):
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=["--cohere", "--cohere-url", faultless.url, "--max-inputs", "300"]))
    status, answer = post(server.url + "/v1/embeddings", {"model": V4, "input": [data_uri(picture) for picture in demo_pictures[:300]]}, CALLERS_KEY)
    assert status == 200 and len(answer["data"]) == 300, answer
    assert cohere_calls(metrics(server)) == {"200": 4}
    for i in (0, 95, 96, 288, 299):
        wanted = v4_vector_from(faultless, input_type="image", images=[data_uri(demo_pictures[i])])
        assert len(wanted) == 1536 and largest_difference(answer["data"][i]["embedding"], wanted) < 1e-6, i


def test_embed_v4_has_lengths_and_makes_one_vector_of_several_parts(start, faultless, demo_pictures, tmp_path):
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=[
        "--cohere", "--cohere-url", faultless.url, "--cohere-dimensions", "512", "--cohere-pictures-per-minute", "400"]))
    shown = {model["id"]: model for model in call("GET", f"{server.url}/v1/models")[1]["data"]}
    assert shown[V4]["dims"] == 512 and shown[V4]["limits"]["pictures_per_call"] == 96 and shown[V4]["limits"]["pictures_per_minute"] == 400
    assert shown[MODEL]["dims"] == 1024 and shown[MODEL]["limits"]["pictures_per_call"] == 1 and "calls_per_minute" not in shown[MODEL]["limits"]

    content = [{"type": "text", "text": "this, but blue"}, {"type": "image_url", "image_url": {"url": data_uri(demo_pictures[0])}}]
    wanted = {dims: v4_vector_from(faultless, input_type="search_query", inputs=[{"content": content}], output_dimension=dims) for dims in (512, 1024)}
    for more, dims in (({}, 512), ({"dimensions": 1024}, 1024)):
        status, answer = post(server.url + "/v1/embeddings", {"model": V4, "input": [{"content": content}], "input_type": "query", **more}, CALLERS_KEY)
        assert status == 200 and largest_difference(answer["data"][0]["embedding"], wanted[dims]) < 1e-6, answer
    picture = data_uri(demo_pictures[1])
    status, answer = post(server.url + "/v2/embed", {"model": V4, "input_type": "search_query", "inputs": [
        {"content": content}, {"content": [{"type": "image_url", "image_url": {"url": picture}}]}]}, CALLERS_KEY)
    assert status == 200 and largest_difference(answer["embeddings"]["float"][0], wanted[512]) < 1e-6, answer
    assert len(answer["images"]) == 1  # the lone picture's
    status, answer = post(server.url + "/v1/embeddings", {"model": V4, "input": "a", "dimensions": 300}, CALLERS_KEY)
    assert status == 400 and "256, 512, 1024 or 1536" in answer["error"]["message"]
    status, answer = post(server.url + "/v1/embeddings", {"model": MODEL, "input": [{"content": content}]}, CALLERS_KEY)
    assert status == 400 and "embed-v4.0 accepts them" in answer["error"]["message"]


def test_a_load_says_beforehand_what_it_uses_of_cohere_and_gathers_pictures_of_several_documents(start, faultless, demo_pictures, tmp_path):
    server = start(lambda: Sightline(tmp_path / "data", tmp_path / "server.log", options=[
        "--cohere", "--cohere-url", faultless.url, "--cohere-pictures-per-minute", "6000"]))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for picture in demo_pictures[:40]:
        shutil.copy(picture, folder)
    server.settings = {"COHERE_API_KEY": CALLERS_KEY, "COHERE_URL": server.url}
    done = server.register("--models", "cohere")
    assert done.returncode == 0, done.stdout + done.stderr
    noted = server.es("GET", "/embed-images")[1]["embed-images"]["mappings"]["_meta"]["sightline"]["image_embedding"]
    assert noted["cohere"] == {"model": MODEL, "pictures_per_call": 1, "pictures_per_minute": 6000}
    done = server.ingest(folder, "--index", "embed-images", "--report", tmp_path / "failures.csv")
    assert done.returncode == 0 and "40 indexed, 0 failed" in done.stdout, done.stdout + done.stderr
    assert ("note: embed-english-v3.0 runs at Cohere: up to 40 pictures use 40 calls (a trial key has 1,000 calls per month) and take at least "
            "1 second at 6000 pictures per minute (--cohere-pictures-per-minute)") in done.stderr

    # The same with embed-v4.0: Elasticsearch sends each document by itself, and Sightline gathers them.
    endpoint = json.loads((ROOT / "es_config/inference/cohere-ingest.json").read_text().replace("@SIGHTLINE_URL@", server.url).replace(MODEL, V4))
    endpoint["service_settings"]["secret_parameters"] = {"api_key": CALLERS_KEY}
    endpoint["service_settings"]["headers"]["Authorization"] = "Bearer ${api_key}"
    assert server.es("PUT", "/_inference/text_embedding/v4", endpoint)[0] == 200
    assert server.es("PUT", "/_ingest/pipeline/v4", {"processors": [{"inference": {"model_id": "v4", "input_output": {"input_field": "image_data", "output_field": "v"}}}]})[0] == 200
    mappings = {"_meta": {"sightline": {"v": {"model": "v4", "cohere": {"model": V4, "pictures_per_call": 96}}}},
                "properties": {"image_data": {"type": "binary"}, "v": {"type": "dense_vector", "dims": 1536, "similarity": "cosine", "index_options": {"type": "flat"}}}}
    assert server.es("PUT", "/v4-images", {"settings": {"index": {"default_pipeline": "v4"}}, "mappings": mappings})[0] == 200
    before = cohere_calls(metrics(server))["200"]
    done = server.ingest(folder, "--index", "v4-images", "--report", tmp_path / "failures.csv")
    assert done.returncode == 0 and "40 indexed, 0 failed" in done.stdout, done.stdout + done.stderr
    assert "embed-v4.0 runs at Cohere: up to 40 pictures use 1 to 40 calls" in done.stderr and "8 minutes at 5 pictures per minute with a trial key" in done.stderr
    assert cohere_calls(metrics(server))["200"] - before < 30
    hits = server.es("POST", "/v4-images/_search", {"size": 50, "_source": ["image_name", "v"], "fields": ["v"]})[1]["hits"]["hits"]
    found = {hit["_source"]["image_name"]: hit["fields"]["v"] for hit in hits}
    for picture in (demo_pictures[0], demo_pictures[39]):
        assert largest_difference(found[picture.name], v4_vector_from(faultless, input_type="image", images=[data_uri(picture)])) < 1e-6
