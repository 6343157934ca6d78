"""End-to-end tests: the built programs, driven from outside as their users drive them."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SIGHTLINE_BIN", ROOT / "build/release/bin"))
DEMO = ROOT / "demo"
START_SECONDS = 120


def call(method, url, body=None, content_type="application/json", timeout=120):
    """Sends one request; gives (status, parsed JSON or None)."""
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": content_type} if data is not None else {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read()
    return status, json.loads(raw) if raw else None


class Sightline:
    """A running sightline-server with its embedded store, on free ports."""

    def __init__(self, data_dir, log, model=DEMO / "models/demo-clip"):
        self.data_dir, self.log = pathlib.Path(data_dir), pathlib.Path(log)
        with open(self.log, "ab") as stderr:
            self.process = subprocess.Popen(
                [BIN / "sightline-server", "--model", f"clip={model}", "--port", "0", "--embedded-elasticsearch",
                 "--elasticsearch-port", "0", "--data-dir", self.data_dir],
                stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.url = self._announced("ready ")
        self.elasticsearch = self._announced("elasticsearch ")

    def _announced(self, word):
        line = self.process.stdout.readline()
        if not line.startswith(word):
            self.stop()
            raise AssertionError(f"expected a line beginning with {word!r}, got {line!r}; log:\n{self.log.read_text()[-3000:]}")
        return line.split()[1]

    def es(self, method, path, body=None, **options):
        return call(method, self.elasticsearch + path, body, **options)

    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "ELASTICSEARCH_URL": self.elasticsearch, "SIGHTLINE_URL": self.url}

    def register(self, *options):
        return run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null", *options], self.environment())

    def ingest(self, *arguments):
        return run([BIN / "sightline-ingest", *arguments, "--env-file", "/dev/null", "--quiet"], self.environment())

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
                raise AssertionError("the server did not stop within 30 s of SIGTERM")
        return self.process.returncode


def run(command, environment, timeout=300):
    return subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="session")
def demo_rows():
    with open(DEMO / "attributes.csv", newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="session")
def demo_pictures():
    return sorted(path for path in (DEMO / "pictures").iterdir() if path.suffix in (".jpg", ".png", ".webp"))


@pytest.fixture()
def server(tmp_path):
    """A server with an empty store."""
    sightline = Sightline(tmp_path / "data", tmp_path / "server.log")
    yield sightline
    assert sightline.stop() == 0, sightline.log.read_text()[-3000:]


@pytest.fixture()
def registered(server):
    """The same with the endpoints, pipeline and index of clip."""
    done = server.register("--models", "clip")
    assert done.returncode == 0, done.stdout + done.stderr
    return server


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """A server that holds the whole demo set, loaded through the pipeline; tests must only read it."""
    folder = tmp_path_factory.mktemp("loaded")
    sightline = Sightline(folder / "data", folder / "server.log")
    done = sightline.register("--models", "clip")
    assert done.returncode == 0, done.stdout + done.stderr
    done = sightline.ingest(DEMO / "pictures", "--index", "clip-images", "--attributes", DEMO / "attributes.csv", "--report", folder / "failures.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    yield sightline
    assert sightline.stop() == 0, sightline.log.read_text()[-3000:]
