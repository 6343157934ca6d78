"""scripts/download_model.sh against a hub on loopback that answers as the Hugging Face hub does."""

import base64
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from conftest import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLIP = "openai/clip-vit-base-patch32"


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(http.server.ThreadingHTTPServer):
    """Large files answer with a redirect to /cdn and their SHA-256, others at once with git's SHA-1."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.cdn = self.url.replace("127.0.0.1", "localhost")  # another host, for all that curl knows
        self.files = {
            "config.json": b'{"model_type": "clip"}',
            "preprocessor_config.json": b"{}",
            "tokenizer.json": b'{"version": "1.0"}',
            "README.md": b"",
            "model.safetensors": os.urandom(300_000),
        }
        self.wrong = set()  # files that arrive with one byte changed
        self.busy = set()  # files whose first answer is 503
        self.cut = {}  # file: how many bytes its first download sends
        self.log = []  # (method, path, range, authorization)

    def large(self, name):
        return name.endswith(".safetensors")

    def downloads(self, name):
        return [entry for entry in self.log if entry[0] == "GET" and entry[1].endswith("/" + name)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        hub = self.server
        hub.log.append((self.command, self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        hop = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        cdn = re.fullmatch(r"/cdn/(.+)", self.path)
        name = hop.group(3) if hop else cdn.group(1) if cdn else None
        if hop and hop.group(1) == "openai/renamed":
            return self.send(307, headers={"Location": f"/{CLIP}/resolve/{hop.group(2)}/{name}"})
        if name not in hub.files or (hop and hop.group(2) not in ("main", COMMIT)):
            return self.send(404, b"Entry not found")
        if hop and name in hub.busy:
            hub.busy.remove(name)
            return self.send(503, headers={"ETag": '"of-the-failure"', "Retry-After": "0"})
        content = hub.files[name]
        headers = {"X-Repo-Commit": COMMIT}
        if hop and hub.large(name):
            headers |= {"X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content)),
                        "Location": f"{hub.cdn}/cdn/{name}", "ETag": '"of-the-redirect"'}
            return self.send(302, headers=headers)
        headers |= {"ETag": f'W/"{git_sha1(content)}"', "Accept-Ranges": "bytes"}
        if name in hub.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted and int(wanted.group(1)) < len(content):
            start = int(wanted.group(1))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.send(206, content[start:], headers)
        return self.send(200, content, headers, hub.cut.pop(name, None) if self.command == "GET" else None)

    def send(self, status, body=b"", headers=None, cut=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = answer


@pytest.fixture()
def hub():
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def download(hub, *arguments, **environment):
    return subprocess.run([ROOT / "scripts/download_model.sh", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HF_ENDPOINT": hub.url, **environment})


def held(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_model_arrives_whole_from_one_commit_and_a_second_run_downloads_nothing(hub, tmp_path):
    done = download(hub, "clip-b32", tmp_path / "m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert held(tmp_path / "m") == hub.files
    assert "licence: MIT" in done.stdout
    resolved = [path for _, path, _, _ in hub.log if "/resolve/" in path]
    assert "/resolve/main/" in resolved[0] and all(f"/resolve/{COMMIT}/" in path for path in resolved[1:]), resolved
    hub.log.clear()
    again = download(hub, "clip-b32", tmp_path / "m")
    assert again.returncode == 0, again.stdout + again.stderr
    assert all(method == "HEAD" for method, *_ in hub.log), hub.log


def test_the_answer_after_a_retry_counts(hub, tmp_path):
    hub.busy = {"config.json", "model.safetensors"}
    done = download(hub, "clip-b32", tmp_path / "m")
    assert done.returncode == 0 and not hub.busy, done.stdout + done.stderr
    assert held(tmp_path / "m") == hub.files


def test_a_broken_off_download_goes_on_where_it_stopped(hub, tmp_path):
    hub.cut["model.safetensors"] = 100_000
    done = download(hub, "clip-b32", tmp_path / "m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert held(tmp_path / "m") == hub.files
    ranges = [entry[2] for entry in hub.downloads("model.safetensors") if entry[1].startswith("/cdn/")]
    assert ranges == [None, "bytes=100000-"]


def test_a_later_run_goes_on_with_what_an_earlier_one_left(hub, tmp_path):
    content = hub.files["model.safetensors"]
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / f"model.safetensors.{hashlib.sha256(content).hexdigest()[:12]}.part").write_bytes(content[:250_000])
    (folder / "model.safetensors.000000000000.part").write_bytes(b"of another version: not to be touched")
    done = download(hub, "clip-b32", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "model.safetensors").read_bytes() == content
    assert "bytes=250000-" in [entry[2] for entry in hub.downloads("model.safetensors")]


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_wrong_checksum_is_thrown_away_and_fails(hub, tmp_path, name):
    hub.wrong.add(name)
    done = download(hub, "clip-b32", tmp_path / "m")
    assert done.returncode == 1 and f"{name} arrived with a wrong checksum" in done.stderr, done.stdout + done.stderr
    assert not [file for file in held(tmp_path / "m") if file.startswith(name)]
    hub.wrong.clear()
    assert download(hub, "clip-b32", tmp_path / "m").returncode == 0
    assert held(tmp_path / "m") == hub.files


def test_a_changed_file_is_downloaded_anew(hub, tmp_path):
    assert download(hub, "clip-b32", tmp_path / "m").returncode == 0
    (tmp_path / "m/config.json").write_bytes(b"{}")
    done = download(hub, "clip-b32", tmp_path / "m")
    assert done.returncode == 0 and held(tmp_path / "m") == hub.files, done.stdout + done.stderr


def test_a_folder_of_another_model_or_with_other_content_is_left_as_it_is(hub, tmp_path):
    assert download(hub, "clip-b32", tmp_path / "m").returncode == 0
    before = held(tmp_path / "m")
    hub.files |= {"model.safetensors": os.urandom(1000), "config.json": b'{"model_type": "siglip"}'}
    other = download(hub, "clip-b16", tmp_path / "m")
    assert other.returncode == 1 and "m/model.safetensors is not that of openai/clip-vit-base-patch16" in other.stderr, other.stdout + other.stderr
    assert held(tmp_path / "m") == before
    (tmp_path / "m/model.safetensors").unlink()  # an interrupted download of that model
    partial = download(hub, "clip-b16", tmp_path / "m")
    assert partial.returncode == 1 and "m holds config.json, which is not a file of openai/clip-vit-base-patch16" in partial.stderr
    for name in ("notes.txt", "README.md"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("mine")
        mine = download(hub, "clip-b16", tmp_path / name)
        assert mine.returncode == 1 and f"{name} holds {name}, which is not" in mine.stderr
        assert held(tmp_path / name) == {name: b"mine"}
    (tmp_path / "n/config.json").mkdir(parents=True)
    in_the_way = download(hub, "clip-b16", tmp_path / "n")
    assert in_the_way.returncode == 1 and "n/config.json could not be written" in in_the_way.stderr
    assert not list((tmp_path / "n/config.json").iterdir())


def test_curls_own_settings_file_is_not_read(hub, tmp_path):
    (tmp_path / ".curlrc").write_text(f'verbose\ninclude\nfail\noutput = "{tmp_path}/out"\n')
    done = download(hub, "clip-b32", tmp_path / "m", HOME=str(tmp_path), HF_TOKEN="hub-secret")
    assert done.returncode == 0 and held(tmp_path / "m") == hub.files, done.stdout + done.stderr
    assert "hub-secret" not in done.stdout + done.stderr and not (tmp_path / "out").exists()


def test_shards_are_those_that_the_index_names(hub, tmp_path):
    del hub.files["model.safetensors"]
    shards = {f"model-0000{i}-of-00002.safetensors": os.urandom(1000 + i) for i in (1, 2)}
    hub.files |= shards
    hub.files["model.safetensors.index.json"] = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}).encode()
    done = download(hub, "clip-b32", tmp_path / "m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert held(tmp_path / "m") == hub.files
    hub.files["model.safetensors.index.json"] = json.dumps({"weight_map": {"a": "../../evil.safetensors"}}).encode()
    evil = download(hub, "clip-b32", tmp_path / "n")
    assert evil.returncode == 1 and "which is not a file name" in evil.stderr
    hub.files["model.safetensors.index.json"] = json.dumps({"weight_map": {"a": "* \x1b]0;owned\x07"}}).encode()
    evil = download(hub, "clip-b32", tmp_path / "o")
    assert evil.returncode == 1 and "names a shard * ?]0;owned?, which is not a file name" in evil.stderr


def test_a_password_of_the_hub_is_sent_only_to_the_hub_and_shown_nowhere(hub, tmp_path):
    (tmp_path / "curl").write_text(f'#!/bin/bash\nprintf "%s\\n" "$*" >>{tmp_path}/started\nexec {shutil.which("curl")} "$@"\n')
    (tmp_path / "curl").chmod(0o755)
    done = download(hub, "clip-b32", tmp_path / "m", HF_ENDPOINT=hub.url.replace("//", "//me:hun@ter2@"), PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 0 and held(tmp_path / "m") == hub.files, done.stdout + done.stderr
    assert "ter2" not in done.stdout + done.stderr + (tmp_path / "started").read_text()
    basic = "Basic " + base64.b64encode(b"me:hun@ter2").decode()
    assert all(authorization == (None if path.startswith("/cdn/") else basic) for _, path, _, authorization in hub.log), hub.log


def test_an_empty_argument_is_refused(hub):
    for arguments in (["clip-b32", ""], [""]):
        done = download(hub, *arguments)
        assert done.returncode == 2 and "an empty argument" in done.stderr and not hub.log


def test_a_licence_without_commercial_use_must_be_accepted(hub, tmp_path):
    refused = download(hub, "jina-clip-v2", tmp_path / "m")
    assert refused.returncode == 3 and "CC-BY-NC-4.0 excludes commercial use" in refused.stdout and not hub.log
    accepted = download(hub, "jina-clip-v2", tmp_path / "m", "--accept-license")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert held(tmp_path / "m") == hub.files


def test_a_licence_that_is_not_known_must_be_accepted(hub, tmp_path):
    refused = download(hub, "some/other-model", tmp_path / "m")
    assert refused.returncode == 3 and "licence: not known" in refused.stdout and not (tmp_path / "m").exists()
    assert hub.log == []
    accepted = download(hub, "some/other-model", tmp_path / "m", "--accept-license")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


def test_what_is_missing_is_named_with_the_way_out(hub, tmp_path):
    del hub.files["model.safetensors"]
    done = download(hub, "clip-b32", tmp_path / "m")
    assert done.returncode == 1 and "no model.safetensors at revision main" in done.stderr and "--revision" in done.stderr
    wrong = download(hub, "clip-b32", tmp_path / "m", "--revision", "nosuch")
    assert wrong.returncode == 1 and "has no config.json at revision nosuch" in wrong.stderr
    assert download(hub, "nothing-of-the-kind", tmp_path / "m").returncode == 2
    gone = download(hub, "clip-b32", tmp_path / "m", HF_ENDPOINT="http://127.0.0.1:1")
    assert gone.returncode == 1 and "HF_ENDPOINT" in gone.stderr


def test_a_renamed_repository_is_followed_and_the_token_goes_to_the_hub_alone(hub, tmp_path):
    done = download(hub, "openai/renamed", tmp_path / "m", "--accept-license", HF_TOKEN="hf_secret")
    assert done.returncode == 0, done.stdout + done.stderr
    assert held(tmp_path / "m") == hub.files
    assert all(authorization == (None if path.startswith("/cdn/") else "Bearer hf_secret") for _, path, _, authorization in hub.log), hub.log
    assert "hf_secret" not in done.stdout + done.stderr


def test_a_dry_run_prints_addresses_and_sends_nothing(hub, tmp_path):
    done = download(hub, "clip-l14", tmp_path / "m", "--dry-run", "--revision", "refs/pr/7")
    assert done.returncode == 0 and f"{hub.url}/openai/clip-vit-large-patch14/resolve/refs%2Fpr%2F7/config.json\n" in done.stdout
    assert hub.log == [] and not (tmp_path / "m").exists()


def test_a_repository_in_openclips_layout_gives_openclips_files(hub, tmp_path):
    weights = hub.files.pop("model.safetensors")
    hub.files |= {"open_clip_config.json": b'{"model_cfg": {}}', "open_clip_model.safetensors": weights}
    done = download(hub, CLIP, tmp_path / "m", "--open-clip")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = {name: content for name, content in hub.files.items() if name not in ("config.json", "preprocessor_config.json")}
    assert held(tmp_path / "m") == expected
    del hub.files["config.json"]
    detected = download(hub, CLIP, tmp_path / "n")
    assert detected.returncode == 0 and held(tmp_path / "n") == expected, detected.stdout + detected.stderr
    known = download(hub, "marqo-b", tmp_path / "o", "--dry-run")
    assert "/Marqo/marqo-ecommerce-embeddings-B/resolve/main/open_clip_config.json\n" in known.stdout
    assert "preprocessor_config.json" not in known.stdout
    del hub.files["open_clip_model.safetensors"]
    without = download(hub, CLIP, tmp_path / "p")
    assert without.returncode == 1 and "has no open_clip_model.safetensors at revision main" in without.stderr


def test_a_text_tower_has_its_modules_in_folders(hub, tmp_path):
    hub.files = {name: name.encode() for name in (
        "modules.json", "config.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "sentence_bert_config.json", "README.md")}
    done = download(hub, "clip-b32-multilingual", tmp_path / "m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {str(file.relative_to(tmp_path / "m")): file.read_bytes() for file in (tmp_path / "m").rglob("*") if file.is_file()} == hub.files
    assert "--text-tower" in done.stdout and "verify_model" not in done.stdout
    del hub.files["2_Dense/model.safetensors"]
    without = download(hub, "clip-b32-multilingual", tmp_path / "n")
    assert without.returncode == 1 and "has no 2_Dense/model.safetensors at revision main" in without.stderr


def test_the_list_begins_with_the_recommended_model(hub):
    done = download(hub, "--list")
    assert done.returncode == 0 and hub.log == []
    lines = done.stdout.splitlines()
    assert lines[1].split()[:5] == ["siglip2-b16", "google/siglip2-base-patch16-224", "Apache-2.0", "0.22", "multilingual"]
    names = [line.split()[0] for line in lines[1:]]
    assert len(set(names)) == len(names) > 15
    page = (ROOT / "docs/which_model.md").read_text(encoding="utf-8")
    for line in lines[1:]:
        name, repository, licence, cost, languages = line.split()[:5]
        row = next((row for row in page.splitlines() if row.startswith(f"| `{name}` |")), None)
        assert row, f"docs/which_model.md has no row of {name}"
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:4] == [licence, re.search(r"(\d+) numbers", line).group(1), re.search(r"([\d.]+) GB", line).group(1)], row
        assert cells[4] == (cost if cost != "-" else "that of `clip-b32`"), row
        assert cells[5].startswith("not stated" if languages == "-" else languages), row
