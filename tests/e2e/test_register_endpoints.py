"""The set-up script, as users run it against their own cluster."""

import base64

import pytest

from conftest import ROOT, run


def test_a_second_run_changes_nothing(registered):
    endpoint = registered.es("GET", "/_inference/clip-ingest")
    index = registered.es("GET", "/clip-images")
    again = registered.register()
    assert again.returncode == 0, again.stderr
    assert "clip-ingest: already there" in again.stdout and "clip-images: already there" in again.stdout
    assert registered.es("GET", "/_inference/clip-ingest") == endpoint
    assert registered.es("GET", "/clip-images") == index


def test_dimensions_are_measured_and_stand_in_the_mapping(registered):
    dims = registered.es("GET", "/_inference/clip-search")[1]["endpoints"][0]["service_settings"]["dimensions"]
    assert registered.es("GET", "/clip-images")[1]["clip-images"]["mappings"]["properties"]["image_embedding"]["dims"] == dims


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


def test_errors_name_what_to_do(server):
    assert "unknown model 'nope'" in server.register("--models", "nope").stderr
    nowhere = dict(server.environment(), ELASTICSEARCH_URL="http://127.0.0.1:1")
    done = run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null"], nowhere)
    assert done.returncode == 1 and "ELASTICSEARCH_URL" in done.stderr
    nowhere = dict(server.environment(), SIGHTLINE_URL="http://127.0.0.1:1")
    done = run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null"], nowhere)
    assert done.returncode == 1 and "SIGHTLINE_URL" in done.stderr
