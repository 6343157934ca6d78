"""TLS at both ports: what is offered and refused, certificates that change, clients' certificates, silent peers."""

import csv
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest
from elasticsearch import AuthenticationException, AuthorizationException, Elasticsearch

from authority import Authority, put_in_place
from conftest import BIN, DEMO, ROOT, Sightline, run, wait_for

MODEL = f"clip={DEMO}/models/demo-clip"


def address(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def context_of(authority, **settings):
    context = ssl.create_default_context(cafile=str(authority.certificate))
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def ask(url, path, context, method="GET", body=None, headers=None):
    connection = http.client.HTTPSConnection(*address(url), context=context, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def embed(url, context, *texts):
    return ask(url, "/v1/embeddings", context, "POST", json.dumps({"model": "clip", "input": texts}), {"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def secure(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secure")
    put_in_place(*authority.sign("one", 1001), folder)
    server = Sightline(folder / "data", folder / "log", options=["--tls-certificate", folder / "server.crt", "--tls-key", folder / "server.key", "--header-timeout", "2s"])
    server.folder = folder
    yield server
    assert server.stop() == 0


def test_both_ports_speak_https(secure, authority):
    context = context_of(authority)
    assert secure.url.startswith("https://127.0.0.1:") and secure.elasticsearch.startswith("https://127.0.0.1:")
    status, body = embed(secure.url, context, "a red house", "a kitchen")
    assert status == 200 and len(json.loads(body)["data"]) == 2
    status, body = ask(secure.elasticsearch, "/", context)
    assert status == 200 and json.loads(body)["version"]["number"]
    status, body = ask(secure.url, "/elasticsearch/_cluster/health", context)
    assert status == 200 and json.loads(body)["status"] in ("green", "yellow")


def test_large_bodies_pass_both_ways(secure, authority):
    context = context_of(authority)
    lines = "".join(json.dumps({"index": {"_id": str(n)}}) + "\n" + json.dumps({"text": f"{n} " + "x" * 10_000}) + "\n" for n in range(1000))
    status, body = ask(secure.elasticsearch, "/wide/_bulk?refresh=true", context, "POST", lines, {"Content-Type": "application/x-ndjson"})
    assert status == 200 and json.loads(body)["errors"] is False
    status, body = ask(secure.elasticsearch, "/wide/_search?size=1000", context)
    hits = json.loads(body)["hits"]["hits"]
    assert status == 200 and len(hits) == 1000
    assert all(hit["_source"]["text"] == f"{hit['_id']} " + "x" * 10_000 for hit in hits)


def test_requests_sent_ahead_and_in_pieces_are_answered_in_order(secure, authority):
    with socket.create_connection(address(secure.url)) as plain, context_of(authority).wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        text = b"".join(b"GET /health/live?%d HTTP/1.1\r\nHost: h\r\nX-Request-Id: request-%d\r\n\r\n" % (n, n) for n in range(50))
        for at in range(0, len(text), 7):
            connection.sendall(text[at:at + 7])
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 200") == 51
    ids = [line.split(b": ")[1] for line in received.split(b"\r\n") if line.lower().startswith(b"x-request-id: request-")]
    assert ids == [b"request-%d" % n for n in range(50)]


def test_plain_http_gets_an_answer_that_says_what_to_do(secure):
    for url in (secure.url, secure.elasticsearch):
        connection = http.client.HTTPConnection(*address(url), timeout=30)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 400 and b"this port requires TLS: use https:// in the URL" in answer.read()
        connection.close()


def test_only_good_protocols_and_ciphers_are_offered(secure, authority):
    def ciphers(version, names):
        found = []
        for name in names:
            context = context_of(authority, minimum_version=version, maximum_version=version)
            context.set_ciphers(name + ":@SECLEVEL=0")
            try:
                with socket.create_connection(address(secure.url)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                    found.append(connection.cipher()[0])
            except (ssl.SSLError, ConnectionError):
                pass
        return set(found)

    every = [cipher["name"] for cipher in ssl.create_default_context().get_ciphers()] + ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"]
    of_1_2 = ciphers(ssl.TLSVersion.TLSv1_2, [name for name in every if not name.startswith("TLS_")])
    assert of_1_2 == {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"}
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        assert ciphers(version, ["ALL"]) == set()
    context = context_of(authority)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(address(secure.url)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        assert connection.version() == "TLSv1.3" and connection.selected_alpn_protocol() == "http/1.1"
    context = context_of(authority)
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(address(secure.url)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        assert connection.selected_alpn_protocol() is None


def test_silent_peers_hold_nobody_up_and_are_closed(secure, authority):
    context = context_of(authority)
    silent = [socket.create_connection(address(secure.url)) for _ in range(200)]
    half = []
    for _ in range(50):  # the beginning of a handshake, and no more
        connection = socket.create_connection(address(secure.url))
        connection.sendall(bytes.fromhex("1603010200010001fc0303"))
        half.append(connection)
    times = []
    for _ in range(30):
        began = time.monotonic()
        assert ask(secure.url, "/health/live", context)[0] == 200
        times.append(time.monotonic() - began)
    assert sorted(times)[len(times) // 2] < 1
    for connection in silent + half:
        connection.settimeout(20)
        assert connection.recv(1) == b""
        connection.close()


def test_a_connection_that_breaks_within_tls_harms_nobody(secure, authority):
    context = context_of(authority)
    for garbage in (b"\x16\x03\x01" + bytes(200), b"\x80\x2e\x01\x00\x02", bytes(range(256)), b"\x15\x03\x03\x00\x02\x02\x28"):
        with socket.create_connection(address(secure.url)) as connection:
            connection.sendall(garbage)
            connection.settimeout(20)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionError:
                pass
    for cut in (10, 60, 200):  # within a request's records
        plain = socket.create_connection(address(secure.url))
        connection = context.wrap_socket(plain, server_hostname="127.0.0.1")
        connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + b"x" * cut)
        connection.close()
    assert ask(secure.url, "/health/ready", context)[0] == 200


def test_the_whole_set_up_runs_over_tls_with_keys(authority, tmp_path, demo_pictures, demo_rows):
    put_in_place(*authority.sign("server", 4001), tmp_path)
    make = [ROOT / "scripts/make_api_key.sh", "--file", tmp_path / "keys"]
    keys = {name: subprocess.run([*make, "--scopes", scopes, name], check=True, capture_output=True, text=True, timeout=30).stdout.strip()
            for name, scopes in (("endpoints", "infer"), ("operator", "search,ingest,manage,infer"), ("reader", "search"))}
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for picture in demo_pictures[:5]:
        (pictures / picture.name).write_bytes(picture.read_bytes())
    server = Sightline(tmp_path / "data", tmp_path / "log", options=[
        "--tls-certificate", tmp_path / "server.crt", "--tls-key", tmp_path / "server.key", "--api-key-file", tmp_path / "keys"])
    server.settings = {"ELASTICSEARCH_CA_FILE": str(authority.certificate), "SIGHTLINE_CA_FILE": str(authority.certificate),
                       "ELASTICSEARCH_API_KEY": keys["operator"], "SIGHTLINE_API_KEY": keys["endpoints"]}
    try:
        registered = server.register("--models", "clip")
        assert registered.returncode == 0, registered.stdout + registered.stderr
        loaded = run([BIN / "sightline-ingest", pictures, "--index", "clip-images", "--env-file", "/dev/null"], server.environment())
        assert loaded.returncode == 0, loaded.stdout + loaded.stderr
        found = run([ROOT / "scripts/search.sh", "--env-file", "/dev/null", "--size", "3", "a", "red", "house"],
                    {**server.environment(), "ELASTICSEARCH_API_KEY": keys["operator"]})
        assert found.returncode == 0 and len(found.stdout.splitlines()) >= 3, found.stdout + found.stderr
        with open(tmp_path / "table.csv", "w", newline="", encoding="utf-8") as out:
            rows = [demo_rows[picture.name] for picture in demo_pictures[:5]]
            table = csv.DictWriter(out, rows[0].keys())
            table.writeheader()
            table.writerows(rows)
        measured = run([BIN / "sightline-eval", tmp_path / "table.csv", "--pictures", pictures, "--model", "clip", "--env-file", "/dev/null", "--quiet"],
                       server.environment())
        assert measured.returncode == 0, measured.stdout + measured.stderr
        client = Elasticsearch(server.elasticsearch, api_key=keys["reader"], ca_certs=str(authority.certificate))
        assert client.count(index="clip-images")["count"] == 5
        with pytest.raises(AuthorizationException):
            client.index(index="clip-images", document={"image_name": "x"})
        client.close()
        client = Elasticsearch(server.elasticsearch, basic_auth=("elastic", keys["operator"]), ca_certs=str(authority.certificate))
        assert client.indices.delete(index="clip-images")["acknowledged"]
        client.close()
        client = Elasticsearch(server.elasticsearch, ca_certs=str(authority.certificate))
        with pytest.raises(AuthenticationException):
            client.info()
        client.close()
        wait_for("audit: key [operator] from 127.0.0.1: DELETE /clip-images", server.log)
        wait_for("audit: key [operator] from 127.0.0.1: PUT /_inference/", server.log)
    finally:
        assert server.stop() == 0
    log = server.log.read_text()  # whole
    assert not any(key in log for key in keys.values())


def serial_of(url, context):
    with socket.create_connection(address(url)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        return int(connection.getpeercert()["serialNumber"], 16)


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def test_a_certificate_changes_under_load_without_a_failed_request(secure, authority):
    context = context_of(authority)
    failures, count, done = [], [0], threading.Event()

    def load(keeps):
        connection = None
        while not done.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPSConnection(*address(secure.url), context=context, timeout=60)
                connection.request("GET", "/health/live")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    failures.append(answer.status)
                count[0] += 1
            except Exception as error:  # noqa: BLE001: every kind is a failure
                failures.append(repr(error))
                connection = None
            if connection and not keeps:
                connection.close()
                connection = None

    threads = [threading.Thread(target=load, args=(n % 2 == 0,)) for n in range(6)]
    for thread in threads:
        thread.start()
    try:
        for serial in (1002, 1003, 1004):
            put_in_place(*authority.sign(f"number-{serial}", serial), secure.folder)
            wait_until(lambda: serial_of(secure.url, context) == serial and serial_of(secure.elasticsearch, context) == serial)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures and count[0] > 100
    wait_for("reloaded the certificate", secure.log)


def test_a_wrong_new_certificate_leaves_the_old_one(secure, authority):
    context = context_of(authority)
    before = serial_of(secure.url, context)
    (secure.folder / "server.crt").write_text("no certificate\n")
    wait_for("the certificate is unchanged", secure.log)
    assert serial_of(secure.url, context) == before
    put_in_place(*authority.sign("last", 1005), secure.folder)
    wait_until(lambda: serial_of(secure.url, context) == 1005)


def test_clients_certificates_are_checked(authority, tmp_path):
    put_in_place(*authority.sign("server", 2001), tmp_path)
    clients = Authority(tmp_path, "clients")
    strangers = Authority(tmp_path, "strangers")
    server = Sightline(tmp_path / "data", tmp_path / "log", options=[
        "--tls-certificate", tmp_path / "server.crt", "--tls-key", tmp_path / "server.key", "--tls-client-ca", clients.certificate])

    def status(pair):
        context = context_of(authority)
        if pair:
            context.load_cert_chain(*map(str, pair))
        try:
            return [ask(url, path, context)[0] for url, path in ((server.url, "/health/live"), (server.elasticsearch, "/"))]
        except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
            return None

    try:
        good = clients.sign("good", 1)
        assert status(good) == [200, 200]
        assert status(None) is None
        assert status(strangers.sign("stranger", 2)) is None
        assert status(clients.sign("expired", 3, expired=True)) is None
        assert status(good) == [200, 200]
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("change, message", [
    ("missing", "server.crt: No such file or directory"),
    ("folder", "server.crt: it is a folder"),
    ("text", "server.crt: no certificate in PEM"),
    ("expired", "server.crt: the certificate has expired"),
    ("no key", "server.key: No such file or directory"),
    ("other key", "server.key: not the key of the certificate"),
    ("passphrase", "server.key: no private key in PEM without a passphrase"),
    ("client ca", "clients.crt: no certificate in PEM"),
])
def test_what_is_wrong_with_the_files_is_said_at_the_start(authority, tmp_path, change, message):
    put_in_place(*authority.sign("server", 3001, expired=change == "expired"), tmp_path)
    certificate, key, client_ca = tmp_path / "server.crt", tmp_path / "server.key", tmp_path / "clients.crt"
    options = []
    if change in ("missing", "folder"):
        certificate.unlink()
        if change == "folder":
            certificate.mkdir()
    elif change == "text":
        certificate.write_text("-----BEGIN NOTHING-----\n")
    elif change == "no key":
        key.unlink()
    elif change == "other key":
        key.write_bytes(authority.sign("other", 3002)[1].read_bytes())
    elif change == "passphrase":
        Authority.openssl("ec", "-aes256", "-passout", "pass:secret", "-in", key, "-out", tmp_path / "locked.key")
        key.write_bytes((tmp_path / "locked.key").read_bytes())
    elif change == "client ca":
        client_ca.write_text("nothing\n")
        options = ["--tls-client-ca", client_ca]
    done = subprocess.run([str(part) for part in (BIN / "sightline-server", "--port", "0", "--model", MODEL, "--tls-certificate", certificate, "--tls-key", key, *options)],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and f"TLS: {tmp_path}/{message}" in done.stderr


@pytest.mark.parametrize("options, message", [
    (["--tls-certificate", "a.crt"], "--tls-certificate: must be set together with --tls-key"),
    (["--tls-key", "a.key"], "--tls-certificate: must be set together with --tls-key"),
    (["--tls-client-ca", "ca.crt"], "--tls-client-ca: requires --tls-certificate and --tls-key"),
])
def test_options_that_need_each_other(options, message):
    done = subprocess.run([str(BIN / "sightline-server"), "--port", "0", "--model", MODEL, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.splitlines()[0] == message
