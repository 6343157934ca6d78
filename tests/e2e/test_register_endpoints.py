"""The set-up script, as users run it against their own cluster."""

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


def test_the_console_file_is_what_dry_run_prints():
    printed = run([ROOT / "scripts/register_endpoints.sh", "--dry-run", "--env-file", "/dev/null"],
                  {"PATH": "/usr/bin:/bin", "SIGHTLINE_CHECK_URL": "http://127.0.0.1:1"})
    assert printed.returncode == 0, printed.stderr
    console = (ROOT / "es_config/console/clip.console").read_text()
    assert printed.stdout.strip() in console


def test_errors_name_what_to_do(server):
    assert "unknown model 'nope'" in server.register("--models", "nope").stderr
    nowhere = dict(server.environment(), ELASTICSEARCH_URL="http://127.0.0.1:1")
    done = run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null"], nowhere)
    assert done.returncode == 1 and "ELASTICSEARCH_URL" in done.stderr
    nowhere = dict(server.environment(), SIGHTLINE_URL="http://127.0.0.1:1")
    done = run([ROOT / "scripts/register_endpoints.sh", "--env-file", "/dev/null"], nowhere)
    assert done.returncode == 1 and "SIGHTLINE_URL" in done.stderr
