"""What the system does to the process: a log that nobody reads, little memory, model files that change."""

import base64
import concurrent.futures
import ctypes
import http.server
import json
import os
import resource
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from conftest import BIN, DEMO, ROOT, Sightline, call, memory_of, next_line, wait_for

MEGABYTE = 1 << 20
COMMAND = [BIN / "sightline-server", "--port", "0", "--model"]
MODEL = f"clip={DEMO}/models/demo-clip"
FEW_THREADS = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
NOTHING_KEPT = ["--vector-cache-texts", "0MB", "--vector-cache-pictures", "0MB"]


def start(model=MODEL, stderr=subprocess.DEVNULL, environment=None, arguments=()):
    """A server, and where it listens; None where it ended instead."""
    process = subprocess.Popen([str(part) for part in [*COMMAND, model, *arguments]], stdout=subprocess.PIPE, stderr=stderr, env=environment)
    line = next_line(process).decode()
    return process, line.split()[1] if line.startswith("ready") else None


def end(process, within=10):
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=within)
    finally:
        process.kill()


def embed(url, *inputs):
    return call("POST", url + "/v1/embeddings", {"model": "clip", "input": list(inputs)}, timeout=60)


def test_memory_is_flat_while_new_pictures_arrive(demo_pictures):
    """Small vectors that are cached must not keep the large bodies' memory that lay beside them from being used again."""
    process, url = start()
    files = [path.read_bytes() for path in demo_pictures[:60]]

    def embed_new_pictures(part):
        for number in range(part, part + 375):  # a comment makes each picture a new one
            file, comment = files[number % len(files)], f"{number}".encode() + bytes(number % 3000)
            new = file[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + file[2:]
            status, answer = embed(url, "data:image/jpeg;base64," + base64.b64encode(new).decode())
            assert status == 200, answer

    def memory_after_3000(first):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(embed_new_pictures, range(first, first + 3000, 375)))
        return memory_of(process)["VmRSS"]

    before = memory_after_3000(0)
    assert memory_after_3000(3000) < before + 30 * MEGABYTE
    assert end(process) == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_logged_stays_on_one_line(form, tmp_path):
    """A text from outside, here a path, can neither forge a line of the log nor steer a terminal."""
    folder = f"{tmp_path}/none\n2026-01-01T00:00:00.000Z info forged \x1b[2J"
    ended = subprocess.run([*COMMAND, f"clip={folder}", "--log-format", form], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    lines = [line for line in ended.stderr.splitlines() if "forged" in line]
    assert len(lines) == 1 and "none\\n2026" in lines[0] and "\x1b" not in ended.stderr


def test_a_log_that_is_not_read_stops_nothing():
    reader, writer = os.pipe()
    process, url = start(stderr=writer, arguments=["--log-buffer-bytes", "4kB"])
    for _ in range(900):  # 150 bytes each: the pipe takes 64 kB
        assert call("GET", url + "/v1/models")[0] == 200
    assert embed(url, "a house")[0] == 200
    with urllib.request.urlopen(url + "/metrics") as metrics:
        dropped = [line for line in metrics.read().decode().splitlines() if line.startswith("sightline_log_lines_dropped_total ")]
    assert float(dropped[0].split()[1]) > 100
    assert end(process, within=30) == 0  # nothing waits for the pipe, which takes no more
    os.close(reader)
    os.close(writer)


def test_a_log_whose_reader_has_gone_stops_nothing():
    reader, writer = os.pipe()
    process, url = start(stderr=writer)
    os.close(reader)
    os.close(writer)
    for _ in range(3):
        assert embed(url, "a house")[0] == 200
    assert end(process) == 0


@pytest.fixture(scope="module")
def usual_address_space():
    """Bytes that a start takes without a limit: of the program and its libraries, and with all else."""
    process, _ = start(environment=FEW_THREADS)
    try:
        mappings = [line.split() for line in open(f"/proc/{process.pid}/maps")]
        ranges = [[int(end, 16) for end in mapping[0].split("-")] for mapping in mappings if mapping[-1].startswith("/")]
        peak = open(f"/proc/{process.pid}/status").read().split("VmPeak:")[1].split()[0]
        return sum(last - first for first, last in ranges), int(peak) * 1024
    finally:
        assert end(process) == 0


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_too_little_address_space_to_start_is_an_error_and_does_not_hang(usual_address_space, share):
    """A share of what it takes beside its libraries."""
    libraries, peak = usual_address_space
    memory = int(libraries + share * (peak - libraries))
    ended = subprocess.run(
        [str(part) for part in [*COMMAND, MODEL]], capture_output=True, text=True, timeout=60, env=FEW_THREADS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)))
    assert ended.returncode == 1
    assert "address space" in ended.stderr or "memory" in ended.stderr or "Resource temporarily" in ended.stderr


