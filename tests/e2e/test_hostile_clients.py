"""What clients can do to the whole program with connections and heads alone."""

import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from conftest import BIN, DEMO, Program, Sightline, wait_for


class Shelled(Program):
    """The server, started by a line of the shell that ends in `exec "$@"`."""

    def __init__(self, line, data_dir, log):
        super().__init__(["sh", "-c", line, "sh", BIN / "sightline-server", "--model", f"clip={DEMO / 'models/demo-clip'}",
                          "--port", "0", "--elasticsearch-port", "0", "--embedded-elasticsearch", "--data-dir", data_dir], log)
        self.url = self.announced("ready ")
        self.elasticsearch = self.announced("elasticsearch ")


@pytest.fixture(scope="module")
def sightline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    server = Sightline(folder / "data", folder / "server.log")
    yield server
    assert server.stop() == 0


def ask(url, fields, method="GET"):
    """Status, fields and body of one answer."""
    request = urllib.request.Request(url, headers=fields, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def connect(url):
    place = urllib.parse.urlparse(url)
    return socket.create_connection((place.hostname, place.port), timeout=20)


def test_pages_of_other_sites_are_refused_at_both_ports_in_the_shape_of_each(sightline):
    for fields in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
                   {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}):
        status, _, body = ask(sightline.url + "/v1/models", fields)
        assert (status, json.loads(body)["error"]["code"]) == (403, "http_403"), fields
        status, answer_fields, body = ask(sightline.elasticsearch + "/_search?filter_path=**", fields)
        assert (status, json.loads(body)["error"]["type"]) == (403, "security_exception"), fields
        assert answer_fields["X-elastic-product"] == "Elasticsearch"
    for url in (sightline.url + "/health/live", sightline.elasticsearch + "/"):
        status, fields, _ = ask(url, {"Origin": "http://localhost:3000"})
        assert (status, fields["Access-Control-Allow-Origin"]) == (200, "http://localhost:3000")


def test_the_elasticsearch_port_logs_each_request_without_its_query(sightline):
    ask(sightline.elasticsearch + "/_search?_source_includes=squirrel", {"X-Opaque-Id": "trace-7"})
    line = wait_for("id=trace-7", sightline.log)
    assert " info GET /_search 200 " in line
    assert "peer=127.0.0.1" in line
    assert "squirrel" not in sightline.log.read_text()


def test_few_descriptors_and_many_idle_clients_block_no_client_and_cost_nothing(tmp_path):
    server = Shelled('ulimit -n 64; exec "$@"', tmp_path / "data", tmp_path / "server.log")
    try:
        idle = [connect(url) for _ in range(50) for url in (server.url, server.elasticsearch)]

        def spent():
            fields = open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        time.sleep(0.2)
        before = spent()
        time.sleep(1)
        assert spent() - before < 0.5
        assert ask(server.url + "/health/live", {})[0] == 200
        assert ask(server.elasticsearch + "/", {})[0] == 200
        for each in idle:
            each.close()
    finally:
        assert server.stop() == 0


def test_no_socket_gets_the_number_of_a_standard_stream(tmp_path):
    server = Shelled('exec "$@" 0<&- 2>&-', tmp_path / "data", tmp_path / "server.log")
    try:
        for stream in (0, 2):
            assert os.readlink(f"/proc/{server.process.pid}/fd/{stream}") == "/dev/null"
        assert ask(server.url + "/health/live", {})[0] == 200
    finally:
        assert server.stop() == 0
