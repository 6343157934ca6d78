"""End-to-end tests: the built programs, driven from outside as their users drive them.

Every test that takes a server runs twice: against the embedded store, and against a gateway in front of a cluster. The
cluster is the embedded store alone on a port of its own, which knows nothing of inference or pipelines; or, with
SIGHTLINE_TEST_CLUSTER=URL, a real Elasticsearch, ALL INDICES of which are deleted before each test.
"""

import contextlib
import csv
import importlib.util
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SIGHTLINE_BIN", ROOT / "build/release/bin"))
DEMO = ROOT / "demo"
TEST_CLUSTER = os.environ.get("SIGHTLINE_TEST_CLUSTER", "").rstrip("/")
KINDS = ["gateway"] if TEST_CLUSTER else ["embedded", "gateway"]

pytest_plugins = ["page_fixtures"]
# The page's tests run once: the environment of Elasticsearch's older client has no Playwright.
if not importlib.util.find_spec("playwright"):
    collect_ignore_glob = ["test_page_*.py"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tells pytest-xdist which tests belong in one process: those that share the demo set on one kind of server, and else those of one file and kind.
    With a real cluster all of them, as each test empties it."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        kind = next((value for value in parameters.values() if value in KINDS), "")
        shared = next((name for name in ("site", "loaded") if name in parameters), item.path.stem)
        item.add_marker(pytest.mark.xdist_group("cluster" if TEST_CLUSTER else f"{shared} {kind}"))


def call(method, url, body=None, content_type="application/json", timeout=120, headers=None):
    """Sends one request; gives (status, parsed JSON or None)."""
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={**({"Content-Type": content_type} if data is not None else {}), **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read()
    return status, json.loads(raw) if raw else None


def memory_of(process):
    """Bytes of a running program that are resident now (VmRSS), and the most so far (VmHWM)."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return {line.split(":")[0]: int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM"))}


def next_line(process, within=300):
    """The next line that a program prints; empty if it ended, or printed none in that time and was ended for it."""
    late = threading.Timer(within, process.kill)
    late.start()
    try:
        return process.stdout.readline()
    finally:
        late.cancel()


def wait_for(words, log, within=60):
    """The first line of a log with these words, once it is there: programs write their logs a moment later."""
    deadline = time.monotonic() + within
    while True:
        text = log.read_text()
        for line in text.splitlines():
            if words in line:
                return line
        assert time.monotonic() < deadline, f"no line with {words!r}:\n{text[-3000:]}"
        time.sleep(0.05)


class Program:
    """A program of ours that announces where it listens, and ends on SIGTERM."""

    def __init__(self, command, log):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as stderr:
            self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=stderr, text=True)

    def announced(self, word):
        line = next_line(self.process)
        if not line.startswith(word):
            self.stop()
            raise AssertionError(f"expected a line beginning with {word!r}, got {line!r}; log:\n{self.log.read_text()[-3000:]}")
        return line[len(word):].strip()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("the program did not stop within 30 s of SIGTERM")
        return self.process.returncode


class Cluster(Program):
    """The embedded store alone on a port: a cluster that can do no inference."""

    def __init__(self, data_dir, log, port=0):
        super().__init__([BIN / "embedded-store-serve", data_dir, port], log)
        self.port = self.announced("listening on ")
        self.url = f"http://127.0.0.1:{self.port}"


class Sightline(Program):
    """A running sightline-server on free ports: with its embedded store, or as a gateway in front of a cluster. Its endpoints may call the tests' own servers."""

    def __init__(self, data_dir, log, gateway_to=None, options=(), port=0, elasticsearch_port=0, endpoint_addresses="127.0.0.0/8"):
        behind = ["--elasticsearch-gateway", gateway_to] if gateway_to else ["--embedded-elasticsearch", "--data-dir", data_dir]
        if endpoint_addresses:
            options = ["--endpoint-addresses", endpoint_addresses, *options]
        super().__init__([BIN / "sightline-server", "--model", f"clip={DEMO / 'models/demo-clip'}",
                          "--model", f"jina-clip={DEMO / 'models/demo-jina-clip'}", "--port", port,
                          "--elasticsearch-port", elasticsearch_port, *behind, *options], log)
        self.url = self.announced("ready ")
        self.elasticsearch = self.announced("elasticsearch ")
        self.gateway_to = gateway_to
        self.settings = {}  # for the environment of the scripts and programs that talk to it: keys

    def es(self, method, path, body=None, **options):
        return call(method, self.elasticsearch + path, body, **options)

    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "ELASTICSEARCH_URL": self.elasticsearch,
                "SIGHTLINE_URL": self.url, **self.settings}

    def register(self, *options):
        return run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null", *options], self.environment())

    def ingest(self, *arguments, given=""):
        """`given`: on standard input."""
        return run([BIN / "sightline-ingest", *arguments, "--env-file", "/dev/null", "--quiet"], self.environment(), given=given)


class InferenceServer(Program):
    """A running sightline-server alone: the inference API without an Elasticsearch port."""

    def __init__(self, log, options=()):
        super().__init__([BIN / "sightline-server", "--model", f"clip={DEMO / 'models/demo-clip'}", "--port", "0", *options], log)
        self.url = self.announced("ready ")


class StandIn(Program):
    """The stand-in for Cohere, with the demo model's vectors."""

    def __init__(self, log, *options):
        super().__init__([BIN / "cohere-stand-in", "--model", DEMO / "models/demo-clip", *options], log)
        self.url = self.announced("ready ")


def run(command, environment, timeout=300, given=None):
    return subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, timeout=timeout, input=given)


