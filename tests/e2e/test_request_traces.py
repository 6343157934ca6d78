"""How one request is followed: by its ids through both logs, by its stages, and while it is open."""

import http.server
import json
import threading
import time
import urllib.request

import pytest

from conftest import DEMO, Sightline, call

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
STAGES = ["receive", "worker_wait", "handle", "fetch", "preparation_wait", "prepare", "queue_wait", "forward", "upstream", "endpoint", "store", "write"]


class SlowEndpoint:
    """An inference server that answers when it is told to, and notes the fields of its requests."""

    def __init__(self):
        self.fields, self.arrived, self.go = [], threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                count = len(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"])
                outer.fields.append(dict(self.headers))
                outer.arrived.set()
                outer.go.wait(60)
                body = json.dumps({"data": [{"embedding": [1.0, 0.0, 0.0]}] * count}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/embeddings"

    def close(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture()
def slow_endpoint():
    endpoint = SlowEndpoint()
    yield endpoint
    endpoint.close()


def put_endpoint(server, name, url):
    status, answer = server.es("PUT", f"/_inference/text_embedding/{name}", {"service": "custom", "service_settings": {
        "url": url, "headers": {"Content-Type": "application/json"}, "request": '{"model": "clip", "input": ${input}}',
        "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}}, "secret_parameters": {}}})
    assert status == 200, answer


def search(endpoint, text):
    return {"knn": {"field": "v", "k": 1, "num_candidates": 10, "query_vector_builder": {"text_embedding": {"model_id": endpoint, "model_text": text}}}}


def lines(server, *words, count=1):
    """The lines of the log with all the words, once there are so many."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = [line for line in server.log.read_text().splitlines() if all(word in line for word in words)]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{words}: not in\n{server.log.read_text()[-3000:]}")


def index(server, dims):
    status, answer = server.es("PUT", "/pics", {"mappings": {"properties": {"v": {"type": "dense_vector", "dims": dims, "similarity": "cosine"}}}})
    assert status == 200, answer


def dims_of(server):
    return next(model["dims"] for model in call("GET", server.url + "/v1/models")[1]["data"] if model["id"] == "clip")


def test_one_id_finds_a_search_in_the_logs_of_both_ports(server):
    put_endpoint(server, "own", server.url + "/v1/embeddings")
    index(server, dims_of(server))
    headers = {"X-Opaque-Id": "task-7", "traceparent": PARENT}
    status, answer = server.es("POST", "/pics/_search", search("own", "a zebra of stripes"), headers=headers)
    assert status == 200, answer
    by_id = lines(server, "task-7", count=2)
    by_trace = lines(server, f"trace_id={TRACE}", count=2)
    assert by_id == by_trace and len(by_id) == 2
    inference = next(line for line in by_id if " POST /v1/embeddings 200 " in line)
    assert "opaque_id=task-7" in inference and "model=clip inputs=1" in inference
    assert any(" POST /pics/_search 200 " in line and " id=task-7 " in line for line in by_id)
    assert "zebra" not in server.log.read_text()
    status, answer = server.es("POST", "/_inference/own", {"input": "b"}, headers={"X-Opaque-Id": "task-8"})
    assert status == 200, answer
    assert len(lines(server, "task-8", count=2)) == 2


def test_other_endpoints_get_no_ids(server, slow_endpoint):
    slow_endpoint.go.set()
    put_endpoint(server, "other", slow_endpoint.url)
    status, answer = server.es("POST", "/_inference/other", {"input": "a"}, headers={"X-Opaque-Id": "task-9", "traceparent": PARENT, "tracestate": "a=1"})
    assert status == 200, answer
    for fields in slow_endpoint.fields:
        assert not {"x-opaque-id", "traceparent", "tracestate"} & {name.lower() for name in fields}


def held(server, slow_endpoint, during=lambda entry: None):
    """A search that waits for its endpoint for a while; gives its slow line as JSON."""
    slow_endpoint.go.set()
    put_endpoint(server, "slow", slow_endpoint.url)
    index(server, 3)
    slow_endpoint.go.clear()
    slow_endpoint.arrived.clear()
    answers = []
    sender = threading.Thread(target=lambda: answers.append(server.es("POST", "/pics/_search", search("slow", "a zebra"), headers={"X-Opaque-Id": "held-1", "traceparent": PARENT})))
    sender.start()
    assert slow_endpoint.arrived.wait(20)
    status, body = call("GET", server.url + "/debug/requests")
    assert status == 200
    began = time.monotonic()
    entry = next(each for each in body["requests"] if each["id"] == "held-1")
    during(entry)
    while time.monotonic() < began + 0.3:  # longer than the limit of the slow-request log
        time.sleep(0.05)
    slow_endpoint.go.set()
    sender.join(30)
    assert answers[0][0] == 200, answers
    return json.loads(lines(server, '"slow request"', "held-1")[0])


@pytest.fixture(params=["embedded", "gateway"])
def watchful(request, tmp_path):
    from conftest import running
    with running(request.param, tmp_path, ["--slow-request-log", "250ms", "--log-format", "json"]) as server:
        yield server


def test_a_request_that_waits_is_listed_and_then_logged_with_its_stages(watchful, slow_endpoint):
    def check(entry):
        assert entry["port"] == "elasticsearch" and entry["route"] == "/pics/_search" and entry["method"] == "POST"
        assert entry["trace_id"] == TRACE and entry["peer"] == "127.0.0.1" and entry["key"] is None
        assert entry["stage"] == "endpoint" and entry["age_ms"] > 0
        assert "zebra" not in json.dumps(entry)

    line = held(watchful, slow_endpoint, check)
    assert line["level"] == "warning" and line["port"] == "elasticsearch"
    assert (line["method"], line["route"], line["status"]) == ("POST", "/pics/_search", 200)
    assert (line["request_id"], line["opaque_id"], line["trace_id"]) == ("held-1", "held-1", TRACE)
    stages = line["stages_ms"]
    assert list(stages) == [stage for stage in STAGES if stage in stages]
    assert stages["endpoint"] >= 250
    assert sum(stages.values()) <= line["milliseconds"] + 0.05 * len(stages) + 0.1
    assert {"receive", "handle", "store", "write"} <= set(stages)
    with urllib.request.urlopen(watchful.url + "/metrics", timeout=20) as answer:
        assert 'sightline_slow_requests_total{port="elasticsearch",route="_search"} 1' in answer.read().decode()
    assert call("GET", watchful.url + "/debug/requests")[1] == {"total": 0, "requests": []}
    access = json.loads(lines(watchful, '"message":"request"', "held-1")[0])
    assert access["trace_id"] == TRACE and access["opaque_id"] == "held-1"


def test_a_search_below_elasticsearch_is_listed_with_its_stages_too(tmp_path, slow_endpoint):
    server = Sightline(tmp_path / "data", tmp_path / "log", options=["--slow-request-log", "100ms"])
    try:
        slow_endpoint.go.set()
        put_endpoint(server, "slow", slow_endpoint.url)
        index(server, 3)
        slow_endpoint.go.clear()
        slow_endpoint.arrived.clear()
        sender = threading.Thread(target=lambda: call("POST", server.url + "/elasticsearch/pics/_search", search("slow", "x"), headers={"X-Opaque-Id": "below-1"}))
        sender.start()
        assert slow_endpoint.arrived.wait(20)
        entry = next(each for each in call("GET", server.url + "/debug/requests")[1]["requests"] if each["id"] == "below-1")
        assert (entry["port"], entry["route"], entry["stage"]) == ("inference", "/elasticsearch/pics/_search", "endpoint")
        while call("GET", server.url + "/debug/requests")[1]["requests"][0]["age_ms"] < 100:
            time.sleep(0.02)
        slow_endpoint.go.set()
        sender.join(30)
        line = lines(server, "slow request: POST /elasticsearch/pics/_search 200 ", "id=below-1")[0]
        assert " warning " in line and " endpoint=" in line and " port=inference " in line
    finally:
        assert server.stop() == 0


def test_with_keys_the_open_requests_need_the_scope_manage_and_name_keys(tmp_path, slow_endpoint):
    import hashlib
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{name} sha256:{hashlib.sha256(f'key-of-{name}-0123456789'.encode()).hexdigest()} scopes={scopes}\n"
                            for name, scopes in (("operator", "manage,search,infer"), ("reader", "search,infer,ingest,metrics"))))
    keys.chmod(0o600)
    bearer = {name: {"Authorization": f"Bearer key-of-{name}-0123456789"} for name in ("operator", "reader")}
    server = Sightline(tmp_path / "data", tmp_path / "log", options=["--api-key-file", keys])
    try:
        assert call("GET", server.url + "/debug/requests")[0] == 401
        assert call("GET", server.url + "/debug/requests", headers=bearer["reader"])[0] == 403
        slow_endpoint.go.set()
        status, answer = server.es("PUT", "/_inference/text_embedding/slow", {"service": "custom", "service_settings": {
            "url": slow_endpoint.url, "request": '{"input": ${input}}', "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}}}}, headers=bearer["operator"])
        assert status == 200, answer
        slow_endpoint.go.clear()
        slow_endpoint.arrived.clear()
        sender = threading.Thread(target=lambda: server.es("POST", "/_inference/slow", {"input": "a"}, headers=bearer["reader"]))
        sender.start()
        assert slow_endpoint.arrived.wait(20)
        status, body = call("GET", server.url + "/debug/requests", headers=bearer["operator"])
        assert status == 200 and [(each["key"], each["stage"]) for each in body["requests"]] == [("reader", "endpoint")]
        slow_endpoint.go.set()
        sender.join(30)
    finally:
        assert server.stop() == 0
    assert "audit: key [operator] from 127.0.0.1: PUT" in server.log.read_text() and "audit: key [operator] from 127.0.0.1: GET" not in server.log.read_text()
