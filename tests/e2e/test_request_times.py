"""How long a client wants to wait for an answer."""

import time

import pytest

from conftest import call
from test_request_traces import put_endpoint, slow_endpoint  # noqa: F401: a fixture
from test_vector_cache import computed


def embed(server, inputs, seconds=None, query=""):
    return call("POST", f"{server.url}/v1/embeddings{query}", {"model": "clip", "input": inputs},
                headers={} if seconds is None else {"X-Request-Timeout": seconds})


def new_texts(count):
    """Texts that no cache has."""
    return [f"a house at {time.monotonic_ns()} number {i}" for i in range(count)]


@pytest.mark.parametrize("seconds, query, named", [("0.001", "", "X-Request-Timeout"), ("1ms", "", "X-Request-Timeout"), (None, "?timeout=1ms", "timeout"),
                                                   ("1ms", "?timeout=1m", "X-Request-Timeout"), ("60", "?timeout=1ms", "timeout")])
def test_a_request_whose_time_has_passed_is_refused_and_its_work_is_cancelled(inference, seconds, query, named):
    before = computed(inference)
    status, answer = embed(inference, new_texts(250), seconds, query)
    assert status == 429 and answer["error"]["code"] == "deadline_exceeded", answer
    assert named in answer["error"]["message"] or "deadline" in answer["error"]["message"]
    assert embed(inference, new_texts(1), "60")[0] == 200  # after what was left of them
    assert computed(inference) - before < 1 + 250


def test_a_time_that_cannot_be_read_is_400_and_names_its_field(inference):
    status, answer = embed(inference, ["a house"], "soon")
    assert status == 400 and "[X-Request-Timeout] is [soon]" in answer["error"]["message"]
    status, answer = embed(inference, ["a house"], query="?timeout=soon")
    assert status == 400 and "[timeout] must be a whole number with ms, s or m" in answer["error"]["message"]


def test_the_timeout_of_inference_at_the_elasticsearch_port_ends_its_call(server, slow_endpoint):
    slow_endpoint.go.set()
    put_endpoint(server, "slow", slow_endpoint.url)
    slow_endpoint.go.clear()
    status, answer = server.es("POST", "/_inference/text_embedding/slow?timeout=1ms", {"input": new_texts(1)})
    assert status == 408 and answer["error"]["reason"] == "Request timed out after [1ms]"
    slow_endpoint.go.set()
    assert server.es("POST", "/_inference/text_embedding/slow?timeout=30s", {"input": new_texts(1)})[0] == 200
    assert server.es("POST", "/_inference/text_embedding/slow?timeout=soon", {"input": "a"})[0] == 400
