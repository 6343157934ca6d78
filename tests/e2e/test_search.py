"""Searching from the terminal and from Python, as README.md shows it, and what the demo says of pictures of one's own."""

import importlib.util
import json
import os
import re
import shutil
import sys

import pytest

from conftest import BIN, DEMO, ROOT, Sightline, run
from fake_server import fake


@pytest.fixture(scope="module")
def filled(tmp_path_factory, demo_pictures):
    """A server with eight drawings in two indices; tests must leave them as they are."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "pictures").mkdir()
    for file in demo_pictures[:8]:
        shutil.copy(file, folder / "pictures")
    server = Sightline(folder / "data", folder / "server.log")
    try:
        assert server.register("--models", "clip,jina-clip").returncode == 0
        for index in ("clip-images", "jina-images"):
            done = server.ingest(folder / "pictures", "--index", index)
            assert done.returncode == 0, done.stderr
        shutil.copy(demo_pictures[0], folder / "pictures/the same again.jpg")
        server.pictures = folder / "pictures"
        yield server
    finally:
        server.stop()


def search(server, *arguments, **variables):
    return run([ROOT / "scripts/search.sh", "--env-file", "/dev/null", *arguments], {**server.environment(), **variables})


def test_words_and_pictures_find_hits_and_a_demo_model_is_named(filled, demo_pictures):
    by_words = search(filled, "--size", "3", "a", "red", "house")
    assert by_words.returncode == 0, by_words.stderr
    lines = by_words.stdout.splitlines()
    assert len(lines) == 4 and [line.split()[0] for line in lines[:3]] == ["1", "2", "3"]
    assert "clip is a demo model, trained only on drawings" in lines[3]
    scores = [float(line.split()[1]) for line in lines[:3]]
    assert scores == sorted(scores, reverse=True)
    assert search(filled, "a", "red", "house", "--size", "3").stdout == by_words.stdout
    assert search(filled, "--size", "3", "--", "a", "red", "house").stdout == by_words.stdout
    dashed = search(filled, "--size", "3", "--", "--size", "3")
    assert dashed.returncode == 0 and len(dashed.stdout.splitlines()) == 4, dashed.stderr
    by_picture = search(filled, "--index", "jina-images", demo_pictures[2])
    assert by_picture.returncode == 0 and demo_pictures[2].name in by_picture.stdout.splitlines()[0]


def test_a_picture_whose_name_begins_with_a_dash_is_searched_with(filled, demo_pictures, tmp_path):
    shutil.copy(demo_pictures[2], tmp_path / "-x.jpg")
    found = run(["env", "-C", tmp_path, ROOT / "scripts/search.sh", "--env-file", "/dev/null", "--", "-x.jpg"], filled.environment())
    assert found.returncode == 0 and demo_pictures[2].name in found.stdout.splitlines()[0], found.stdout + found.stderr


def test_a_picture_that_is_too_long_for_a_command_line_is_searched_with(filled, demo_pictures, tmp_path):
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(demo_pictures[2].read_bytes() + bytes(4_000_000))  # what follows a JPEG's end is not looked at
    found = search(filled, picture)
    assert found.returncode == 0, found.stderr
    assert demo_pictures[2].name in found.stdout.splitlines()[0]


@pytest.mark.parametrize("arguments, variables, says", [
    (["words"], {"ELASTICSEARCH_URL": "http://127.0.0.1:1"}, "nothing listens at http://127.0.0.1:1: Elasticsearch"),
    (["--index", "nope", "words"], {}, "no index nope"),
    (["--endpoint", "nope", "words"], {}, "[nope] is not an inference service model"),
    ([], {}, "no query"),
    (["", " "], {}, "no query"),
    (["--size", "0", "words"], {}, "--size is '0'"),
    ([ROOT / "README.md"], {}, "not a supported picture"),
    (["/no/such/Photo.JPG"], {}, "no file /no/such/Photo.JPG"),
    ([DEMO / "pictures/000001.jpg", "a", "house"], {}, "pictures/000001.jpg, or only words"),
    (["words", "--sise", "3"], {}, "unknown option --sise"),
    (["words", "--size", "0"], {}, "--size is '0'"),
])
def test_a_search_that_fails_says_why(filled, arguments, variables, says):
    failed = search(filled, *arguments, **variables)
    assert failed.returncode == 1 and says in failed.stderr


@pytest.mark.parametrize("status, page", [(200, "<html>log in</html>"), (200, ""), (200, "[]"), (302, ""), (404, "<html>not found</html>")])
def test_another_web_server_is_named_as_not_being_elasticsearch(status, page):
    with fake(lambda method, path: (status, page)) as at:
        failed = run([ROOT / "scripts/search.sh", "--env-file", "/dev/null", "words"], {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": f"http://{at}"})
    assert failed.returncode == 1 and not failed.stdout
    assert failed.stderr == f"search: what answers at http://{at} is not Elasticsearch: set ELASTICSEARCH_URL (environment or /dev/null) to the address of the cluster\n"


def test_shards_that_failed_are_named_with_their_reason(filled):
    assert filled.es("PUT", "/others", {"mappings": {"properties": {"image_embedding": {"type": "dense_vector", "dims": 3}}}})[0] == 200
    assert filled.es("PUT", "/others/_doc/1?refresh=true", {"image_embedding": [1, 0, 0]})[0] == 201
    failed = search(filled, "--index", "*", "--endpoint", "clip-search", "words")
    filled.es("DELETE", "/others")
    assert failed.returncode == 1 and "shards failed Cause: The query vector has a different number of dimensions" in failed.stderr, failed.stderr


def test_names_and_captions_of_hits_keep_their_columns_and_control_no_terminal():
    hits = [{"image_name": "a\x1b]0;owned\x07.jpg", "caption": "two\nlines\tand\x9b31m \\ more"}, {"image_name": "", "caption": "only a caption"}, {"caption": None}]

    def answer(method, path):
        if path.endswith("_mapping"):
            return 200, {"clip-images": {"mappings": {"_meta": {"sightline": {"image_embedding": {"model": "clip"}}}}}}
        return 200, {"hits": {"hits": [{"_id": f"id{i}", "_score": 0.5, "_source": hit} for i, hit in enumerate(hits)]}}

    with fake(answer) as at:
        found = run([ROOT / "scripts/search.sh", "--env-file", "/dev/null", "words"], {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": f"http://{at}"})
    assert found.returncode == 0 and not found.stderr
    assert found.stdout.splitlines() == [f"  1  0.5     {'a?]0;owned?.jpg':40}  two?lines?and?31m \\ more", f"  2  0.5     {'id1':40}  only a caption", "  3  0.5     id2"]


def test_the_demo_prints_no_control_characters():
    spec = importlib.util.spec_from_file_location("demo_queries", ROOT / "scripts/demo_queries.py")
    demo_queries = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo_queries)
    hit = {"_score": 0.5, "_source": {"image_name": "a\x1b[31m.jpg", "caption": "b\nc\x9b"}}
    assert demo_queries.show(hit, "+") == "    + 0.5000  a?[31m.jpg  b?c?"


def test_an_index_that_does_not_name_its_model_needs_an_endpoint(filled):
    assert filled.es("PUT", "/plain", {"mappings": {"properties": {"image_embedding": {"type": "dense_vector", "dims": 128}}}})[0] == 200
    assert "use --endpoint ID" in search(filled, "--index", "plain", "words").stderr
    assert "no hits" in search(filled, "--index", "plain", "--endpoint", "clip-search", "words").stdout
    filled.es("DELETE", "/plain")


def test_the_python_of_the_readme_runs_as_it_is_shown(filled, demo_pictures, tmp_path):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    (tmp_path / "search.py").write_text(code)
    done = run([sys.executable, tmp_path / "search.py", demo_pictures[1]], {**os.environ, **filled.environment()})
    assert done.returncode == 0, done.stderr
    scores = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(scores) == 10 and scores[5] == "1.0000", done.stdout
    filled.es("DELETE", "/clip-images/_doc/mine?refresh=true")


def test_the_demo_claims_only_what_it_checked(filled):
    done = run(["python3", ROOT / "scripts/demo_queries.py", "--elasticsearch", filled.elasticsearch, "--models", "clip,jina-clip", "--pictures", filled.pictures], filled.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all checks passed" not in done.stdout and "A CHECK FAILED" not in done.stdout
    assert "holds 8 documents, the folder 9 pictures, 8 of them different" in done.stdout
    assert "not checked: whether the hits for words are right" in done.stdout
    for model in ("clip", "jina-clip"):
        assert f"{model} is a demo model, trained only on drawings" in done.stdout


def test_the_demo_begins_only_where_nothing_of_it_exists(tmp_path):
    server = Sightline(tmp_path / "data", tmp_path / "server.log")
    try:
        def begin():
            return run(["python3", ROOT / "scripts/demo_queries.py", "--elasticsearch", server.elasticsearch, "--models", "clip", "--must-not-exist"], server.environment())

        assert begin().returncode == 0
        assert server.register("--models", "clip").returncode == 0
        for what, path in [("index clip-images", "/clip-images"), ("pipeline clip-images", "/_ingest/pipeline/clip-images"),
                           ("inference endpoint clip-ingest", "/_inference/clip-ingest"), ("inference endpoint clip-search", "/_inference/clip-search")]:
            refused = begin()
            assert refused.returncode == 1 and f"the {what} already exists" in refused.stderr, refused.stderr
            assert server.es("DELETE", path)[0] == 200
        assert begin().returncode == 0
    finally:
        server.stop()


def test_programs_have_help():
    for program in ("sightline-server", "sightline-ingest", "cohere-stand-in"):
        assert run([BIN / program, "--help"], {}).returncode == 0
    for script in ("search.sh", "register_endpoints.sh", "demo.sh"):
        shown = run([ROOT / "scripts" / script, "--help"], {"PATH": os.environ["PATH"]})
        assert shown.returncode == 0 and f"scripts/{script}" in shown.stdout


def test_a_key_refused_by_sightline_is_distinguished_from_missing_credentials_of_the_cluster(tmp_path, reserve_port):
    port = reserve_port()  # the one that the endpoints name
    first = Sightline(tmp_path / "data", tmp_path / "first.log", port=port)
    try:
        assert first.register().returncode == 0
    finally:
        first.stop()
    (tmp_path / "keys").write_text("a-key-that-the-endpoints-lack\n")
    (tmp_path / "keys").chmod(0o600)
    second = Sightline(tmp_path / "data", tmp_path / "second.log", port=port, options=["--api-key-file", tmp_path / "keys"])
    try:
        without = search(second, "a", "red", "house")
        assert without.returncode == 1 and "Set ELASTICSEARCH_API_KEY" in without.stderr
        refused = search(second, "a", "red", "house", ELASTICSEARCH_API_KEY="a-key-that-the-endpoints-lack")
        assert refused.returncode == 1
        assert "Sightline refused Elasticsearch's call" in refused.stderr and "Set SIGHTLINE_API_KEY" in refused.stderr
        assert "ELASTICSEARCH_API_KEY" not in refused.stderr
    finally:
        second.stop()


def test_the_endpoint_chooses_the_field_of_its_model():
    vector = {"type": "dense_vector", "dims": 2}
    fields = {"clip_embedding": vector, "jina_embedding": vector, "o": {"properties": {"v": vector}}, "image_name": {"type": "text"}}
    bodies = []

    def answer(method, path, body):
        if path.endswith("_mapping"):
            named = {"clip_embedding": {"model": "clip", "demo": True}, "jina_embedding": {"model": "jina-clip"}}
            return 200, {"listings": {"mappings": {"_meta": {"sightline": named}, "properties": fields}}}
        if path.startswith("/_inference/"):
            request = '{"model": "jina-clip", "input": ${input}}' if path.endswith("/mine") else '{"input": ${input}}'
            return 200, {"endpoints": [{"inference_id": path.rsplit("/", 1)[1], "service": "custom", "service_settings": {"request": request}}]}
        bodies.append(json.loads(body)["knn"])
        return 200, {"hits": {"hits": [{"_id": "1", "_score": 0.5, "_source": {}}]}}

    with fake(answer, with_body=True) as at:
        def asked(*arguments):
            bodies.clear()
            done = run([ROOT / "scripts/search.sh", "--env-file", "/dev/null", "--index", "listings", *arguments, "words"], {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": f"http://{at}"})
            return done, [(one["field"], one["query_vector_builder"]["text_embedding"]["model_id"]) for one in bodies]

        for arguments, field, endpoint in (
                ([], "clip_embedding", "clip-search"), (["--endpoint", "jina-clip-search"], "jina_embedding", "jina-clip-search"),
                (["--endpoint", "clip-ingest"], "clip_embedding", "clip-ingest"), (["--endpoint", "mine"], "jina_embedding", "mine"),
                (["--field", "jina_embedding"], "jina_embedding", "jina-clip-search"), (["--field", "o.v", "--endpoint", "other"], "o.v", "other")):
            done, found = asked(*arguments)
            assert done.returncode == 0 and found == [(field, endpoint)], (arguments, done.stderr, found)
            assert ("demo model" in done.stdout) == (field == "clip_embedding")
        done, found = asked("--endpoint", "other")
        assert done.returncode == 1 and not found and "choose one with --field (clip_embedding, jina_embedding, o.v)" in done.stderr
        done, found = asked("--field", "image_name")
        assert done.returncode == 1 and not found and "--field is 'image_name', which is no vector field of index listings" in done.stderr
