"""deploy/grafana and deploy/prometheus: what they read is what a running server offers."""

import base64
import concurrent.futures
import contextlib
import json
import re
import shutil
import time
import urllib.request

import pytest

from conftest import ROOT, Cluster, InferenceServer, Sightline, StandIn, call, run

yaml = pytest.importorskip("yaml")

BOARD = json.loads((ROOT / "deploy/grafana/sightline.json").read_text(encoding="utf-8"))
RULES_FILE = ROOT / "deploy/prometheus/sightline.rules.yml"
RULES = [rule for group in yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
BOARD_EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
METRIC = re.compile(r"\b(?:sightline|process)_[a-z0-9_]+\b")


def offered(*urls):
    """Names of the series that servers offer, with their labels' names: {name: {label, ...}}."""
    series = {}
    for url in urls:
        with urllib.request.urlopen(url + "/metrics", timeout=30) as answer:
            for line in answer.read().decode().splitlines():
                if found := re.match(r"([a-z_]+)(?:\{(.*)\})? ", line):
                    series.setdefault(found[1], set()).update(re.findall(r'(\w+)="', found[2] or ""))
    return series


def embed(url, **body):
    return call("POST", url + "/v1/embeddings", {"model": "clip", **body})


def queries_between_documents(url, pictures):
    """Sends queries while documents run, until one has run between the steps of a batch of documents."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        until = time.monotonic() + 60
        while "sightline_batches_interleaved_total" not in offered(url) and time.monotonic() < until:
            documents = [pool.submit(embed, url, input=pictures) for _ in range(3)]
            number = 0
            while not all(one.done() for one in documents):
                number += 1
                embed(url, input=f"query {number} at {time.monotonic()}", input_type="search_query")


@pytest.fixture(scope="module")
def series(tmp_path_factory, demo_pictures):
    """What servers offer on which each kind of event has happened once."""
    folder = tmp_path_factory.mktemp("monitoring")
    pictures = ["data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode() for file in demo_pictures[:32]]
    with contextlib.ExitStack() as stack:
        def started(program):
            stack.callback(program.stop)
            return program
        cohere = started(StandIn(folder / "cohere.log", "--unavailable", "0.5", "--retry-after", "0", "--seed", "7"))
        cluster = started(Cluster(folder / "cluster", folder / "cluster.log"))
        options = ["--cohere", "--cohere-url", cohere.url, "--vector-cache-texts", "2kB", "--vector-cache-pictures", "0MB"]
        gateway = started(Sightline(folder / "gateway", folder / "gateway.log", cluster.url, options))
        hurried = started(InferenceServer(folder / "hurried.log", ["--document-timeout", "1ms", "--query-timeout", "1ms"]))
        for text in ("a house", "a house", "a tree", "a boat", "words " * 500):
            assert embed(gateway.url, input=text)[0] == 200
        assert embed(gateway.url, input=pictures)[0] == 200
        for _ in range(10):  # half of Cohere's answers fail, and are requested again
            call("POST", gateway.url + "/v1/embeddings", {"model": "embed-english-v3.0", "input": "a house"}, headers={"Authorization": "Bearer a-key"})
        queries_between_documents(gateway.url, pictures)
        assert embed(hurried.url, input=pictures)[0] == 429
        assert embed(gateway.url, input=7)[0] == 400
        for path in ("/_cat/indices", "/_inference"):
            gateway.es("GET", path)
        call("GET", gateway.url + "/pictures/absent/1")
        cluster.kill()
        gateway.es("GET", "/_cat/indices")
        yield offered(gateway.url, hurried.url)


def test_every_metric_of_the_board_and_the_rules_is_offered(series):
    named = {name for expression in [*BOARD_EXPRESSIONS, *(rule["expr"] for rule in RULES)] for name in METRIC.findall(expression)}
    assert len(named) > 25
    assert sorted(named - set(series)) == []


def test_recorded_series_that_alerts_use_are_recorded():
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    used = {name for rule in RULES for name in re.findall(r"\bsightline:\w+(?::\w+)*", rule["expr"])}
    assert used - recorded == set()
    assert recorded and used


# Added by Prometheus when it scrapes, and by its service discovery in Kubernetes.
SCRAPE_LABELS = {"job", "instance", "namespace", "pod"}


def test_every_label_that_is_selected_or_grouped_by_is_offered(series):
    for expression in [*BOARD_EXPRESSIONS, *(rule["expr"] for rule in RULES)]:
        labels = {label for selector in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*[=!]", selector)}
        labels |= {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(",")}
        of_metrics = set().union(*(series.get(name, set()) for name in METRIC.findall(expression)))
        if of_metrics:
            assert labels - SCRAPE_LABELS - of_metrics == set(), expression


def test_each_panel_has_a_title_a_unit_a_description_and_queries():
    assert len(PANELS) > 20
    for panel in PANELS:
        assert panel["title"] and panel["description"], panel["id"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"] and all(target["expr"] for target in panel["targets"]), panel["title"]
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_panels_do_not_overlap():
    taken = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_each_alert_says_how_bad_it_is_where_and_what_to_do():
    alerts = [rule for rule in RULES if "alert" in rule]
    assert len(alerts) > 10
    for alert in alerts:
        assert alert["labels"]["severity"] in ("warning", "critical"), alert["alert"]
        assert "$labels.instance" in alert["annotations"]["summary"] and alert["annotations"]["description"], alert["alert"]


def test_prometheus_accepts_the_rules_and_the_queries_of_the_board(tmp_path):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    queries = [re.sub(r"\$__rate_interval", "5m", expression).replace("$job", ".*").replace("$instance", ".*") for expression in BOARD_EXPRESSIONS]
    (tmp_path / "board.yml").write_text(json.dumps({"groups": [{"name": "board", "rules": [
        {"record": f"board:query:{number}", "expr": query} for number, query in enumerate(queries)]}]}))
    for file in (RULES_FILE, tmp_path / "board.yml"):
        done = run([promtool, "check", "rules", file], {"PATH": "/usr/bin"})
        assert done.returncode == 0, done.stdout + done.stderr
    done = run([promtool, "check", "config", ROOT / "deploy/prometheus/scrape.yml"], {"PATH": "/usr/bin"})
    assert done.returncode == 0, done.stdout + done.stderr


def selected(expression, name, **labels):
    """Whether one of the expression's selectors for that metric takes a series with these labels."""
    def fits(selector):
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', selector):
            has = labels.get(label, "")
            equal = re.fullmatch(value, has) is not None if "~" in operator else has == value
            if equal == operator.startswith("!"):
                return False
        return True
    return any(fits(selector) for selector in re.findall(rf"\b{name}\{{([^}}]*)\}}", expression))


def test_health_checks_and_scrapes_are_no_part_of_the_share_of_errors():
    board = next(panel["targets"][0]["expr"].replace("$job", ".*").replace("$instance", ".*") for panel in PANELS
                 if panel["description"].startswith("Share of answers with a status of 500"))
    record = next(rule["expr"] for rule in RULES if rule.get("record") == "sightline:http_errors:ratio5m")
    for expression in (board, record):
        for part, status in zip(expression.split("/ sum"), ("503", "200"), strict=True):
            for route, counts in {"/health/ready": False, "/health/live": False, "/metrics": False, "/v1/embeddings": True, "/elasticsearch": True}.items():
                assert selected(part, "sightline_http_requests_total", job="sightline", route=route, status=status) == counts, (part, route)


def test_only_a_lack_of_room_is_reported_as_one(tmp_path):
    expression = next(rule["expr"] for rule in RULES if rule.get("alert") == "SightlineRefusesForLoad")
    assert "sightline_http_requests_total" not in expression
    for code, counts in {"overloaded": True, "http_429": True, "rate_limited": False, "too_many_wrong_keys": False, "http_413": False}.items():
        assert selected(expression, "sightline_requests_refused_total", job="sightline", code=code) == counts, code
    server = InferenceServer(tmp_path / "log", ["--max-body-bytes", "1kB"])
    try:
        assert embed(server.url, input="x" * 2000)[0] == 413
        with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
            assert 'sightline_requests_refused_total{code="http_413"} 1' in answer.read().decode()
    finally:
        server.stop()
