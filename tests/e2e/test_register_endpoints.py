"""The set-up script, as users run it against their own cluster."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.parse

import pytest

from conftest import BIN, DEMO, InferenceServer, Program, ROOT, Sightline, StandIn, run
from fake_server import fake


def test_a_second_run_changes_nothing(registered):
    endpoint = registered.es("GET", "/_inference/clip-ingest")
    index = registered.es("GET", "/clip-images")
    again = registered.register()
    assert again.returncode == 0, again.stderr
    assert "clip-ingest: already there" in again.stdout and "clip-images: already there" in again.stdout
    assert registered.es("GET", "/_inference/clip-ingest") == endpoint
    assert registered.es("GET", "/clip-images") == index


def test_a_server_that_was_started_a_moment_ago_is_waited_for(tmp_path, reserve_port):
    port, elasticsearch_port = reserve_port(), reserve_port()
    starting = Program([BIN / "sightline-server", "--model", f"clip={DEMO / 'models/demo-clip'}", "--embedded-elasticsearch", "--data-dir", tmp_path / "data",
                        "--port", port, "--elasticsearch-port", elasticsearch_port], tmp_path / "log")
    try:
        done = run_alone(SIGHTLINE_URL=f"http://127.0.0.1:{port}", ELASTICSEARCH_URL=f"http://127.0.0.1:{elasticsearch_port}")
        assert done.returncode == 0 and "clip-images: created, 128 dimensions" in done.stdout, done.stdout + done.stderr
    finally:
        starting.stop()


def test_dimensions_are_measured_and_stand_in_the_mapping(registered):
    dims = registered.es("GET", "/_inference/clip-search")[1]["endpoints"][0]["service_settings"]["dimensions"]
    assert registered.es("GET", "/clip-images")[1]["clip-images"]["mappings"]["properties"]["image_embedding"]["dims"] == dims


def test_a_budget_that_cohere_no_longer_has_does_not_stay_in_the_mapping(registered):
    def meta():
        return registered.es("GET", "/clip-images")[1]["clip-images"]["mappings"]["_meta"]

    wanted = meta()
    planted = json.loads(json.dumps(wanted))
    planted["sightline"]["image_embedding"]["cohere"] = {"model": "m", "pictures_per_call": 1, "calls_per_minute": 40}
    planted["mine"] = planted["sightline"]["other_embedding"] = {"model": "mine"}
    assert registered.es("PUT", "/clip-images/_mapping", {"_meta": planted})[0] == 200 and meta() == planted
    done = registered.register()
    assert done.returncode == 0, done.stdout + done.stderr
    assert meta() == {**wanted, "mine": {"model": "mine"}, "sightline": {**wanted["sightline"], "other_embedding": {"model": "mine"}}}


def test_an_endpoint_that_points_elsewhere_is_put_right(registered):
    wrong = dict(registered.environment(), SIGHTLINE_URL=registered.url.replace("127.0.0.1", "localhost"))
    moved = run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null"], wrong)
    assert "clip-ingest: created" in moved.stdout, moved.stdout + moved.stderr
    assert "localhost" in registered.es("GET", "/_inference/clip-ingest")[1]["endpoints"][0]["service_settings"]["url"]


def test_remove_takes_all_away_but_keeps_an_index_with_documents(registered):
    registered.es("PUT", "/clip-images/_doc/1?refresh=true&pipeline=_none", {"image_name": "kept"})
    removed = registered.register("--remove")
    assert removed.returncode == 0, removed.stderr
    assert "clip-images: kept" in removed.stdout
    assert registered.es("GET", "/_inference/clip-ingest")[0] == 404
    assert registered.es("GET", "/_ingest/pipeline/clip-images")[0] == 404
    assert registered.es("GET", "/clip-images/_count")[1]["count"] == 1
    assert registered.register("--remove", "--with-data").returncode == 0
    assert registered.es("GET", "/clip-images")[0] == 404
    assert registered.register("--remove").returncode == 0


def test_an_endpoint_that_another_pipeline_uses_is_not_removed(registered):
    pipeline = {"processors": [{"inference": {"model_id": "clip-ingest", "input_output": {"input_field": "p", "output_field": "v"}}}]}
    assert registered.es("PUT", "/_ingest/pipeline/of-another", pipeline)[0] == 200
    removed = registered.register("--remove")
    assert removed.returncode == 1 and "endpoint clip-ingest is in use" in removed.stderr and "of-another" in removed.stderr, removed.stderr
    assert registered.es("GET", "/_inference/clip-ingest")[0] == 200
    assert registered.es("GET", "/_inference/clip-search")[0] == 404, "the others are removed"
    assert registered.es("DELETE", "/_ingest/pipeline/of-another")[0] == 200
    assert registered.register("--remove").returncode == 0
    assert registered.es("GET", "/_inference/clip-ingest")[0] == 404


def test_fields_that_a_pipeline_no_longer_writes_are_named(server):
    both = server.register("--models", "clip,jina-clip", "--listings")
    assert both.returncode == 0 and "no longer writes" not in both.stdout, both.stdout + both.stderr
    one = server.register("--models", "clip", "--listings")
    assert "note      listings: the pipeline no longer writes jina_embedding, jina_fingerprint, as it did before" in one.stdout, one.stdout + one.stderr
    assert "no longer writes" not in server.register("--models", "clip", "--listings").stdout


def test_a_model_is_added_to_listings_that_hold_documents(server, demo_pictures):
    assert server.register("--models", "clip", "--listings").returncode == 0
    picture = base64.b64encode(demo_pictures[0].read_bytes()).decode()
    assert server.es("PUT", "/listings/_doc/1?refresh=true", {"image_data": picture})[0] == 201
    both = server.register("--models", "clip,jina-clip", "--listings")
    assert both.returncode == 0, both.stdout + both.stderr
    assert server.es("GET", "/listings")[1]["listings"]["mappings"]["properties"]["jina_embedding"]["type"] == "dense_vector"
    assert server.es("PUT", "/listings/_doc/2?refresh=true", {"image_data": picture})[0] == 201
    counts = [server.es("POST", "/listings/_count", {"query": {"exists": {"field": field}}})[1]["count"] for field in ("clip_embedding", "jina_embedding")]
    assert counts == [2, 1]


def test_an_index_behind_an_alias_is_recognized(registered):
    index = registered.es("GET", "/clip-images")[1]["clip-images"]["mappings"]
    assert registered.es("DELETE", "/clip-images")[0] == 200
    assert registered.es("PUT", "/real", {"mappings": index, "aliases": {"clip-images": {}}})[0] == 200
    done = registered.register()
    assert done.returncode == 0 and "index     clip-images: already there" in done.stdout, done.stdout + done.stderr
    assert registered.es("GET", "/real")[1]["real"]["mappings"] == index


@pytest.mark.parametrize("model", ["clip", "jina-clip", "cohere"])
def test_the_console_file_is_what_dry_run_prints(model):
    printed = run([ROOT / "scripts/register_endpoints.sh", "--models", model, "--dry-run", "--env-file", "/dev/null"],
                  {"PATH": "/usr/bin:/bin", "SIGHTLINE_CHECK_URL": "http://127.0.0.1:1"})
    assert printed.returncode == 0, printed.stderr
    console = (ROOT / f"es_config/console/{model}.console").read_text()
    assert printed.stdout.strip() in console


def test_listings_hold_a_vector_of_each_chosen_model(server, demo_pictures):
    done = server.register("--models", "clip,jina-clip", "--listings")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "listings: already there" in server.register("--models", "clip,jina-clip", "--listings").stdout
    picture = base64.b64encode(demo_pictures[0].read_bytes()).decode()
    assert server.es("PUT", "/listings/_doc/1?refresh=true", {"title": "a house", "price": 480000, "image_data": picture})[0] == 201
    vectors = [name for name in server.es("GET", "/listings")[1]["listings"]["mappings"]["properties"] if name.endswith("_embedding")]
    assert vectors == ["clip_embedding", "jina_embedding"]
    for name in vectors:
        assert server.es("POST", "/listings/_count", {"query": {"exists": {"field": name}}})[1]["count"] == 1
    assert server.register("--models", "clip,jina-clip", "--listings", "--remove", "--with-data").returncode == 0
    assert server.es("GET", "/listings")[0] == 404


def test_no_key_is_printed(server):
    keys = dict(server.environment(), SIGHTLINE_API_KEY="sightline-secret", COHERE_API_KEY="cohere-secret")
    printed = run([ROOT / "scripts/register_endpoints.sh", "--models", "clip,cohere", "--dry-run", "--env-file", "/dev/null"], keys)
    assert printed.returncode == 0 and "<COHERE_API_KEY>" in printed.stdout and "<SIGHTLINE_API_KEY>" in printed.stdout
    assert "-secret" not in printed.stdout + printed.stderr


def test_dry_run_of_a_removal_keeps_the_index_that_the_removal_would_keep():
    printed = run_alone("--remove", "--dry-run", "--models", "clip,jina-clip", "--listings")
    assert printed.returncode == 0
    assert "DELETE clip-images" not in printed.stdout and "DELETE jina-images" not in printed.stdout and "DELETE listings" not in printed.stdout
    assert 'PUT clip-images/_settings\n{"index":{"default_pipeline":null}}' in printed.stdout
    assert "DELETE _ingest/pipeline/clip-images" in printed.stdout and "DELETE _inference/text_embedding/jina-clip-search" in printed.stdout
    assert "DELETE clip-images\n" in run_alone("--remove", "--with-data", "--dry-run").stdout


def test_dry_run_says_when_it_guesses_the_dimensions(inference):
    guessed = run_alone("--dry-run")
    assert guessed.returncode == 0 and '"dims": 768' in guessed.stdout
    assert "nothing listens at http://127.0.0.1:1" in guessed.stderr and "768 dimensions" in guessed.stderr
    measured = run_alone("--dry-run", SIGHTLINE_URL=inference.url)
    assert measured.returncode == 0 and '"dims": 128' in measured.stdout and not measured.stderr


def test_console_files_are_those_of_this_set_up(inference, tmp_path):
    written = run_alone("--console", tmp_path / "console", SIGHTLINE_URL=inference.url)
    assert written.returncode == 0, written.stderr
    text = (tmp_path / "console/clip.console").read_text()
    assert '"dims": 128' in text and inference.url in text and '"dims": 768' not in text
    shipped = (ROOT / "es_config/console/clip.console").read_text()
    assert text[text.index("# One picture"):] == shipped[shipped.index("# One picture"):]


def test_console_files_ask_chosen_models_alone(tmp_path):
    written = run_alone("--models", "clip", "--listings", "--console", tmp_path, SIGHTLINE_CHECK_URL="http://127.0.0.1:1")
    assert written.returncode == 0, written.stderr
    text = (tmp_path / "listings.console").read_text()
    assert "clip-search" in text and "clip_embedding" in text
    assert "jina" not in text and "cohere" not in text


def test_an_index_that_a_document_made_is_not_taken_for_another_models(server):
    assert server.es("PUT", "/clip-images/_doc/1", {"image_name": "early"})[0] == 201
    done = server.register()
    assert done.returncode == 1
    assert "index clip-images has no field for vectors" in done.stderr and "before this script ran" in done.stderr


@pytest.mark.parametrize("model", ["clip", "jina-clip", "cohere", "listings"])
def test_console_files_can_be_written_over_those_shipped(model, tmp_path):
    folder = tmp_path / "es_config/console"
    shutil.copytree(ROOT / "es_config", tmp_path / "es_config")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    arguments = ["--models", "clip,jina-clip,cohere", "--listings"] if model == "listings" else ["--models", model]
    done = run([tmp_path / "scripts/register_endpoints.sh", "--env-file", "/dev/null", "--console", folder, *arguments],
               {"PATH": os.environ["PATH"], "SIGHTLINE_CHECK_URL": "http://127.0.0.1:1"})
    assert done.returncode == 0, done.stderr
    assert (folder / f"{model}.console").read_text() == (ROOT / f"es_config/console/{model}.console").read_text()


def test_a_demo_model_is_named_as_one(registered):
    assert "clip is a demo model, trained only on drawings" in registered.register().stdout


# ---- what goes wrong, and what the script says of it

LICENSE = {"license": {"status": "active", "type": "trial"}}
INFO = {"name": "n", "cluster_name": "c", "cluster_uuid": "u", "version": {"number": "9.2.0"}, "tagline": "You Know, for Search"}


def security_exception(reason):
    return {"error": {"root_cause": [], "type": "security_exception", "reason": reason}}


def cluster_that_answers(put_status, put_answer):
    """A licensed cluster, as far as the script gets: whatever it puts is answered with that."""
    def answer(method, path):
        if path in ("/", "/_license"):
            return 200, INFO if path == "/" else LICENSE
        if method == "PUT":
            return put_status, put_answer
        return (400, {"error": "no handler found for uri"}) if path.startswith("/_sightline") else (404, {"error": {"reason": "not found"}})
    return answer


def failed_call(reason):
    return cluster_that_answers(400, {"error": {"type": "status_exception", "reason": "Could not complete inference endpoint creation", "caused_by": {"reason": reason}}})


FAKES = {
    "ASKS": lambda method, path: (401, security_exception("missing authentication credentials for REST request [/]")),
    "FORBIDS": cluster_that_answers(403, security_exception("action [cluster:admin/xpack/inference/put] is unauthorized for API key")),
    "WEB": lambda method, path: (200, "<html>hello</html>"),
    "LOGIN": lambda method, path: (302, "<html>log in</html>"),
    "EMPTY": lambda method, path: (200, ""),
    "CANNOT_CALL": failed_call("Failed to send request from inference entity id [clip-ingest]. Cause: Connection refused"),
    "IS_REFUSED": failed_call("Received an authentication error status code for request from inference entity id [clip-ingest] status [401]."),
    "DISTRUSTS": failed_call("PKIX path building failed: unable to find valid certification path to requested target"),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory, inference):
    """Addresses and files by name: everything that a set-up can get wrong."""
    folder = tmp_path_factory.mktemp("places")
    keys = folder / "keys"
    keys.write_text("a-key-that-is-long-enough\n")
    keys.chmod(0o600)
    for name in ("own", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"], check=True, capture_output=True)
    with contextlib.ExitStack() as stack:
        found = {name: "http://" + stack.enter_context(fake(answer)) for name, answer in FAKES.items()}
        tls = stack.enter_context(fake(FAKES["ASKS"], (folder / "own.crt", folder / "own.key")))
        guarded = InferenceServer(folder / "guarded.log", ["--api-key-file", keys])
        stack.callback(guarded.stop)
        untrusting = Sightline(folder / "data", folder / "gateway.log", "https://" + tls)
        stack.callback(untrusting.stop)
        found.update(SIGHTLINE=inference.url, GUARDED=guarded.url, TLS=f"https://{tls}", NO_TLS=f"http://{tls}", NOT_TLS=inference.url.replace("http:", "https:"), GATEWAY=untrusting.elasticsearch,
                     OWN_CA=folder / "own.crt", OTHER_CA=folder / "other.crt", NOWHERE="http://127.0.0.1:1", NO_HOST="http://no-such-host.invalid:1",
                     HOST_AND_PORT=inference.url.removeprefix("http://"))
        yield found


def run_alone(*arguments, **variables):
    return run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null", *arguments],
               {"PATH": os.environ["PATH"], "SIGHTLINE_URL": "http://127.0.0.1:1", "ELASTICSEARCH_URL": "http://127.0.0.1:1", **variables})


ES, SL = "ELASTICSEARCH_URL", "SIGHTLINE_URL"


@pytest.mark.parametrize("variables, says", [
    ({ES: "NOWHERE"}, ["nothing listens at http://127.0.0.1:1: Elasticsearch", "set ELASTICSEARCH_URL"]),
    ({ES: "NO_HOST"}, ["cannot be resolved", "Set ELASTICSEARCH_URL"]),
    ({ES: "HOST_AND_PORT"}, ["ELASTICSEARCH_URL is '", "http://HOST:PORT"]),
    ({ES: "WEB"}, ["is not Elasticsearch: set ELASTICSEARCH_URL"]),
    ({ES: "LOGIN"}, ["is not Elasticsearch: set ELASTICSEARCH_URL"]),
    ({ES: "EMPTY"}, ["is not Elasticsearch: set ELASTICSEARCH_URL"]),
    ({ES: "SIGHTLINE"}, ["is Sightline's own port", "set ELASTICSEARCH_URL"]),
    ({ES: "GUARDED"}, ["is Sightline's own port", "set ELASTICSEARCH_URL"]),
    ({ES: "ASKS"}, ["requires credentials", "Set ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER"]),
    ({ES: "ASKS", "ELASTICSEARCH_API_KEY": "wrong"}, ["refuses the API key", "Set ELASTICSEARCH_API_KEY"]),
    ({ES: "ASKS", "ELASTICSEARCH_USER": "me"}, ["refuses the user 'me'", "ELASTICSEARCH_PASSWORD"]),
    ({ES: "FORBIDS", SL: "SIGHTLINE", "ELASTICSEARCH_API_KEY": "weak"}, ["lack a privilege", "manage_inference"]),
    ({ES: "TLS"}, ["signed by a CA that this machine does not trust", "Set ELASTICSEARCH_CA_FILE"]),
    ({ES: "TLS", "ELASTICSEARCH_CA_FILE": "OTHER_CA"}, ["not signed by the CA in", "other.crt, which ELASTICSEARCH_CA_FILE"]),
    ({ES: "TLS", "ELASTICSEARCH_CA_FILE": "/no/such.crt"}, ["/no/such.crt cannot be read", "set ELASTICSEARCH_CA_FILE"]),
    ({ES: "TLS", "ELASTICSEARCH_CA_FILE": "OWN_CA"}, ["requires credentials"]),
    ({ES: "NO_TLS"}, ["uses TLS there, set ELASTICSEARCH_URL", "to https://"]),
    ({ES: "NOT_TLS"}, ["does not speak TLS: set ELASTICSEARCH_URL", "to http://"]),
    ({ES: "GATEWAY"}, ["the gateway at http://", "cannot verify its cluster at https://", "--elasticsearch-ca-file", "--elasticsearch-ca-fingerprint"]),
    ({ES: "CANNOT_CALL", SL: "NOWHERE"}, ["nothing listens at http://127.0.0.1:1: Sightline", "set SIGHTLINE_URL"]),
    ({ES: "CANNOT_CALL", SL: "SIGHTLINE", "SIGHTLINE_CHECK_URL": "NOWHERE"}, ["nothing listens at http://127.0.0.1:1: Sightline", "set SIGHTLINE_CHECK_URL"]),
    ({ES: "CANNOT_CALL", SL: "WEB"}, ["is not Sightline: set SIGHTLINE_URL"]),
    ({ES: "CANNOT_CALL", SL: "EMPTY"}, ["is not Sightline: set SIGHTLINE_URL"]),
    ({ES: "CANNOT_CALL", SL: "CANNOT_CALL"}, ["set SIGHTLINE_URL"]),
    ({ES: "CANNOT_CALL", SL: "GUARDED"}, ["requires a key: set SIGHTLINE_API_KEY"]),
    ({ES: "CANNOT_CALL", SL: "GUARDED", "SIGHTLINE_API_KEY": "wrong"}, ["refuses the key in SIGHTLINE_API_KEY"]),
    ({ES: "CANNOT_CALL", SL: "TLS"}, ["Set SIGHTLINE_CA_FILE"]),
    ({ES: "CANNOT_CALL", SL: "SIGHTLINE"}, ["Elasticsearch cannot reach Sightline", "SIGHTLINE_CHECK_URL", "host.docker.internal"]),
    ({ES: "IS_REFUSED", SL: "SIGHTLINE"}, ["Sightline refused Elasticsearch's call: set SIGHTLINE_API_KEY"]),
    ({ES: "DISTRUSTS", SL: "SIGHTLINE"}, ["trust store of the JVM"]),
], ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "")
def test_a_failure_names_its_cause_and_the_variable_to_set(places, variables, says):
    done = run_alone(**{name: str(places.get(value, value)) for name, value in variables.items()})
    assert done.returncode == 1
    for words in says:
        assert words in done.stderr, done.stderr
    assert "jq:" not in done.stderr and "parse error" not in done.stderr


def test_a_password_reaches_the_cluster_whole_and_is_shown_nowhere(places):
    seen = []

    def remember(method, path, headers):
        seen.append(headers.get("Authorization"))
        return 401, security_exception("unable to authenticate user")

    password = 'p"w\\ä%'
    expected = "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
    with fake(remember, with_headers=True) as at:
        done = run_alone(ELASTICSEARCH_URL=f"http://{at}", ELASTICSEARCH_USER="me", ELASTICSEARCH_PASSWORD=password)
        assert "refuses the user 'me'" in done.stderr and seen.pop() == expected
        done = run_alone(ELASTICSEARCH_URL=f"http://me:{urllib.parse.quote(password)}@{at}")
        assert f"Elasticsearch at http://{at} refuses the user 'me'" in done.stderr and seen.pop() == expected
        assert "p%22w" not in done.stderr and 'p"w' not in done.stderr
    assert "secret" not in run_alone(ELASTICSEARCH_URL="me:secret@localhost:9200").stderr


def test_a_gateway_that_is_not_configured_gets_no_credentials(tmp_path):
    """The usual address is the system's own, so a program in place of curl answers for it and keeps what it was sent."""
    (tmp_path / "curl").write_text(f'''#!/bin/bash
if [[ "${{@: -1}}" != http://127.0.0.1:9200/* ]]; then exec {shutil.which("curl")} "$@"; fi
while [ "$1" != --config ]; do shift; done
cat "$2" >>{tmp_path}/sent
printf '{{"cluster": {{"reachable": true}}}}\\n200'
''')
    (tmp_path / "curl").chmod(0o755)
    old = {"version": {"number": "8.10.0"}, "cluster_uuid": "u"}
    with fake(lambda method, path: (200, old) if path == "/" else (404, {"error": {"reason": "none"}})) as at:
        done = run_alone(ELASTICSEARCH_URL=f"http://{at}", ELASTICSEARCH_API_KEY="secret", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1 and "set SIGHTLINE_GATEWAY_URL=http://127.0.0.1:9200" in done.stderr, done.stdout + done.stderr
    assert (tmp_path / "sent").read_text() == ""


@pytest.fixture()
def with_cohere(tmp_path):
    """A server that also serves a model of the stand-in for Cohere, with the endpoints of clip and cohere."""
    (tmp_path / "secret.key").write_text("11" * 32)
    (tmp_path / "secret.key").chmod(0o600)
    cohere = StandIn(tmp_path / "cohere.log", "--key", "cohere-secret")
    try:
        server = Sightline(tmp_path / "data", tmp_path / "log", options=["--cohere", "--cohere-url", cohere.url, "--secret-key-file", tmp_path / "secret.key"])
        server.settings = {"COHERE_API_KEY": "cohere-secret", "COHERE_URL": cohere.url}
        try:
            done = server.register("--models", "clip,cohere")
            assert done.returncode == 0, done.stdout + done.stderr
            yield server
        finally:
            server.stop()
    finally:
        cohere.stop()


def endpoint_ids(server):
    return sorted(endpoint["inference_id"] for endpoint in server.es("GET", "/_inference/_all")[1]["endpoints"])


ALL_FOUR = ["clip-ingest", "clip-search", "cohere-ingest", "cohere-search"]


def test_no_command_line_shows_a_secret(with_cohere, tmp_path):
    """Everything that the script starts goes through a wrapper, which notes the command line."""
    (tmp_path / "wrapped").mkdir()
    for tool in ("jq", "curl", "awk", "sed"):
        (tmp_path / "wrapped" / tool).write_text(f'#!/bin/bash\nprintf "%s\\n" "$0 $*" >>{tmp_path}/started\nexec {shutil.which(tool)} "$@"\n')
        (tmp_path / "wrapped" / tool).chmod(0o755)
    with_cohere.settings |= {"SIGHTLINE_API_KEY": "sightline-secret", "ELASTICSEARCH_URL": with_cohere.elasticsearch.replace("//", "//me:cluster-secret@"),
                             "PATH": f"{tmp_path / 'wrapped'}:{os.environ['PATH']}"}
    # The second model's calls to Cohere have no key of Cohere now, and fail: the wrapper has seen both keys by then.
    for _ in range(2):
        with_cohere.register("--models", "clip,cohere")
    started = (tmp_path / "started").read_text()
    assert "wrapped/jq" in started and "wrapped/curl" in started
    assert [line for line in started.splitlines() if "-secret" in line] == []


def test_an_endpoint_that_works_stays_when_its_new_settings_do_not_work(with_cohere):
    before = with_cohere.es("GET", "/_inference/_all")[1]
    with_cohere.settings["COHERE_URL"] = "http://127.0.0.1:1"
    done = with_cohere.register("--models", "cohere")
    assert done.returncode == 1 and "could not replace endpoint cohere-search, which stays as it was" in done.stderr
    assert "cannot reach Cohere at http://127.0.0.1:1" in done.stderr and "set COHERE_URL" in done.stderr and "SIGHTLINE_URL" not in done.stderr
    assert with_cohere.es("GET", "/_inference/_all")[1] == before and endpoint_ids(with_cohere) == ALL_FOUR
    status, answer = with_cohere.es("POST", "/_inference/text_embedding/cohere-search", {"input": "a house"})
    assert status == 200, answer


def test_a_key_that_cohere_refuses_is_named_as_that(with_cohere):
    with_cohere.settings["COHERE_API_KEY"] = "wrong"
    done = with_cohere.register("--models", "cohere")
    assert done.returncode == 1 and "set COHERE_API_KEY" in done.stderr and "SIGHTLINE_API_KEY" not in done.stderr, done.stderr
    assert endpoint_ids(with_cohere) == ALL_FOUR


def test_what_a_killed_script_left_is_deleted(with_cohere):
    body = json.loads((ROOT / "es_config/inference/clip-ingest.json").read_text().replace("@SIGHTLINE_URL@", with_cohere.url))
    assert with_cohere.es("PUT", "/_inference/text_embedding/sightline-check-cohere-ingest", body)[0] == 200
    done = with_cohere.register("--models", "cohere")
    assert done.returncode == 0, done.stdout + done.stderr
    assert endpoint_ids(with_cohere) == ALL_FOUR


def run_interrupted(inference, endpoints, send):
    """The script against a cluster with these endpoints, which it changes; `send(script, method, name)` is called when it has put or
    deleted one, before its answer. The script is in a process group of its own."""
    script = None

    def answer(method, path):
        name = urllib.parse.urlsplit(path).path.rpartition("/")[2]
        if path.startswith("/_inference"):
            if method == "PUT":
                endpoints[name] = {"dimensions": 128}
            if name not in endpoints:
                return 404, {"error": {"reason": "not found"}}
            found = endpoints[name]
            if method == "DELETE":
                del endpoints[name]
            if method in ("PUT", "DELETE"):
                send(script, method, name)
            return 200, {"acknowledged": True} if method == "DELETE" else {"service_settings": found, "endpoints": [{"service_settings": found}]}
        return {"/": (200, INFO), "/_license": (200, LICENSE)}.get(path, (404, {"error": {"reason": "not found"}}))

    with fake(answer) as at:
        script = subprocess.Popen([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  start_new_session=True, env={"PATH": os.environ["PATH"], "SIGHTLINE_URL": inference.url, "ELASTICSEARCH_URL": f"http://{at}"})
        script.communicate(timeout=60)
    return script.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_endpoint_deleted(inference, number):
    """The cluster sends it to the whole process group, as a terminal does, when it is asked to delete the endpoint."""
    endpoints = {"clip-ingest": {"dimensions": 1}}

    def send(script, method, name):
        if (method, name) == ("DELETE", "clip-ingest"):
            os.killpg(script.pid, number)

    run_interrupted(inference, endpoints, send)
    assert endpoints["clip-ingest"] == {"dimensions": 128}
    assert not [name for name in endpoints if name.startswith("sightline-check")]


def test_a_signal_while_settings_are_tried_leaves_the_endpoint_and_nothing_else(inference):
    endpoints = {"clip-ingest": {"dimensions": 1}}

    def send(script, method, name):
        if method == "PUT":
            os.kill(script.pid, signal.SIGTERM)

    assert run_interrupted(inference, endpoints, send) == 130
    assert endpoints == {"clip-ingest": {"dimensions": 1}}


def test_a_model_that_is_not_served_is_named_beside_those_that_are(server):
    told = run_alone("--models", "cohere", ELASTICSEARCH_URL=server.elasticsearch, SIGHTLINE_URL=server.url, COHERE_API_KEY="k").stderr
    assert "does not serve a model named 'embed-english-v3.0'; it serves: clip, jina-clip. Start it with --cohere" in told


@pytest.mark.parametrize("arguments, says", [
    (["--models", "nope"], "unknown model 'nope'"),
    (["--with-data"], "together with --remove"),
    (["--env-file", "/no/such/.env"], "/no/such/.env (--env-file) cannot be read"),
    (["--models", "cohere"], "cohere needs COHERE_API_KEY"),
    (["--models="], "--models needs a list"),
    (["--models", ""], "--models needs a list"),
    (["--accept-model", "--remove"], "--accept-model is for registering"),
])
def test_wrong_options_are_refused(arguments, says):
    done = run_alone(*arguments)
    assert done.returncode == 1 and says in done.stderr