@pytest.fixture()
def reserve_port():
    """reserve_port(): a port of loopback that the system gives to nothing else until the test ends. A server of ours can be started on it, and started again."""
    with contextlib.ExitStack() as stack:

        def reserve():
            held = stack.enter_context(socket.socket())  # bound, but not listening: who has SO_REUSEADDR too, and names the port, may listen on it
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
            return held.getsockname()[1]

        yield reserve


@pytest.fixture(scope="session", autouse=True)
def working_folder(tmp_path_factory):
    """Programs save their reports in the folder where they run: one of this process's own, not the checkout."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("working_folder"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def inference(tmp_path_factory, demo_rows):
    """The inference API alone, with the demo set's kinds of things as the label set `kinds`; tests must leave it as it is."""
    folder = tmp_path_factory.mktemp("inference")
    kinds = sorted({row["kind"] for row in demo_rows.values()})
    (folder / "kinds.txt").write_text("\n".join(["# what the demo pictures show", "prompt_template: a {}", *kinds]) + "\n")
    server = InferenceServer(folder / "server.log", ["--labels", f"kinds={folder / 'kinds.txt'}"])
    yield server
    assert server.stop() == 0, server.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def demo_rows():
    with open(DEMO / "attributes.csv", newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="session")
def demo_pictures():
    return sorted(path for path in (DEMO / "pictures").iterdir() if path.suffix in (".jpg", ".png", ".webp"))


def wipe(cluster):
    """Takes every index out of a cluster that is there for tests."""
    for index in call("GET", f"{cluster}/_cat/indices?format=json&expand_wildcards=all")[1]:
        call("DELETE", f"{cluster}/{index['index']}")


@contextlib.contextmanager
def running(kind, folder, options=()):
    """A server of that kind with nothing in it."""
    with contextlib.ExitStack() as stack:
        gateway_to = None
        if kind == "gateway" and TEST_CLUSTER:
            wipe(TEST_CLUSTER)
            gateway_to = TEST_CLUSTER
        elif kind == "gateway":
            cluster = Cluster(folder / "cluster", folder / "cluster.log")
            stack.callback(cluster.stop)
            gateway_to = cluster.url
        sightline = Sightline(folder / "data", folder / "server.log", gateway_to, options)
        stack.callback(sightline.stop)
        yield sightline
        assert sightline.stop() == 0, sightline.log.read_text()[-3000:]


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    """A server with nothing in it."""
    with running(request.param, tmp_path) as sightline:
        yield sightline


@pytest.fixture()
def registered(server):
    """The same with the endpoints, pipeline and index of clip."""
    done = server.register("--models", "clip")
    assert done.returncode == 0, done.stdout + done.stderr
    return server


@pytest.fixture(scope="session", params=KINDS)
def loaded(request, tmp_path_factory):
    """A server that holds the whole demo set, loaded through the pipelines of both models; tests must only read it."""
    folder = tmp_path_factory.mktemp("loaded")
    with running(request.param, folder) as sightline:
        done = sightline.register("--models", "clip,jina-clip")
        assert done.returncode == 0, done.stdout + done.stderr
        for index in ("clip-images", "jina-images"):
            done = sightline.ingest(DEMO / "pictures", "--index", index, "--attributes", DEMO / "attributes.csv", "--report", folder / "failures.csv")
            assert done.returncode == 0, done.stdout + done.stderr
        yield sightline
