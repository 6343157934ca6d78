"""The requests of es_config/console, as a person pastes them into Dev Tools."""

import json

import pytest

from conftest import ROOT

METHODS = ("GET ", "PUT ", "POST ", "DELETE ")


def requests_of(text):
    found = []
    for line in text.splitlines():
        if line.startswith(METHODS):
            method, path = line.split(maxsplit=1)
            found.append([method, "/" + path, ""])
        elif found and not line.startswith("#"):
            found[-1][2] += line + "\n"
    return found


@pytest.mark.parametrize("file", sorted((ROOT / "es_config/console").glob("*.console")), ids=lambda file: file.name)
def test_every_request_succeeds(server, file):
    dims = None
    requests = requests_of(file.read_text())
    assert len(requests) >= 8
    for method, path, body in requests:
        body = body.replace("http://127.0.0.1:8080", server.url)
        if dims is not None:
            body = body.replace('"dims": 768', f'"dims": {dims}')  # the demo models' are fewer than the true ones'
        status, answer = server.es(method, path, body if body.strip() else None)
        assert status in (200, 201), (method, path, status, json.dumps(answer)[:600])
        if path.startswith("/_inference") and method == "PUT":
            dims = answer["service_settings"]["dimensions"]
        if path.endswith("_search"):
            assert answer["hits"]["hits"][0]["_source"]["image_name"] == "dot.png"
        if path.endswith("_simulate"):
            assert len(answer["docs"][0]["doc"]["_source"]["image_embedding"]) == dims
