"""docs/frameworks.md: its examples, as they are, with a server of each kind.

The frameworks require other versions of the clients than the other tests, so they have an environment of their own, which
scripts/install_dependencies.sh --tests makes: .venv-frameworks with tests/e2e/requirements-frameworks.txt. SIGHTLINE_FRAMEWORKS_PYTHON names
another Python.
"""

import os
import re
import shutil

import pytest

from conftest import KINDS, ROOT, call, run, running

TEXT = (ROOT / "docs/frameworks.md").read_text()
SECTIONS = dict(zip(*[iter(re.split(r"^## (.+)\n", TEXT, flags=re.M)[1:])] * 2))
EXAMPLES = {f"{name} {number}": code for name, section in SECTIONS.items()
            for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", section, flags=re.M | re.S), 1)}
PYTHON = os.environ.get("SIGHTLINE_FRAMEWORKS_PYTHON", ROOT / ".venv-frameworks/bin/python")


@pytest.fixture(scope="module", params=KINDS)
def filled(request, tmp_path_factory, demo_pictures):
    """A server with thirty drawings in clip-images."""
    folder = tmp_path_factory.mktemp("frameworks")
    (folder / "pictures").mkdir()
    for file in demo_pictures[:30]:
        shutil.copy(file, folder / "pictures")
    with running(request.param, folder) as server:
        assert server.register().returncode == 0
        done = server.ingest(folder / "pictures", "--index", "clip-images")
        assert done.returncode == 0, done.stderr
        server.folder = folder
        yield server


def output_of(name, server):
    assert shutil.which(PYTHON), f"{PYTHON} is missing: scripts/install_dependencies.sh --tests"
    example = server.folder / "example.py"
    example.write_text(EXAMPLES[name])
    quiet = {"ANONYMIZED_TELEMETRY": "false", "HAYSTACK_TELEMETRY_ENABLED": "false", "LANGSMITH_TRACING": "false", "PYTHONDONTWRITEBYTECODE": "1",
             "HF_HUB_OFFLINE": "1", "TIKTOKEN_CACHE_DIR": str(server.folder)}
    done = run([PYTHON, example], {**os.environ, **server.environment(), **quiet})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def best_names(server, words, k):
    knn = {"field": "image_embedding", "k": k, "num_candidates": 50, "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": words}}}
    return [hit["_source"]["image_name"] for hit in server.es("POST", "/clip-images/_search", {"knn": knn, "size": k, "_source": ["image_name"]})[1]["hits"]["hits"]]


def test_every_framework_has_an_example():
    assert sorted({name.split()[0] for name in EXAMPLES}) == ["Haystack", "LangChain", "LlamaIndex"]


def test_langchain_finds_pictures_and_texts(filled):
    lines = output_of("LangChain 1", filled)
    assert [line.split()[1] for line in lines[:3]] == best_names(filled, "a red house", 3)
    scores = [float(line.split()[0]) for line in lines[:3]]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.5
    assert lines[3:] == ["a round swimming pool"]


def test_langchain_leaves_the_vector_to_an_endpoint(filled):
    assert output_of("LangChain 2", filled) == best_names(filled, "a red house", 3)


def test_llama_index_finds_a_text(filled):
    assert output_of("LlamaIndex 1", filled) == ["a round swimming pool"]


def test_haystack_finds_a_text(filled):
    assert output_of("Haystack 1", filled) == ["a round swimming pool"]


def test_token_ids_are_refused_with_the_option_that_helps(filled):
    """What LangChain's OpenAIEmbeddings sends without that option."""
    for tokens in ([[64, 2579, 3838]], [64, 2579, 3838]):
        status, answer = call("POST", f"{filled.url}/v1/embeddings", {"model": "clip", "input": tokens})
        assert status == 400 and "check_embedding_ctx_length=False" in answer["error"]["message"], answer
    assert "check_embedding_ctx_length=False" in EXAMPLES["LangChain 1"]
