"""Which addresses calls of inference endpoints may go to."""

import http.server
import json
import socket
import threading

import pytest

from conftest import Sightline

# Loopback, unspecified, private, link-local and metadata addresses, as URLs can spell them. {port}: of a server that listens on loopback.
SPELLINGS = [
    "127.0.0.1:{port}", "127.1:{port}", "127.0.1:{port}", "127.0.0.2:{port}", "2130706433:{port}", "0x7f000001:{port}", "0x7f.0.0.1:{port}", "0x7f.1:{port}",
    "0177.0.0.1:{port}", "0177.1:{port}", "017700000001:{port}", "127.0.0.1.:{port}", "localhost:{port}", "LOCALHOST:{port}", "localhost.:{port}",
    "0.0.0.0:{port}", "0:{port}", "0x0:{port}", "00000000:{port}", "[::1]:{port}", "[0:0:0:0:0:0:0:1]:{port}", "[::]:{port}", "[::ffff:127.0.0.1]:{port}",
    "[::ffff:7f00:1]:{port}", "[0:0:0:0:0:ffff:127.0.0.1]:{port}", "[::127.0.0.1]:{port}", "[64:ff9b::7f00:1]:{port}", "[2002:7f00:1::]:{port}",
    "user@127.0.0.1:{port}", "user:word@127.0.0.1:{port}", "169.254.169.254", "169.254.169.254:80", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fc00::1]",
]


@pytest.fixture(scope="module")
def listening():
    """A server on loopback that counts who connects."""
    reached = []

    class Counting(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            reached.append(self.path)
            body = b'{"data":[{"embedding":[1.0,0.0]}]}'
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(302 if self.path == "/elsewhere" else 200)
            if self.path == "/elsewhere":
                self.send_header("Location", "/final")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.reached = reached
    yield server
    server.shutdown()
    server.server_close()


def endpoint(server, url, task="text_embedding"):
    return server.es("PUT", f"/_inference/{task}/tried", {"service": "custom", "service_settings": {
        "url": url, "headers": {"Content-Type": "application/json"}, "request": '{"input": ${input}}',
        "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}}, "secret_parameters": {}}})


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    server = Sightline(folder / "data", folder / "log", endpoint_addresses=None)
    yield server
    assert server.stop() == 0


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_an_address_that_is_not_public_is_called(strict, listening, spelling):
    listening.reached.clear()
    status, body = endpoint(strict, f"http://{spelling.format(port=listening.server_port)}/v1/embeddings")
    assert status == 400, body
    assert not listening.reached
    assert strict.es("GET", "/_inference/tried")[0] == 404


def test_the_refusal_names_the_address_and_the_option(strict, listening):
    _, body = endpoint(strict, f"http://127.1:{listening.server_port}/")
    text = json.dumps(body)
    assert f"the address 127.0.0.1:{listening.server_port} is neither public nor this server's" in text and "--endpoint-addresses" in text


def test_a_name_is_judged_by_the_address_it_resolves_to(strict, listening):
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        pytest.skip("this machine's name does not resolve")
    assert endpoint(strict, f"http://{name}:{listening.server_port}/")[0] == 400 and not listening.reached


def test_the_servers_own_address_needs_no_list(strict):
    assert strict.register("--models", "clip").returncode == 0


def test_a_listed_address_is_called_and_redirects_are_not_followed(tmp_path, listening):
    server = Sightline(tmp_path / "data", tmp_path / "log", endpoint_addresses=f"127.0.0.1:{listening.server_port}")
    try:
        listening.reached.clear()
        assert endpoint(server, f"http://127.0.0.1:{listening.server_port}/v1/embeddings")[0] == 200
        assert endpoint(server, f"http://127.0.0.1:{listening.server_port}/elsewhere")[0] != 200
        assert "/v1/embeddings" in listening.reached and "/final" not in listening.reached
    finally:
        assert server.stop() == 0
