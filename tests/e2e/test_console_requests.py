"""The requests of es_config/console, as a person pastes them into Dev Tools, one file after the other."""

import json
import secrets

import pytest

from conftest import KINDS, ROOT, StandIn, running

CONSOLE = ROOT / "es_config/console"
IN_ORDER = ["clip", "jina-clip", "cohere", "listings"]
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


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    """A server with nothing in it, and the stand-in in Cohere's place."""
    (tmp_path / "secret.key").write_text(secrets.token_hex(32))
    cohere = StandIn(tmp_path / "cohere.log")
    try:
        with running(request.param, tmp_path, ["--cohere", "--cohere-url", cohere.url, "--secret-key-file", tmp_path / "secret.key"]) as sightline:
            sightline.cohere = cohere.url
            yield sightline
    finally:
        cohere.stop()


def sent(body, server, local_dims):
    """What a person changes before sending it: addresses, the key, and the dimensions, as the demo models have fewer than the true ones."""
    body = body.replace("http://127.0.0.1:8080", server.url).replace("<COHERE_API_KEY>", "any")
    body = body.replace('"service": "cohere",\n  "service_settings": {', f'"service": "cohere",\n  "service_settings": {{ "url": "{server.cohere}",')
    return body.replace('"dims": 768', f'"dims": {local_dims}') if body.strip() else None


def test_every_request_succeeds(server):
    assert sorted(path.stem for path in CONSOLE.iterdir()) == sorted(IN_ORDER)
    local_dims = None
    for name in IN_ORDER:
        dims = None
        requests = requests_of((CONSOLE / f"{name}.console").read_text())
        assert len(requests) >= 5, name
        for method, path, body in requests:
            status, answer = server.es(method, path, sent(body, server, local_dims))
            assert status in (200, 201), (name, method, path, status, json.dumps(answer)[:600])
            if path.startswith("/_inference") and method == "PUT":
                dims = answer["service_settings"]["dimensions"]
                local_dims = local_dims or dims
            if path.endswith("_search"):
                assert answer["hits"]["hits"][0]["_source"]["image_name"] == "dot.png", (name, path)
            if path.endswith("_simulate"):
                assert len(answer["docs"][0]["doc"]["_source"]["image_embedding"]) == dims
