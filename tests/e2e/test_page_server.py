"""The page's files, and the Elasticsearch side below /elasticsearch of the inference port."""

import base64
import concurrent.futures
import gzip
import http.client
import http.server
import json
import shutil
import threading
import time
import urllib.parse

import pytest
from conftest import DEMO, KINDS, InferenceServer, call, running
from test_occupation import SilentServer, begin, put_endpoint

KEY = "page-server-key-0b7f31"


def ask(url, method, path, body=None, headers=None, timeout=120):
    """Sends one request; gives the answer and its bytes."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def knn(text, size=3):
    builder = {"text_embedding": {"model_id": "clip-search", "model_text": text}}
    return {"knn": {"field": "image_embedding", "k": size, "num_candidates": 50, "query_vector_builder": builder}, "size": size, "_source": ["image_name"]}


def without_time(answer):
    return {name: value for name, value in answer.items() if name not in ("took", "ingest_took")}


@pytest.fixture(scope="module", params=KINDS)
def pictures(request, tmp_path_factory):
    """A server with two workers for its own routes and eight pictures; tests leave them as they are."""
    folder = tmp_path_factory.mktemp("page-server")
    with running(request.param, folder, ["--workers", "2"]) as sightline:
        sightline.kind = request.param
        done = sightline.register("--models", "clip")
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "pictures").mkdir()
        for picture in sorted((DEMO / "pictures").glob("*.jpg"))[:8]:
            shutil.copy(picture, folder / "pictures")
        done = sightline.ingest(folder / "pictures", "--index", "clip-images")
        assert done.returncode == 0, done.stdout + done.stderr
        yield sightline


def test_the_page_is_there_for_browsers_and_packed(inference):
    answer, page = ask(inference.url, "GET", "/", headers={"Accept": "text/html", "Accept-Encoding": "gzip"})
    assert answer.status == 200 and answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(page).startswith(b"<!doctype html>")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    again, nothing = ask(inference.url, "GET", "/", headers={"Accept": "text/html", "Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]})
    assert again.status == 304 and nothing == b""
    head, nothing = ask(inference.url, "HEAD", "/", headers={"Accept": "text/html"})
    plain, page = ask(inference.url, "GET", "/", headers={"Accept": "text/html"})
    assert head.headers["Content-Length"] == plain.headers["Content-Length"] == str(len(page)) and nothing == b""
    routes, listed = ask(inference.url, "GET", "/")
    assert "GET /v1/page" in json.loads(listed)["routes"] and routes.headers["Vary"] == "Accept"


def test_a_browser_loads_the_page_and_follows_links_to_it(inference):
    host = urllib.parse.urlsplit(inference.url).netloc
    own = {"Sec-Fetch-Site": "same-origin", "Referer": f"http://{host}/"}
    link = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    # A link such as http://host/#/search?q=pool on another site: what is behind # is not sent.
    assert ask(inference.url, "GET", "/", headers={**link, "Sec-Fetch-Site": "cross-site"})[0].status == 200
    assert ask(inference.url, "GET", "/", headers={**link, "Sec-Fetch-Site": "none"})[0].status == 200
    for mode, destination in (("cors", "script"), ("no-cors", "style"), ("no-cors", "image"), ("cors", "empty")):
        fields = {**own, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        assert ask(inference.url, "GET", "/page/modules/main.js", headers=fields)[0].status == 200
    posted = {**own, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Origin": f"http://{host}"}
    assert ask(inference.url, "POST", "/elasticsearch/_search", "{}", posted)[0].status == 404  # no Elasticsearch side, but no refusal
    # Another site's page loads none of it, nor shows it in a frame.
    for mode, destination in (("no-cors", "script"), ("navigate", "iframe"), ("no-cors", "image")):
        fields = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        for path in ("/", "/page/modules/main.js", "/elasticsearch/_search"):
            assert ask(inference.url, "GET", path, headers={"Accept": "text/html", **fields})[0].status == 403


def test_without_an_elasticsearch_side_the_answer_says_how_to_start_one(inference):
    status, answer = call("GET", f"{inference.url}/elasticsearch/_cat/indices")
    assert status == 404 and answer["error"]["type"] == "no_elasticsearch_side_exception"
    assert "--embedded-elasticsearch" in answer["error"]["reason"]
    status, facts = call("GET", f"{inference.url}/v1/page")
    assert status == 200 and facts["elasticsearch"] == {"kind": "none", "url": None, "ready": False}


def test_the_same_request_has_the_same_answer_at_both_ports(pictures):
    requests = [
        ("GET", "/", None), ("GET", "/clip-images", None), ("GET", "/clip-images/_mapping?pretty", None), ("GET", "/nothing/_search", None),
        ("POST", "/clip-images/_search?filter_path=hits.hits._source", json.dumps(knn("a pool"))), ("GET", "/_inference", None),
        ("POST", "/clip-images/_search", "{"), ("HEAD", "/clip-images", None), ("HEAD", "/nothing", None), ("GET", "/a%2Fb/_doc/c%20d", None),
        ("POST", "/clip-images/_count", json.dumps({"query": {"match": {"image_name": "x"}}})), ("GET", "/_cat/indices/clip-images?h=index", None)]
    for method, path, body in requests:
        headers = {"X-Opaque-Id": "page", **({"Content-Type": "application/json"} if body else {})}
        port, at_port = ask(pictures.elasticsearch, method, path, body, headers)
        inner, below = ask(pictures.url, method, "/elasticsearch" + ("" if path == "/" else path), body, headers)
        assert (inner.status, below) == (port.status, at_port), (method, path, below)
        fields = {name: value for name, value in port.headers.items() if name != "Date"}
        assert fields == {name: value for name, value in inner.headers.items() if name != "Date"}, (method, path)
        assert inner.headers["X-elastic-product"] == "Elasticsearch"


def test_documents_are_written_and_found_below_elasticsearch(pictures):
    def es(method, path, body=None, **options):
        return call(method, f"{pictures.url}/elasticsearch{path}", body, **options)

    assert es("PUT", "/page-notes", {"mappings": {"properties": {"title": {"type": "text"}}}})[0] == 200
    lines = [{"index": {"_id": "1"}}, {"title": "a pool at night"}, {"index": {"_id": "2"}}, {"title": "a garden"}]
    status, bulk = es("POST", "/page-notes/_bulk?refresh=true", "".join(json.dumps(line) + "\n" for line in lines), content_type="application/x-ndjson")
    assert status == 200 and not bulk["errors"]
    found = es("POST", "/page-notes/_search", {"query": {"match": {"title": "pool"}}})[1]
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["1"]
    assert es("DELETE", "/page-notes/_doc/1?refresh=true")[0] == 200
    assert es("GET", "/page-notes/_doc/1")[0] == 404
    assert es("DELETE", "/page-notes")[0] == 200
    found = es("POST", "/clip-images/_search", knn("a red house", 8))[1]
    assert without_time(found) == without_time(pictures.es("POST", "/clip-images/_search", knn("a red house", 8))[1])
    assert len(found["hits"]["hits"]) == 8


def test_far_more_searches_than_workers_all_end(pictures):
    """Each waits for a vector that the same port makes, with its two workers."""
    def search(i):
        return call("POST", f"{pictures.url}/elasticsearch/clip-images/_search", knn(f"house number {i}"), timeout=60)

    with concurrent.futures.ThreadPoolExecutor(96) as pool:
        answers = list(pool.map(search, range(192)))
    assert {status for status, _ in answers} == {200}
    assert all(len(answer["hits"]["hits"]) == 3 for _, answer in answers)


def test_bulks_through_a_pipeline_and_searches_do_not_keep_each_other_out(pictures):
    picture = next(iter(sorted((DEMO / "pictures").glob("*.jpg"))))
    data = base64.b64encode(picture.read_bytes()).decode()
    index = "page-bulks"
    source = call("GET", f"{pictures.elasticsearch}/clip-images")[1]["clip-images"]
    assert pictures.es("PUT", f"/{index}", {"settings": {"index": {"default_pipeline": "clip-images"}}, "mappings": source["mappings"]})[0] == 200

    def write(i):
        lines = [line for n in range(8) for line in ({"index": {"_id": f"{i}-{n}"}}, {"image_name": f"{i}-{n}.jpg", "image_data": data})]
        status, bulk = call("POST", f"{pictures.url}/elasticsearch/{index}/_bulk", "".join(json.dumps(line) + "\n" for line in lines), content_type="application/x-ndjson")
        return status == 200 and not bulk["errors"]

    def search(i):
        return call("POST", f"{pictures.url}/elasticsearch/clip-images/_search", knn(f"a garden {i}"))[0] == 200

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        writes, searches = pool.map(write, range(20)), pool.map(search, range(40))
        assert all(writes) and all(searches)
    assert pictures.es("POST", f"/{index}/_refresh")[0] == 200
    assert pictures.es("GET", f"/{index}/_count")[1]["count"] == 160
    assert pictures.es("DELETE", f"/{index}")[0] == 200


def test_a_body_has_the_limit_of_the_elasticsearch_port_and_may_be_packed(pictures):
    facts = call("GET", f"{pictures.url}/v1/page")[1]["limits"]
    line = json.dumps({"index": {}}) + "\n" + json.dumps({"blob": "x" * 1_000_000}) + "\n"
    assert pictures.es("PUT", "/page-large", {"mappings": {"properties": {"blob": {"type": "text", "index": False}}}})[0] == 200
    body = line * (facts["body_bytes"] // len(line) + 8)
    assert facts["body_bytes"] < len(body) < facts["elasticsearch_body_bytes"]
    status, bulk = call("POST", f"{pictures.url}/elasticsearch/page-large/_bulk?refresh=true&filter_path=errors", body, content_type="application/x-ndjson")
    assert (status, bulk) == (200, {"errors": False})
    packed, answer = ask(pictures.url, "POST", "/elasticsearch/page-large/_bulk?filter_path=errors", gzip.compress(body.encode(), 1),
                         {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"})
    assert (packed.status, json.loads(answer)) == (200, {"errors": False})
    too_large = (facts["elasticsearch_body_bytes"] // len(line) + 1) * line
    refused, answer = ask(pictures.url, "POST", "/elasticsearch/page-large/_bulk", gzip.compress(too_large.encode(), 1),
                          {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"})
    assert refused.status == 413 and json.loads(answer)["error"]["type"] == "content_too_long_exception"
    assert pictures.es("DELETE", "/page-large")[0] == 200


def test_a_client_that_disconnects_cancels_the_work_for_its_request(pictures):
    silent = SilentServer()
    put_endpoint(pictures)
    body = json.dumps({"input": ["a"], "task_settings": {"parameters": {"port": str(silent.port)}}})
    connection = begin(pictures.url, "POST", "/elasticsearch/_inference/clip?timeout=1h", body)
    deadline = time.monotonic() + 20
    while not silent.taken and time.monotonic() < deadline:
        time.sleep(0.01)
    call_taken = silent.taken[0]
    call_taken.settimeout(20)
    assert call_taken.recv(65536), "the call has arrived"
    connection.close()
    while call_taken.recv(65536):
        pass  # ends as the server drops its call; else recv times out


class Gated(http.server.BaseHTTPRequestHandler):
    """An inference server that answers once it may."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.arrived.set()
        self.server.gate.wait(20)
        body = json.dumps({"text_embedding": [{"embedding": [1.0, 0.0]}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_in_flight_is_answered_before_the_server_stops(kind, tmp_path):
    gated = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gated)
    gated.arrived, gated.gate = threading.Event(), threading.Event()
    threading.Thread(target=gated.serve_forever, daemon=True).start()
    with running(kind, tmp_path) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        put_endpoint(server)
        body = {"input": ["a"], "task_settings": {"parameters": {"port": str(gated.server_port)}}}
        answer = pool.submit(call, "POST", f"{server.url}/elasticsearch/_inference/clip", body)
        assert gated.arrived.wait(20)
        server.process.terminate()
        time.sleep(0.5)  # the drain has begun: a server that ended its waiting now would answer an error
        assert not answer.done()
        gated.gate.set()
        status, vectors = answer.result(20)
        assert status == 200 and vectors["text_embedding"][0]["embedding"] == [1.0, 0.0]
        assert server.process.wait(20) == 0
    gated.shutdown()
    gated.server_close()


@pytest.mark.parametrize("kind", KINDS)
def test_keys_open_what_is_below_elasticsearch_by_a_field_of_their_own(kind, tmp_path):
    (tmp_path / "keys").write_text(KEY + "\n")
    (tmp_path / "keys").chmod(0o600)
    with running(kind, tmp_path, ["--api-key-file", tmp_path / "keys"]) as server:
        assert ask(server.url, "GET", "/", headers={"Accept": "text/html"})[0].status == 200
        assert ask(server.url, "GET", "/v1/page")[0].status == 401
        assert ask(server.url, "GET", "/v1/page", headers={"Authorization": f"Bearer {KEY}"})[0].status == 200
        for headers in ({}, {"Authorization": f"Bearer {KEY}"}, {"Sightline-Key": "another-key-0b7f31"}):
            answer, body = ask(server.url, "PUT", "/elasticsearch/notes", "{}", {"Content-Type": "application/json", **headers})
            assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Sightline-Key"
            assert json.loads(body)["error"]["type"] == "sightline_key_exception"
        answer, _ = ask(server.url, "PUT", "/elasticsearch/notes", "{}", {"Content-Type": "application/json", "Sightline-Key": KEY, "Authorization": "ApiKey Y2x1c3Rlcg=="})
        assert answer.status == 200
    assert KEY not in server.log.read_text()


def test_a_gateway_passes_on_credentials_but_no_key_and_no_browser_fields(tmp_path):
    seen = []

    class Recorder(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/_nodes/stats":  # the gateway looks at its cluster by itself, too
                seen.append(dict(self.headers))
            body = b'{"version":{"number":"9.2.0"},"tagline":"You Know, for Search"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-elastic-product", "Elasticsearch")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    cluster = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=cluster.serve_forever, daemon=True).start()
    (tmp_path / "keys").write_text(KEY + "\n")
    (tmp_path / "keys").chmod(0o600)
    url = f"http://127.0.0.1:{cluster.server_port}"
    server = InferenceServer(tmp_path / "server.log", ["--elasticsearch-gateway", url, "--elasticsearch-port", "0", "--api-key-file", tmp_path / "keys"])
    try:
        facts = json.loads(ask(server.url, "GET", "/v1/page", headers={"Sightline-Key": KEY})[1])
        assert facts["elasticsearch"] == {"kind": "gateway", "url": url, "ready": True}
        seen.clear()
        host = urllib.parse.urlsplit(server.url).netloc
        answer, _ = ask(server.url, "GET", "/elasticsearch/_nodes/stats", headers={
            "Sightline-Key": KEY, "Authorization": "Basic dXNlcjpwYXNz", "Origin": f"http://{host}", "Cookie": "a=b", "Sec-Fetch-Site": "same-origin"})
        assert answer.status == 200
        passed = {name.lower(): value for name, value in seen[-1].items()}
        assert passed["authorization"] == "Basic dXNlcjpwYXNz"
        assert not {"sightline-key", "origin", "cookie", "sec-fetch-site"} & passed.keys()
        assert KEY not in json.dumps(seen)
    finally:
        server.stop()
        cluster.shutdown()
        cluster.server_close()