def address_space(process):
    status = open(f"/proc/{process.pid}/status").read()
    return int(status.split("VmSize:")[1].split()[0]) * 1024


def big_gif(edge=6000):
    size = edge.to_bytes(2, "little")
    return b"GIF89a" + size + size + b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"


def test_out_of_memory_is_the_servers_fault_and_one_requests_at_most():
    process, url = start(arguments=NOTHING_KEPT)  # each picture is decoded
    picture = "data:image/gif;base64," + base64.b64encode(big_gif()).decode()
    assert embed(url, "a house", picture)[0] == 200
    words = ["house " * 50] * 200
    numbers = json.dumps({"model": "clip", "input": [str(i) for i in range(250)]})
    for room in (200, 80, 30, 10, 3):
        tight = address_space(process) + room * MEGABYTE
        resource.prlimit(process.pid, resource.RLIMIT_AS, (tight, resource.RLIM_INFINITY))
        requests = [("input", [picture] * 3), ("input", words), ("body", numbers), ("input", ["a house"])] * 4

        def send(request):
            kind, value = request
            body = value if kind == "body" else {"model": "clip", "input": value}
            try:
                return call("POST", url + "/v1/embeddings", body, timeout=60)
            except (urllib.error.URLError, ConnectionError) as gone:  # no memory for a connection
                return 503, str(gone)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for status, answer in pool.map(send, requests):
                assert status in (200, 429, 500, 503), answer
                if status == 500:
                    assert "memory" in json.dumps(answer), answer
        assert process.poll() is None, process.returncode
    resource.prlimit(process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert embed(url, "a house", picture)[0] == 200
    assert call("GET", url + "/health/live")[0] == 200
    assert end(process, within=30) == 0


def test_a_model_that_is_cut_short_while_it_is_served_changes_nothing(tmp_path):
    # Of float32 weights: what is stored in another type was always copied.
    folder = shutil.copytree(ROOT / "tests/fixtures/models/clip-quick-gelu-f32", tmp_path / "model")
    process, url = start(f"clip={folder}")
    before = embed(url, "a house")[1]["data"][0]["embedding"]
    for file in folder.iterdir():
        if file.is_file():
            os.chmod(file, 0o644)
            os.truncate(file, 0)
    assert embed(url, "a house")[1]["data"][0]["embedding"] == before
    assert end(process) == 0


def test_a_world_readable_key_file_gets_a_warning(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("a-long-secret-key\n")
    keys.chmod(0o644)
    log = tmp_path / "log"
    with open(log, "wb") as stderr:
        process, _ = start(stderr=stderr, arguments=["--api-key-file", keys])
    assert end(process) == 0
    assert f"the API key file {keys} is readable by other users of this machine: chmod 600 {keys}" in log.read_text()


# ---- files that are wrong at the start, and signals


@pytest.mark.parametrize("options, says", [
    (["--elasticsearch-gateway", "https://127.0.0.1:1", "--elasticsearch-ca-file", "/no/such.crt"], "--elasticsearch-ca-file: cannot read the certificate file /no/such.crt: No such file"),
    (["--elasticsearch-gateway", "https://127.0.0.1:1", "--elasticsearch-ca-file", "/tmp"], "--elasticsearch-ca-file: cannot read the certificate file /tmp: it is a folder"),
    (["--elasticsearch-gateway", "https://127.0.0.1:1", "--elasticsearch-ca-file", __file__], "holds no certificate in PEM"),
    (["--elasticsearch-gateway", "https://127.0.0.1:1", "--elasticsearch-ca-fingerprint", "zz"], "--elasticsearch-ca-fingerprint: 'zz' is not a SHA-256 fingerprint"),
    (["--api-key-file", "/no/keys"], "--api-key-file: cannot read the API key file /no/keys: No such file"),
    (["--api-key-file", "/tmp"], "--api-key-file: cannot read the API key file /tmp: it is a folder"),
    (["--api-key-file", "/dev/null"], "--api-key-file: /dev/null contains no key"),
    (["--embedded-elasticsearch", "--secret-key-file", "/no/keys"], "cannot read the secret key file /no/keys: No such file"),
    (["--cohere-api-key-file", "/no/keys"], "--cohere-api-key-file: cannot read the Cohere key file /no/keys: No such file"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path, options, says):
    command = [*COMMAND, MODEL, "--elasticsearch-port", "0", "--data-dir", tmp_path / "data", *options]
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and "ready" not in ended.stdout
    assert says in ended.stderr


@pytest.mark.parametrize("options, status, says", [
    (["--endpoint-addresses", "10.0.0.0/33"], 2, "--endpoint-addresses: [10.0.0.0/33]"),
    (["--max-image-bytes", "20XB"], 2, "--max-image-bytes: [20XB] must be a size: a whole number with B, kB, MB, GB or TB, like 20MB"),
    (["--query-timeout", "10"], 2, "--query-timeout: [10] must be a time: a whole number with ms, s, m or h, like 500ms or 10s"),
    (["--elasticsearch-port", "9277", "--port", "9277"], 2, "--elasticsearch-port: must differ from --port [9277]"),
    (["--secret-key-file", "/no/keys"], 1, "cannot read the secret key file /no/keys: No such file"),
    (["--data-dir", "/dev/null"], 1, "store folder /dev/null: cannot be"),
    (["--picture-cache-dir", "/dev/null"], 1, "--picture-cache-dir: "),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_needs_no_model_is_found_before_models_load(tmp_path, options, status, says):
    usual = [] if "--elasticsearch-port" in options else ["--elasticsearch-port", "0"]
    folder = [] if "--data-dir" in options else ["--data-dir", tmp_path / "data"]
    port = [] if "--port" in options else ["--port", "0"]
    command = [BIN / "sightline-server", "--model", MODEL, "--embedded-elasticsearch", *usual, *folder, *port, *options]
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert ended.returncode == status and "ready" not in ended.stdout
    assert says in ended.stderr
    assert "loaded in" not in ended.stderr


def test_a_taken_port_or_folder_is_found_before_models_load(tmp_path):
    first = Sightline(tmp_path / "data", tmp_path / "log")
    try:
        taken = first.elasticsearch.rsplit(":", 1)[1]
        for options, says in ((["--elasticsearch-port", taken, "--data-dir", tmp_path / "other"], f"cannot listen on 127.0.0.1:{taken}: Address already in use"),
                              (["--elasticsearch-port", "0", "--data-dir", tmp_path / "data"], "is in use by another server")):
            command = [*COMMAND, MODEL, "--embedded-elasticsearch", *options]
            ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
            assert ended.returncode == 1 and says in ended.stderr
            assert "loaded in" not in ended.stderr
    finally:
        assert first.stop() == 0


# ---- a model thread that hangs

PTRACE_ATTACH = 16
WAIT_FOR_THREADS = 0x40000000  # __WALL


def thread_named(process, name):
    for task in sorted(os.listdir(f"/proc/{process.pid}/task"), key=int):
        with open(f"/proc/{process.pid}/task/{task}/comm") as comm:
            if comm.read().strip() == name:
                return int(task)
    raise AssertionError(f"no thread is named {name}")


def test_a_model_thread_that_hangs_ends_the_server_for_its_supervisor(tmp_path):
    log = tmp_path / "log"
    with open(log, "wb") as stderr:
        process, url = start(stderr=stderr, arguments=["--threads", "1", "--watchdog-interval", "100ms", "--watchdog-limit", "5s"])
    try:
        time_well = time.monotonic() + 6  # longer than the limit: a model that works is never ended
        while time.monotonic() < time_well:
            assert embed(url, f"a house at {time.monotonic()}")[0] == 200
        thread = thread_named(process, "model")
        ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        if ptrace(PTRACE_ATTACH, thread, None, None) != 0:
            pytest.skip(f"threads cannot be stopped here: {os.strerror(ctypes.get_errno())}")
        os.waitpid(thread, WAIT_FOR_THREADS)  # it stands still, and the others run
        assert call("GET", url + "/health/live")[0] == 200
        os.waitpid(thread, WAIT_FOR_THREADS)  # until it is killed with its process
        assert process.wait(timeout=60) == 70
    finally:
        process.kill()
        process.wait()
    line = wait_for("the model thread hangs", log)
    assert " critical " in line and "a probe of model [clip] waits" in line
    assert "(--watchdog-limit): ending with exit code 70, to be started again" in line


def test_a_cluster_that_cannot_be_verified_is_named_at_once(tmp_path):
    own = tmp_path / "own.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", own, "-out", tmp_path / "own.crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.crt", own)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        log = tmp_path / "log"
        with open(log, "wb") as stderr:
            process, _ = start(stderr=stderr, arguments=["--elasticsearch-port", "0", "--elasticsearch-gateway", f"https://127.0.0.1:{listener.server_port}"])
        line = wait_for("cannot be reached", log)  # nobody has asked the gateway for anything
        assert "certificate" in line and "--elasticsearch-ca-file" in line and "--elasticsearch-ca-fingerprint" in line
        assert end(process) == 0
        listener.shutdown()


def test_sighup_reads_the_api_keys_anew_and_never_ends_the_server(tmp_path):
    keys, log = tmp_path / "keys", tmp_path / "log"
    keys.write_text("the-first-key\n")
    keys.chmod(0o600)
    with open(log, "wb") as stderr:
        process, url = start(stderr=stderr, arguments=["--api-key-file", keys])

    def status_with(key):
        request = urllib.request.Request(url + "/v1/models", headers={"Authorization": f"Bearer {key}"})
        try:
            return urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            return error.code

    assert status_with("the-first-key") == 200 and status_with("the-second-key") == 401
    keys.write_text("the-second-key\n# and another\nthe-third-key\n")
    process.send_signal(signal.SIGHUP)
    wait_for("SIGHUP: reloaded 2 API keys", log)
    assert status_with("the-second-key") == 200 and status_with("the-third-key") == 200 and status_with("the-first-key") == 401
    keys.write_text("short\n")
    process.send_signal(signal.SIGHUP)
    assert "line 1" in wait_for("SIGHUP: the API keys are unchanged", log)
    assert status_with("the-second-key") == 200
    keys.write_text("# all are revoked\n")
    process.send_signal(signal.SIGHUP)
    wait_for("SIGHUP: reloaded 0 API keys", log)
    assert status_with("the-second-key") == 401
    assert process.poll() is None and end(process) == 0


def test_sighup_without_keys_is_harmless(tmp_path):
    log = tmp_path / "log"
    with open(log, "wb") as stderr:
        process, url = start(stderr=stderr)
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
    wait_for("SIGHUP: nothing to reload without --api-key-file", log)
    assert embed(url, "a house")[0] == 200
    assert end(process) == 0


def test_the_help_text_is_the_one_in_the_docs():
    shown = subprocess.run([BIN / "sightline-server", "--help"], capture_output=True, text=True, timeout=60).stdout.rstrip()
    page = (ROOT / "docs/server.md").read_text()
    missing = [line for line in shown.splitlines() if line not in page]
    assert not missing, "\n".join(missing)
    assert f"```\n{shown}\n" in page


