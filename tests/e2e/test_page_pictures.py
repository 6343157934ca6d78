"""GET /pictures: the pictures of documents and their thumbnails, on the inference port."""

import base64
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import struct
import threading
import urllib.parse
import zlib

import pytest

from conftest import Cluster, ROOT, Sightline, TEST_CLUSTER, running

GUARDS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
          "Cross-Origin-Resource-Policy": "same-origin"}


def fetch(server, path, method="GET", **headers):
    """(status, headers, body) of a request to the inference port."""
    host = urllib.parse.urlsplit(server.url).netloc
    connection = http.client.HTTPConnection(host, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def message(answer):
    return json.loads(answer[2])["error"]["message"]


def put(server, index, doc_id, picture, field="image_data"):
    status, body = server.es("PUT", f"/{index}/_doc/{urllib.parse.quote(doc_id, safe='')}",
                             {field: base64.b64encode(picture).decode(), "image_name": doc_id})
    assert status in (200, 201), body


def size_of(jpeg):
    """Width and height by a JPEG's frame header."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(jpeg[at + 2:at + 4], "big")
    return int.from_bytes(jpeg[at + 7:at + 9], "big"), int.from_bytes(jpeg[at + 5:at + 7], "big")


def large_png():
    """A PNG of 3000 x 2000 pixels; bytes behind its end make others of it."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x * 7 + y) & 255 for x in range(3000)) * 3 for y in range(40)) * 50
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 3000, 2000, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def metric(server, line):
    """The value of a sample by its name and labels; 0: it is not there yet."""
    text = fetch(server, "/metrics")[2].decode()
    return next((float(row[len(line) + 1:]) for row in text.splitlines() if row.startswith(line + " ")), 0)


def test_pictures_and_thumbnails_of_documents(server, demo_pictures):
    picture = next(path for path in demo_pictures if path.suffix == ".jpg").read_bytes()
    doc_id = "rooms/größe %2F?.jpg"
    put(server, "rooms", doc_id, picture)
    path = f"/pictures/rooms/{urllib.parse.quote(doc_id, safe='')}"

    status, headers, body = fetch(server, path)
    assert (status, body, headers["Content-Type"]) == (200, picture, "image/jpeg")
    assert {name: headers[name] for name in GUARDS} == GUARDS

    status, headers, small = fetch(server, path + "?size=160")
    assert (status, headers["Content-Type"], max(size_of(small))) == (200, "image/jpeg", 160)
    assert headers["Cache-Control"] == "private, no-cache"
    assert {name: headers[name] for name in GUARDS} == GUARDS
    assert fetch(server, path + "?size=150")[2] == small
    assert "immutable" in fetch(server, path + "?size=160&v=1-0")[1]["Cache-Control"]

    status, _, body = fetch(server, path + "?size=160", If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"")
    status, of_head, body = fetch(server, path + "?size=160", method="HEAD")
    assert (status, body, of_head["Content-Length"]) == (200, b"", str(len(small)))
    assert fetch(server, path, method="POST")[0] == 405

    other = demo_pictures[7].read_bytes()
    put(server, "rooms", doc_id, other)
    status, headers, body = fetch(server, path + "?size=160", If_None_Match=headers["ETag"])
    assert status == 200 and body != small
    assert fetch(server, path)[2] == other

    assert server.es("DELETE", f"/rooms/_doc/{urllib.parse.quote(doc_id, safe='')}")[0] == 200
    answer = fetch(server, path + "?size=160")
    assert answer[0] == 404 and message(answer) == f"index [rooms] has no document [{doc_id}]"
    assert {name: answer[1][name] for name in GUARDS} == GUARDS


@pytest.mark.parametrize("name, kind", [("heif_orientation_6.heic", "image/heic"), ("heif_orientation_6.avif", "image/avif")])
def test_a_phones_picture_has_an_upright_jpeg_as_thumbnail(server, name, kind):
    picture = (ROOT / "tests/fixtures/images" / name).read_bytes()
    put(server, "phones", name, picture)
    path = f"/pictures/phones/{name}"
    status, headers, body = fetch(server, path)
    assert (status, body, headers["Content-Type"]) == (200, picture, kind)
    status, headers, small = fetch(server, path + "?size=160")
    assert (status, headers["Content-Type"], size_of(small)) == (200, "image/jpeg", (48, 64))


def test_an_index_made_anew_and_an_alias_show_what_is_there_now(server, demo_pictures):
    first, second = (path.read_bytes() for path in demo_pictures[:2])
    put(server, "houses", "1", first)
    old = fetch(server, "/pictures/houses/1?size=160")[2]
    assert server.es("DELETE", "/houses")[0] == 200
    assert fetch(server, "/pictures/houses/1?size=160")[0] == 404
    put(server, "houses", "1", second)
    new = fetch(server, "/pictures/houses/1?size=160")[2]
    assert new != old
    put(server, "castles", "1", first)
    for index, expected in (("houses", new), ("castles", old)):
        actions = [{"remove": {"index": "houses", "alias": "shown"}}] if index == "castles" else []
        assert server.es("POST", "/_aliases", {"actions": [*actions, {"add": {"index": index, "alias": "shown"}}]})[0] == 200
        assert fetch(server, "/pictures/shown/1?size=160")[2] == expected


def test_what_is_no_picture_is_refused_and_never_served_as_something_active(server, demo_pictures):
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    cut = demo_pictures[0].read_bytes()[:2000]
    for content, words in ((script, "contains no JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF"), (b"<html><script>1</script>", "contains no JPEG"),
                           (cut, "JPEG ends after 2,000 bytes")):
        put(server, "houses", "1", content)
        answer = fetch(server, "/pictures/houses/1?size=160")
        assert answer[0] == 422 and words in message(answer)
        assert answer[1]["Content-Type"] == "application/json" and answer[1]["Cache-Control"] == "no-store"
        assert {name: answer[1][name] for name in GUARDS} == GUARDS
    assert fetch(server, "/pictures/houses/1?size=160&field=image_name")[0] in (404, 422)
    answer = fetch(server, "/pictures/houses/1?field=absent.field")
    assert answer[0] == 404 and "has no value in field [absent.field]" in message(answer)
    answer = fetch(server, "/pictures/nowhere/1")
    assert answer[0] == 404 and "no such index [nowhere]" in message(answer)
    for path in ("/pictures/houses/1?size=9999", "/pictures/houses/1?position=x", "/pictures/houses/1?sizes=160"):
        assert fetch(server, path)[0] == 400


def test_thumbnails_outlive_a_restart_and_damage(tmp_path, demo_pictures):
    server = Sightline(tmp_path / "data", tmp_path / "server.log")
    try:
        put(server, "houses", "1", demo_pictures[0].read_bytes())
        put(server, "houses", "2", demo_pictures[1].read_bytes())
        before = [fetch(server, f"/pictures/houses/{number}?size=320")[2] for number in (1, 2)]
    finally:
        assert server.stop() == 0
    files = sorted(path for path in (tmp_path / "data/pictures").iterdir() if path.name != "lock")
    assert len(files) == 2 and all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    files[0].write_bytes(files[0].read_bytes()[:-1] + b"x")
    server = Sightline(tmp_path / "data", tmp_path / "server.log")
    try:
        assert [fetch(server, f"/pictures/houses/{number}?size=320")[2] for number in (1, 2)] == before
        assert metric(server, 'sightline_pictures_total{from="disk"}') == 1
        assert metric(server, 'sightline_pictures_total{from="made"}') == 1
        assert metric(server, 'sightline_picture_cache_bytes{place="disk"}') > 0
    finally:
        assert server.stop() == 0


def test_with_api_keys_the_key_has_a_field_of_its_own(tmp_path, demo_pictures):
    (tmp_path / "keys").write_text("a-key-of-this-server\n")
    (tmp_path / "keys").chmod(0o600)
    with running("embedded", tmp_path, ["--api-key-file", tmp_path / "keys"]) as server:
        document = {"image_data": base64.b64encode(demo_pictures[0].read_bytes()).decode(), "image_name": "1"}
        assert server.es("PUT", "/houses/_doc/1", document)[0] == 401
        key = {"Authorization": "ApiKey a-key-of-this-server"}
        assert server.es("PUT", "/houses/_doc/1", document, headers=key)[0] == 201
        assert fetch(server, "/pictures/houses/1?size=160")[0] == 401
        assert fetch(server, "/pictures/houses/1?size=160", Sightline_Key="wrong")[0] == 401
        assert fetch(server, "/pictures/houses/1?size=160", Sightline_Key="a-key-of-this-server", Authorization="ApiKey x")[0] == 200


class KeyedCluster(http.server.ThreadingHTTPServer):
    """Stands before a cluster and lets in who has a key: `reader` reads all, `writer` too, `other` nothing of houses."""

    def __init__(self, behind):
        self.behind = urllib.parse.urlsplit(behind).netloc
        super().__init__(("127.0.0.1", 0), KeyedHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class KeyedHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = (self.headers.get("Authorization") or "").removeprefix("ApiKey ")
        status = 401 if key not in ("reader", "writer", "other") else 403 if key == "other" and self.path.startswith("/houses") else 0
        if status:
            reply = json.dumps({"error": {"type": "security_exception", "reason": f"[{key}] may not read"}, "status": status}).encode()
            kind = "application/json"
        else:
            connection = http.client.HTTPConnection(self.server.behind, timeout=30)
            with contextlib.closing(connection):
                sent = {name: value for name, value in self.headers.items() if name in ("Content-Type", "Accept")}
                connection.request(self.command, self.path, body or None, sent)
                behind = connection.getresponse()
                status, reply, kind = behind.status, behind.read(), behind.headers.get("Content-Type", "application/json")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("X-elastic-product", "Elasticsearch")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_PUT = do_POST = do_DELETE = answer


@pytest.mark.skipif(bool(TEST_CLUSTER), reason="needs a cluster that asks for keys")
def test_a_gateway_shows_each_caller_only_what_that_caller_may_read(tmp_path, demo_pictures):
    with contextlib.ExitStack() as stack:
        store = Cluster(tmp_path / "cluster", tmp_path / "cluster.log")
        stack.callback(store.stop)
        keyed = KeyedCluster(store.url)
        stack.callback(keyed.server_close)
        stack.callback(keyed.shutdown)
        body = json.dumps({"image_data": base64.b64encode(demo_pictures[0].read_bytes()).decode()})
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(keyed.url).netloc)
        connection.request("PUT", "/houses/_doc/1", body, {"Content-Type": "application/json", "Authorization": "ApiKey writer"})
        assert connection.getresponse().status == 201
        connection.close()

        server = Sightline(tmp_path / "data", tmp_path / "server.log", keyed.url, ["--picture-cache-dir", tmp_path / "pictures"])
        stack.callback(server.stop)
        path = "/pictures/houses/1?size=160"
        assert fetch(server, path, Authorization="ApiKey reader")[0] == 200
        assert fetch(server, path, Authorization="ApiKey reader")[0] == 200
        assert metric(server, 'sightline_pictures_total{from="memory"}') == 1
        answer = fetch(server, path, Authorization="ApiKey other")
        assert answer[0] == 403 and "[other] may not read" in message(answer)
        answer = fetch(server, path)
        assert answer[0] == 401 and "Basic" not in answer[1]["WWW-Authenticate"]
        assert fetch(server, path, Authorization="ApiKey writer")[0] == 200
        assert metric(server, 'sightline_pictures_total{from="made"}') == 1


def test_a_server_without_documents_says_so(inference):
    answer = fetch(inference, "/pictures/houses/1")
    assert answer[0] == 404 and "--embedded-elasticsearch" in message(answer)


def test_a_gallery_leaves_queries_their_time(tmp_path, demo_pictures):
    """300 thumbnails of large pictures are asked for at once; embeddings of texts go on beside them."""
    large = large_png()
    with running("embedded", tmp_path) as server:
        for number in range(300):
            put(server, "gallery", str(number), large + str(number).encode() if number % 10 == 0 else demo_pictures[number].read_bytes())

        def query(number):
            body = json.dumps({"model": "clip", "input": f"a red house {number}", "input_type": "query"})
            host = urllib.parse.urlsplit(server.url).netloc
            connection = http.client.HTTPConnection(host, timeout=60)
            with contextlib.closing(connection):
                connection.request("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
                assert connection.getresponse().status == 200

        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            thumbnails = [pool.submit(fetch, server, f"/pictures/gallery/{number}?size=320") for number in range(300)]
            overtaken = []  # for each query: thumbnails that were answered while it waited
            while (done := sum(thumbnail.done() for thumbnail in thumbnails)) < 300:
                query(len(overtaken))
                overtaken.append(sum(thumbnail.done() for thumbnail in thumbnails) - done)
            answers = [thumbnail.result() for thumbnail in thumbnails]
        assert [status for status, _, _ in answers] == [200] * 300
        assert all(max(size_of(body)) <= 320 for _, _, body in answers)
        print(f"{len(overtaken)} queries, thumbnails meanwhile: {sorted(overtaken)[-20:]}")
        # 32 wait at any time: a query that waited for its turn among them would be behind as many.
        overtaken.sort()
        assert overtaken[len(overtaken) // 2] < 8 and overtaken[int(len(overtaken) * 0.99)] < 32
