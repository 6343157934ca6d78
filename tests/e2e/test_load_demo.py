"""scripts/load_demo.sh, as it is installed, with a few of the demo pictures."""

import re
import shutil

import pytest

from conftest import BIN, DEMO, ROOT, Sightline, run
from fake_server import fake

INDICES = ["clip-images", "jina-images"]


@pytest.fixture(scope="module")
def load_demo(tmp_path_factory):
    """The script, in a folder that is laid out like an installation."""
    folder = tmp_path_factory.mktemp("prefix")
    shared = folder / "share/sightline"
    for name in ("scripts", "es_config"):
        shutil.copytree(ROOT / name, shared / name)
    (shared / "demo/pictures").mkdir(parents=True)
    (folder / "bin").symlink_to(BIN)
    rows = (DEMO / "attributes.csv").read_text().splitlines(keepends=True)
    pictures = sorted((DEMO / "pictures").iterdir())[:6]
    (shared / "demo/attributes.csv").write_text(rows[0] + "".join(row for row in rows[1:] if row.split(",")[0] in {picture.name for picture in pictures}))
    for picture in pictures:
        shutil.copy(picture, shared / "demo/pictures")
    return shared / "scripts/load_demo.sh"


@pytest.fixture()
def server(tmp_path):
    server = Sightline(tmp_path / "data", tmp_path / "log")
    yield server
    assert server.stop() == 0


def load(server, script, *options):
    done = run([script, "--env-file", "/dev/null", *options], server.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def counts(server):
    return [server.es("GET", f"/{index}/_count")[1].get("count") for index in INDICES]


def forget_the_end(server):
    """As if the loads had not come to their end."""
    for index in INDICES:
        meta = server.es("GET", f"/{index}")[1][index]["mappings"]["_meta"]
        assert meta.pop("demo_pictures") == "loaded"
        assert server.es("PUT", f"/{index}/_mapping", {"_meta": meta})[0] == 200


def test_a_load_that_was_interrupted_is_continued(server, load_demo):
    # Right after the indices were created, which is the longest part of a small load.
    assert server.register("--models", "clip,jina-clip").returncode == 0 and counts(server) == [0, 0]
    assert "open the page: " in load(server, load_demo, "--if-new") and counts(server) == [6, 6]
    assert "exists already: nothing to load" in load(server, load_demo, "--if-new")
    # In the middle of the pictures of one model.
    forget_the_end(server)
    half = server.es("POST", "/jina-images/_search", {"size": 3, "_source": False})[1]["hits"]["hits"]
    for hit in half:
        assert server.es("DELETE", f"/jina-images/_doc/{hit['_id']}?refresh=true")[0] == 200
    printed = load(server, load_demo, "--if-new")
    assert "open the page: " in printed and "clip-images: already there" not in printed and counts(server) == [6, 6]


def test_pictures_that_were_deleted_after_the_load_are_not_loaded_again(server, load_demo):
    load(server, load_demo, "--if-new")
    hit = server.es("POST", "/clip-images/_search", {"size": 1, "_source": False})[1]["hits"]["hits"][0]["_id"]
    assert server.es("DELETE", f"/clip-images/_doc/{hit}?refresh=true")[0] == 200
    assert "exists already: nothing to load" in load(server, load_demo, "--if-new") and counts(server) == [5, 6]
    # Those of an earlier version, which noted no end, are recognised by their number.
    load(server, load_demo)
    forget_the_end(server)
    assert "exists already: nothing to load" in load(server, load_demo, "--if-new") and counts(server) == [6, 6]
    load(server, load_demo, "--remove")
    assert counts(server) == [None, None]


def test_an_index_with_other_pictures_gets_no_drawings(server, load_demo):
    assert server.register("--models", "clip,jina-clip").returncode == 0
    assert server.es("PUT", "/clip-images/_doc/mine?refresh=true&pipeline=_none", {"image_name": "mine.jpg"})[0] == 201
    assert "index clip-images exists already: nothing to load" in load(server, load_demo, "--if-new") and counts(server) == [1, 0]


def test_credentials_in_the_url_reach_the_programs_that_get_the_url_without_them(load_demo):
    sourced = f"program=p env_file=/dev/null needs=; . {load_demo.parent}/messages.bash; . {load_demo.parent}/elasticsearch_requests.bash"
    done = run(["bash", "-euc", f"{sourced}; env"], {"PATH": "/usr/bin:/bin", "ELASTICSEARCH_URL": "http://me:p@ss@127.0.0.1:1"})
    assert "ELASTICSEARCH_USER=me\n" in done.stdout and "ELASTICSEARCH_PASSWORD=p@ss\n" in done.stdout, done.stderr


@pytest.mark.parametrize("page", ["<html>log in</html>", ""])
def test_another_web_server_is_named_as_not_being_sightline(load_demo, page):
    with fake(lambda method, path: (200, page)) as at:
        done = run([load_demo, "--env-file", "/dev/null"], {"PATH": "/usr/bin:/bin", "SIGHTLINE_URL": f"http://{at}"})
    assert done.returncode == 1 and done.stderr == f"load_demo: what answers at http://{at} is not Sightline: set SIGHTLINE_URL (environment or /dev/null) to its address\n"


def test_a_cluster_gets_no_drawings_that_nobody_asked_for(server, load_demo):
    asked = []

    def cluster(method, path):
        asked.append((method, path))
        return 200, {"license": {"status": "active", "type": "basic", "issuer": "elasticsearch"}}

    with fake(cluster) as at:
        done = run([load_demo, "--if-new", "--env-file", "/dev/null"], {**server.environment(), "ELASTICSEARCH_URL": f"http://{at}"})
        assert done.returncode == 0 and done.stdout == f"what answers at http://{at} is not the embedded store of a Sightline: nothing is loaded\n", done.stderr
    assert asked == [("GET", "/_license")]


@pytest.mark.parametrize("variable", ["SIGHTLINE_URL", "ELASTICSEARCH_URL"])
def test_where_nothing_listens_nothing_is_loaded_and_that_is_no_failure(server, load_demo, variable):
    done = run([load_demo, "--if-new", "--env-file", "/dev/null"], {**server.environment(), variable: "http://127.0.0.1:1"})
    assert done.returncode == 0 and re.fullmatch(r"no answer from .* at http://127.0.0.1:1 \(.*\): nothing is loaded\n", done.stdout), done.stdout + done.stderr
    assert run([load_demo, "--env-file", "/dev/null"], {**server.environment(), variable: "http://127.0.0.1:1"}).returncode == 1
