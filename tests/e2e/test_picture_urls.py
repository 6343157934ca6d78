"""Pictures that requests give by URL: --allow-picture-urls."""

import base64
import concurrent.futures
import contextlib
import gzip
import http.server
import json
import re
import socket
import ssl
import threading
import urllib.parse
import urllib.request

import pytest

from authority import Authority
from conftest import InferenceServer, Sightline, StandIn, call
from gate import eventually
from test_endpoint_addresses import SPELLINGS

K_LARGEST = 200_000  # bytes of one picture
K_BOMB = gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(50 << 20))


class Pictures(http.server.ThreadingHTTPServer):
    """A host of pictures on loopback that does what each path says."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, pictures, context=None):
        super().__init__(("127.0.0.1", 0), Answers)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.pictures = {path.name: path.read_bytes() for path in pictures}
        self.host = f"127.0.0.1:{self.server_port}"
        self.url = f"{'https' if context else 'http'}://{self.host}"
        self.reached, self.fields, self.released = [], [], threading.Event()
        self.changed = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # clients that leave are part of the tests

    def await_reached(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.reached) >= count, timeout=20)

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, name = urllib.parse.urlsplit(self.path).path.rsplit("/", 1)
        with self.server.changed:
            self.server.reached.append(self.path)
            self.server.fields.append(dict(self.headers))
            self.server.changed.notify_all()
        getattr(self, "answer" + path.replace("/", "_"))(self.server.pictures.get(name, b""))

    def reply(self, body, status=200, **fields):
        self.send_response(status)
        for field, value in {"Content-Length": str(len(body)), "Content-Type": "image/jpeg", **fields}.items():
            if value is not None:
                self.send_header(field.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer(self, picture):
        self.reply(picture) if picture else self.reply(b"", 404)

    def answer_chunked(self, picture):
        self.reply(b"", Content_Length=None, Transfer_Encoding="chunked")
        for begin in range(0, len(picture), 1000):
            piece = picture[begin:begin + 1000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def answer_gzip(self, picture):
        self.reply(gzip.compress(picture), Content_Encoding="gzip")

    def answer_bomb(self, _):
        self.reply(K_BOMB, Content_Encoding="gzip")

    def answer_redirect(self, _):
        self.reply(b"", 302, Location=f"{self.server.url}/000000.jpg")

    def answer_error(self, _):
        self.reply(b"", 503)

    def answer_html(self, _):
        self.reply(b"<!DOCTYPE html><html><body>log in</body></html>", Content_Type="image/jpeg")

    def answer_truncated(self, picture):
        self.reply(picture[: len(picture) // 2], Content_Length=str(len(picture)))
        self.close_connection = True

    def answer_half(self, picture):
        self.reply(picture[: len(picture) // 2])

    def answer_huge(self, _):
        self.reply(b"\xff\xd8\xff\xe0", Content_Length=str(1 << 40))
        with contextlib.suppress(OSError):  # until the client has enough
            for _ in range(1 << 16):
                self.wfile.write(bytes(1 << 16))
            self.server.reached.append("all of it")

    def answer_endless(self, _):
        self.reply(b"", Content_Length=None, Transfer_Encoding="chunked")
        with contextlib.suppress(OSError):
            for _ in range(1 << 16):
                self.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
            self.server.reached.append("all of it")

    def answer_silent(self, _):
        self.server.released.wait(120)  # longer than any time-out here
        self.close_connection = True

    def answer_slow(self, picture):
        self.send_response(200)
        self.send_header("Content-Length", str(len(picture)))
        self.end_headers()
        with contextlib.suppress(OSError):
            for byte in picture:
                self.wfile.write(bytes([byte]))
                if self.server.released.wait(0.05):
                    return

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(demo_pictures):
    running = Pictures(demo_pictures[:8])
    yield running
    running.close()


def fetching(folder, site, timeout):
    running = InferenceServer(folder / "log", ["--allow-picture-urls", "--picture-url-addresses", f"127.0.0.1:{site.server_port}",
                                               "--picture-url-timeout", timeout, "--max-image-bytes", str(K_LARGEST),
                                               "--picture-url-concurrency-per-host", "8", "--log-level", "debug"])
    yield running
    assert running.stop() == 0, running.log.read_text()[-3000:]
    assert "secret" not in running.log.read_text()  # which queries of URLs have


@pytest.fixture(scope="module")
def server(tmp_path_factory, site):
    yield from fetching(tmp_path_factory.mktemp("urls"), site, "30s")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory, site):
    """One second for each picture."""
    yield from fetching(tmp_path_factory.mktemp("hasty"), site, "1s")


def data_url(path):
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def linked(url):
    return {"type": "image_url", "image_url": {"url": url}}


def embed(server, *inputs, **members):
    return call("POST", server.url + "/v1/embeddings", {"model": "clip", "input": inputs, **members})


def message(answer):
    return answer["error"]["message"]


def fetches(server):
    with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
        return {outcome: float(count) for outcome, count in re.findall(r'sightline_picture_fetches_total\{outcome="(\w+)"\} (\S+)', answer.read().decode())}


def test_pictures_by_url_get_the_vectors_of_their_bytes_in_every_request_shape(server, site, demo_pictures):
    first, second = demo_pictures[:2]
    status, answer = embed(server, data_url(first), "a red house", data_url(second))
    assert status == 200
    expected = [entry["embedding"] for entry in answer["data"]]
    urls = [f"{site.url}/{path.name}?size=full" for path in (first, second)]
    for one, other in ((linked(urls[0]), {"image": urls[1]}), ({"type": "image_url", "image_url": urls[0]}, {"type": "input_image", "image_url": urls[1]}),
                       ({"content": [linked(urls[0])]}, {"type": "image", "value": urls[1]})):
        status, answer = embed(server, one, "a red house", other)
        assert status == 200 and [entry["embedding"] for entry in answer["data"]] == expected, answer
    status, answer = embed(server, urls[0], urls[1], modality="image")
    assert status == 200 and [entry["embedding"] for entry in answer["data"]] == [expected[0], expected[2]], answer

    cohere = {"model": "clip", "input_type": "image", "embedding_types": ["float"]}
    for inputs in ({"images": urls}, {"inputs": [{"content": [linked(url)]} for url in urls]}):
        status, answer = call("POST", server.url + "/v2/embed", {**cohere, **inputs})
        assert status == 200 and answer["embeddings"]["float"] == [expected[0], expected[2]], answer
        assert [image["format"] for image in answer["images"]] == ["jpeg", "jpeg"] and answer["meta"]["billed_units"]["images"] == 2
    status, answer = call("POST", server.url + "/hugging_face/clip", {"inputs": [linked(urls[0])]})
    assert status == 200 and answer == [expected[0]]
    status, answer = call("POST", server.url + "/_inference/embedding/clip", {"input": [linked(urls[0])]})
    assert status == 200 and answer["embeddings"][0]["embedding"] == expected[0]
    status, answer = call("POST", server.url + "/v1/classify", {"model": "clip", "labels": ["house", "pool"], "input": [linked(urls[0])]})
    assert status == 200 and len(answer["data"]) == 1
    status, answer = call("POST", server.url + "/_inference/rerank/clip", {"query": linked(urls[0]), "input": ["a house", linked(urls[0])]})
    assert status == 200 and answer["rerank"][0]["index"] == 1
    assert not any(field in fields for fields in site.fields for field in ("Authorization", "Cookie", "Referer"))


@pytest.mark.parametrize("way", ["chunked", "gzip"])
def test_framing_and_compression_change_nothing(server, site, demo_pictures, way):
    path = demo_pictures[2]
    expected = embed(server, data_url(path))[1]["data"][0]["embedding"]
    status, answer = embed(server, linked(f"{site.url}/{way}/{path.name}"))
    assert status == 200 and answer["data"][0]["embedding"] == expected, answer


@pytest.mark.parametrize("path, status, reason", [
    ("absent.jpg", 400, "{host} answered 404 instead of a picture"),
    ("redirect/", 400, "{host} answered 302: redirects are not followed"),
    ("error/", 502, "{host} answered 503 instead of a picture"),
    ("html/", 400, "{host} sent HTML, not a JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF picture"),
    ("truncated/000000.jpg", 502, "no picture from {host}: "),
    ("half/000000.jpg", 400, ""),  # a whole answer, half a JPEG: as if it had been sent
    ("huge/", 413, "the picture at {host} has more than 200000 bytes, the limit"),
    ("endless/", 413, "the picture at {host} has more than 200000 bytes, the limit"),
    ("bomb/", 413, "the picture at {host} has more than 200000 bytes, the limit"),
])
def test_what_is_no_picture_fails_with_its_input_its_host_and_the_reason(server, site, demo_pictures, path, status, reason):
    assert_refused(server, site, demo_pictures, path, status, reason)


@pytest.mark.parametrize("path, reason", [
    ("silent/", "{host} did not send the picture in time (at most 1000 ms, --picture-url-timeout)"),
    ("slow/000000.jpg", "{host} did not send the picture in time"),
])
def test_what_does_not_come_in_time_fails_too(hasty, site, demo_pictures, path, reason):
    assert_refused(hasty, site, demo_pictures, path, 502, reason)


def assert_refused(server, site, demo_pictures, path, status, reason):
    answered, answer = embed(server, "a house", data_url(demo_pictures[0]), linked(f"{site.url}/{path}?token=secret-of-the-query"))
    assert answered == status, answer
    place = f"input 2 [{site.host}]: " if path.startswith("half") else "input 2: "
    assert message(answer).startswith(place + reason.format(host=site.host)), answer
    assert "secret" not in json.dumps(answer)
    assert "all of it" not in site.reached
    assert embed(server, "a house")[0] == 200


def test_outcomes_are_counted(server, site):
    before = fetches(server)
    for path in ("absent.jpg", "000000.jpg", "000001.jpg", "html/"):
        embed(server, linked(f"{site.url}/{path}"))
    after = fetches(server)
    assert {outcome: after[outcome] - before.get(outcome, 0) for outcome in after if after[outcome] != before.get(outcome, 0)} == {
        "fetched": 2, "status": 1, "not_a_picture": 1}


@pytest.mark.parametrize("url", ["http://user@{host}/000000.jpg", "http://user:word@{host}/000000.jpg", "http://{host}\\@x/", "ftp://{host}/000000.jpg",
                                 "file:///etc/hostname", "http:///000000.jpg", "http://{host}/a b.jpg"])
def test_urls_with_credentials_or_other_schemes_are_refused_unread(server, site, url):
    before = len(site.reached)
    status, answer = embed(server, linked(url.format(host=site.host)))
    assert status == 400 and message(answer).startswith("input 0: "), answer
    assert len(site.reached) == before


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """Without a list of addresses."""
    running = InferenceServer(tmp_path_factory.mktemp("strict") / "log", ["--allow-picture-urls", "--picture-url-timeout", "5s"])
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("spelling", [spelling for spelling in SPELLINGS if "@" not in spelling])
def test_no_spelling_of_an_address_that_is_not_public_is_fetched_from(strict, site, spelling):
    before = len(site.reached)
    status, answer = embed(strict, linked(f"http://{spelling.format(port=site.server_port)}/000000.jpg"))
    assert status in (400, 502) and message(answer).startswith("input 0: "), answer
    assert len(site.reached) == before


def test_the_servers_own_ports_are_no_exception(strict):
    status, answer = embed(strict, linked(strict.url + "/health/live"))
    assert status == 400 and "--picture-url-addresses" in message(answer), answer
    assert fetches(strict)["refused_address"] >= 1


def test_without_the_option_a_link_is_refused_and_the_option_is_named(inference, site):
    before = len(site.reached)
    for given in (linked(f"{site.url}/000000.jpg?token=secret"), {"image": f"{site.url}/000000.jpg?token=secret"}):
        status, answer = embed(inference, given)
        assert status == 400 and "--allow-picture-urls" in message(answer) and "secret" not in message(answer), answer
    status, answer = call("POST", inference.url + "/v2/embed", {"model": "clip", "input_type": "image", "images": [f"{site.url}/000000.jpg"]})
    assert status == 400 and answer["message"].startswith("image 0: ") and "--allow-picture-urls" in answer["message"], answer
    assert len(site.reached) == before


def test_https_needs_a_trusted_certificate(demo_pictures, tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.sign("pictures", 8001)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    site = Pictures(demo_pictures[:1], context)
    options = ["--allow-picture-urls", "--picture-url-addresses", "127.0.0.0/8"]
    try:
        url = f"{site.url}/{demo_pictures[0].name}"
        trusting = InferenceServer(tmp_path / "trusting.log", [*options, "--picture-url-ca-file", authority.certificate])
        try:
            expected = embed(trusting, data_url(demo_pictures[0]))[1]["data"][0]["embedding"]
            status, answer = embed(trusting, linked(url))
            assert status == 200 and answer["data"][0]["embedding"] == expected, answer
        finally:
            assert trusting.stop() == 0
        doubting = InferenceServer(tmp_path / "doubting.log", options)
        try:
            status, answer = embed(doubting, linked(url))
            assert status == 502 and "certificate" in message(answer), answer
        finally:
            assert doubting.stop() == 0
    finally:
        site.close()


def test_many_slow_pictures_hold_up_no_other_request_and_end_with_their_client(server, site, demo_pictures):
    place = urllib.parse.urlsplit(server.url)
    before, outcomes = len(site.reached), fetches(server)
    body = json.dumps({"model": "clip", "input": [linked(f"{site.url}/silent/?{i}") for i in range(20)]}).encode()
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    clients = [socket.create_connection((place.hostname, place.port), timeout=20) for _ in range(12)]  # more than there are workers
    for client in clients:
        client.sendall(head + body)
    site.await_reached(before + 8)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for status, _ in pool.map(lambda i: embed(server, f"house {i}", data_url(demo_pictures[i % 8])), range(16)):
            assert status == 200
    for client in clients:
        client.close()
    # None has come to its time-out, 30 s.
    eventually(lambda: sum(fetches(server).values()) - sum(outcomes.values()) == 12 * 20)
    assert fetches(server).get("timeout", 0) == outcomes.get("timeout", 0)
    expected = embed(server, data_url(demo_pictures[0]))[1]
    status, answer = embed(server, linked(f"{site.url}/{demo_pictures[0].name}"))
    assert status == 200 and answer["data"][0]["embedding"] == expected["data"][0]["embedding"], answer


def test_equal_bytes_have_one_cached_vector_whatever_their_urls(server, site, demo_pictures):
    path = demo_pictures[5]
    embed(server, data_url(path))

    def cached():
        with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return float(re.search(r'sightline_vector_cache_entries\{modality="image"\} (\S+)', text)[1])

    before = cached()
    for i in range(3):
        assert embed(server, linked(f"{site.url}/{path.name}?{i}"))[0] == 200
    assert cached() == before


def test_pictures_by_url_reach_cohere_as_bytes(site, demo_pictures, tmp_path):
    stand_in = StandIn(tmp_path / "cohere.log")
    running = InferenceServer(tmp_path / "log", ["--cohere", "--cohere-url", stand_in.url, "--allow-picture-urls", "--picture-url-addresses", "127.0.0.1"])
    try:
        body = {"model": "embed-english-v3.0", "input_type": "image", "embedding_types": ["float"]}
        key = {"Authorization": "Bearer any"}
        by_bytes = call("POST", running.url + "/v2/embed", {**body, "images": [data_url(demo_pictures[0])]}, headers=key)
        by_url = call("POST", running.url + "/v2/embed", {**body, "images": [f"{site.url}/{demo_pictures[0].name}"]}, headers=key)
        assert by_bytes[0] == by_url[0] == 200, by_url
        assert by_bytes[1]["embeddings"] == by_url[1]["embeddings"] and by_bytes[1]["images"] == by_url[1]["images"]
    finally:
        assert running.stop() == 0
        assert stand_in.stop() == 0


def test_a_document_may_give_its_picture_by_url(site, demo_pictures, tmp_path):
    running = Sightline(tmp_path / "data", tmp_path / "log", options=["--allow-picture-urls", "--picture-url-addresses", "127.0.0.1"])
    try:
        assert running.register("--models", "clip").returncode == 0
        status, answer = running.es("PUT", "/links", {"settings": {"index": {"default_pipeline": "clip-images"}}, "mappings": {"properties": {
            "image_data": {"type": "keyword"}, "image_embedding": {"type": "dense_vector", "dims": 128}}}})
        assert status == 200, answer
        status, answer = running.es("PUT", "/links/_doc/1?refresh=true", {"image_name": "one", "image_data": f"{site.url}/{demo_pictures[0].name}"})
        assert status == 201, answer
        stored = running.es("GET", "/links/_doc/1?_source_exclude_vectors=false")[1]["_source"]["image_embedding"]
        expected = embed(running, data_url(demo_pictures[0]))[1]["data"][0]["embedding"]
        assert max(abs(a - b) for a, b in zip(stored, expected, strict=True)) < 1e-5
        status, answer = running.es("PUT", "/links/_doc/2", {"image_name": "two", "image_data": f"{site.url}/absent.jpg"})
        assert status == 400 and "answered 404 instead of a picture" in json.dumps(answer), answer
        assert running.es("GET", "/links/_doc/2")[0] == 404
    finally:
        assert running.stop() == 0
