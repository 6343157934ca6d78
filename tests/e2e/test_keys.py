"""What keys may do per second, and what happens beyond it."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import BIN, DEMO, ROOT, Cluster, InferenceServer, Sightline, run, wait_for

MAKE = [ROOT / "scripts/make_api_key.sh"]


def make_key(file, name, *options):
    done = subprocess.run([str(part) for part in [*MAKE, "--file", file, *options, name]], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask(url, key, body=None):
    """Status, headers and body of one request."""
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body is not None else None,
                                     headers={"Authorization": f"ApiKey {key}", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def refused(url, key, code="rate_limited"):
    """How often the server refused requests with that code."""
    metrics = ask(url + "/metrics", key)[2]
    found = re.search(rf'sightline_requests_refused_total{{code="{code}"}} (\d+)', metrics)
    return int(found[1]) if found else 0


def test_a_key_has_one_rate_for_both_ports_and_slows_no_other_key(tmp_path):
    keys = tmp_path / "keys"
    slow, other = make_key(keys, "slow", "--rate", "0.01"), make_key(keys, "other")
    server = Sightline(tmp_path / "data", tmp_path / "log", options=["--api-key-file", keys])
    try:
        assert ask(server.url + "/v1/models", slow)[0] == 200
        status, headers, body = ask(server.url + "/v1/models", slow)
        assert status == 429 and 95 <= int(headers["Retry-After"]) <= 100
        assert json.loads(body)["error"]["code"] == "rate_limited"
        assert "the key [slow] has sent more requests than its rate allows" in body
        status, headers, body = ask(server.elasticsearch + "/_search", slow, {})
        assert status == 429 and int(headers["Retry-After"]) >= 95
        assert json.loads(body)["error"]["type"] == "es_rejected_execution_exception"
        for path in ("/health/live", "/health/ready", "/openapi.json"):
            assert ask(server.url + path, slow)[0] == 200
        for _ in range(20):
            assert ask(server.url + "/v1/models", other)[0] == 200
        assert refused(server.url, other) == 2
    finally:
        assert server.stop() == 0


def test_a_request_beyond_the_rate_is_refused_before_its_body_is_sent(tmp_path):
    keys = tmp_path / "keys"
    slow = make_key(keys, "slow", "--rate", "0.01")
    server = InferenceServer(tmp_path / "log", ["--api-key-file", keys])
    try:
        assert ask(server.url + "/v1/models", slow)[0] == 200
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=30)
        connection.putrequest("POST", "/v1/embeddings")
        for name, value in (("Authorization", f"Bearer {slow}"), ("Content-Type", "application/json"), ("Content-Length", "10000000")):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 429 and json.loads(answer.read())["error"]["code"] == "rate_limited"
        connection.close()
    finally:
        assert server.stop() == 0


def test_a_key_keeps_its_tokens_when_its_file_is_read_again(tmp_path):
    keys, log = tmp_path / "keys", tmp_path / "log"
    slow = make_key(keys, "slow", "--rate", "0.01")
    server = InferenceServer(log, ["--api-key-file", keys])
    try:
        assert ask(server.url + "/v1/models", slow)[0] == 200
        make_key(keys, "another")
        server.process.send_signal(signal.SIGHUP)
        wait_for("reloaded 2 API keys", log)
        assert ask(server.url + "/v1/models", slow)[0] == 429
        keys.write_text(keys.read_text().replace("rate=0.01", "rate=fast"))
        server.process.send_signal(signal.SIGHUP)
        wait_for("the API keys are unchanged", log)
        wait_for("rate=: [fast] must be a number of requests per second", log)
        keys.write_text(keys.read_text().replace("rate=fast", ""))
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while ask(server.url + "/v1/models", slow)[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        assert server.stop() == 0


def test_rate_limit_is_that_of_keys_without_their_own(tmp_path):
    keys = tmp_path / "keys"
    usual, own = make_key(keys, "usual"), make_key(keys, "own", "--rate", "1000")
    server = InferenceServer(tmp_path / "log", ["--api-key-file", keys, "--rate-limit", "0.01"])
    try:
        assert [ask(server.url + "/v1/models", usual)[0] for _ in range(2)] == [200, 429]
        assert {ask(server.url + "/v1/models", own)[0] for _ in range(10)} == {200}
    finally:
        assert server.stop() == 0


def test_calls_of_endpoints_count_for_the_key_of_the_endpoint(tmp_path):
    keys = tmp_path / "keys"
    operator, endpoints = make_key(keys, "operator"), make_key(keys, "endpoints", "--scopes", "infer", "--rate", "2")
    server = Sightline(tmp_path / "data", tmp_path / "log", options=["--api-key-file", keys])
    server.settings = {"ELASTICSEARCH_API_KEY": operator, "SIGHTLINE_API_KEY": endpoints}
    try:
        registered = server.register("--models", "clip")
        assert registered.returncode == 0, registered.stdout + registered.stderr
        for i in range(5):  # the calls that are refused are sent again a little later
            status, _, body = ask(server.elasticsearch + "/_inference/text_embedding/clip-search", operator, {"input": f"house {i}"})
            assert status == 200, body
        assert refused(server.url, operator) >= 1
    finally:
        assert server.stop() == 0


SPELLINGS = [  # of the index of endpoints, or of all indices with the hidden ones
    "/,/_search?expand_wildcards=all", "/%2C/_search?expand_wildcards=all", "/,,/_count?expand_wildcards=all", "//_search?expand_wildcards=all",
    "/*,-foo/_search?expand_wildcards=all", "/-x/_search?expand_wildcards=all", "/_all/_search?expand_wildcards=all",
    "/_all::data/_search?expand_wildcards=all", "/%5Fall%3A%3Adata/_search?expand_wildcards=ALL", "/.*/_search", "/.SIGHTLINE/_search", "/%2Esightline/_search",
    "/%3C.sightline%3E/_search", "/.sightline::data/_search", "/.sightline/_doc/endpoint:clip-search", "/.sightline/_source/endpoint:clip-search",
    "/_search?index=&expand_wildcards=all", "/_search?index=.sightline", "/_search/template?expand_wildcards=all", "/_rank_eval?expand_wildcards=all",
    "/_field_caps?fields=*&index=.sightline", "/.sightline/_terms_enum", "/_async_search?expand_wildcards=all", "/_cat/indices/.sightline?format=json&h=index,docs",
    "/_resolve/index/.sightline?expand_wildcards=all",
    "/_mget?source_content_type=application/json&source=" + urllib.parse.quote('{"docs":[{"_index":".sightline","_id":"endpoint:clip-search"}]}'),
]
BODIES = {  # sent with POST
    "/_msearch?expand_wildcards=all": ['{"index":""}\n{}\n', '{"index":[]}\n{}\n', '{"index":[""]}\n{}\n', "{}\n{}\n"],
    "/_msearch": ['{"index":"*","expand_wildcards":"all"}\n{}\n', '{"index":[],"expandWildcards":"all"}\n{}\n', '{"expand_wildcards":"all"}\n{}\n', '{"index":".s*"}\n{}\n'],
    "/_mget": ['{"docs":[{"_index":".sightline","_id":"endpoint:clip-search"}]}'],
    "/_query": ['{"query":"FROM .s* | LIMIT 10"}'],
    "/_sql": ['{"query":"SELECT * FROM \\".s*\\""}'],
    "/,/_pit?keep_alive=1m&expand_wildcards=all": [""],
}


@pytest.mark.parametrize("kind", ["embedded", "gateway"])
def test_a_key_for_searches_does_not_read_endpoints(tmp_path, kind):
    """However the index that stores them, and their secrets, is named."""
    keys = tmp_path / "keys"
    operator, searching = make_key(keys, "operator"), make_key(keys, "searching", "--scopes", "search")
    cluster = Cluster(tmp_path / "cluster", tmp_path / "cluster.log") if kind == "gateway" else None
    secret_key = tmp_path / "secret"
    secret_key.write_text("5" * 64)
    server = Sightline(tmp_path / "data", tmp_path / "log", cluster.url if cluster else None,
                       ["--api-key-file", keys, "--secret-key-file", secret_key])
    server.settings = {"ELASTICSEARCH_API_KEY": operator, "SIGHTLINE_API_KEY": operator}

    def post(path, body):
        request = urllib.request.Request(server.elasticsearch + path, data=body.encode(),
                                         headers={"Authorization": f"ApiKey {searching}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    try:
        registered = server.register("--models", "clip")
        assert registered.returncode == 0, registered.stdout + registered.stderr
        answers = {path: ask(server.elasticsearch + path, searching)[2] for path in SPELLINGS}
        answers |= {path + body: post(path, body) for path, bodies in BODIES.items() for body in bodies}
        for how, answer in answers.items():
            assert '"kind":"endpoint"' not in answer and '"_id":"endpoint:' not in answer and operator not in answer, how
        assert '"count":0' in ask(server.elasticsearch + "/*/_count?expand_wildcards=all", searching)[2]
    finally:
        assert server.stop() == 0
        if cluster:
            cluster.stop()


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "1e3", "2000000"])
def test_make_api_key_refuses_a_rate_that_the_server_would_not_read(tmp_path, rate):
    assert "must be a number of requests per second" in refused_key(tmp_path, "--rate", rate)


@pytest.mark.parametrize("option", ["--scopes", "--expires", "--rate", "--file"])
def test_make_api_key_refuses_an_empty_value(tmp_path, option):
    """As that of a variable that is not set: the key would have all scopes, no expiry or no rate."""
    assert f"{option} needs a value" in refused_key(tmp_path, option, "")


@pytest.mark.parametrize("scopes", ["all", ",", "infer,", "infer,,search", "infer\nevil sha256:00"])
def test_make_api_key_refuses_scopes_that_the_server_would_not_read(tmp_path, scopes):
    assert "unknown scope" in refused_key(tmp_path, "--scopes", scopes)


def refused_key(folder, *options):
    done = subprocess.run([str(part) for part in [*MAKE, "--file", folder / "keys", *options, "name"]], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and not done.stdout and not (folder / "keys").exists()
    return done.stderr


@pytest.mark.parametrize("before", [None, "# keys\n" + "#" * 1000 + "\n", "# keys\n" + "#" * 1000], ids=["no file", "a whole line", "no line break"])
def test_make_api_key_leaves_no_half_line_where_the_disk_is_full(tmp_path, before):
    file = tmp_path / "keys"
    if before is not None:
        file.write_text(before)
    # A limit of a file's size is as a full disk: the first part of the line is written.
    limit = 0 if before is None else 1
    done = run(["bash", "-c", f"trap '' XFSZ; ulimit -f {limit}; exec \"$@\"", "bash", ROOT / "scripts/make_api_key.sh", "--file", file, "name"], {"PATH": os.environ["PATH"]})
    assert done.returncode == 2 and f"could not be written to {file}" in done.stderr and done.stdout == "", done.stdout + done.stderr
    assert (file.read_text() if file.exists() else None) == before


def test_a_rate_limit_without_keys_is_refused():
    ended = subprocess.run([BIN / "sightline-server", "--model", f"clip={DEMO}/models/demo-clip", "--rate-limit", "5"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and "--rate-limit: requires --api-key-file" in ended.stderr
