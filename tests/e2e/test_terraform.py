"""deploy/terraform/main.tf registers what scripts/register_endpoints.sh registers: read as text, since Terraform is not needed for the tests."""

import json
import os
import re

import pytest

from conftest import DEMO, ROOT, InferenceServer, call, run

TEXT = (ROOT / "deploy/terraform/main.tf").read_text()
INDEX_OF = dict(re.findall(r'"([\w-]+)" = "([\w-]+)"', re.search(r"index_of\s+= \{(.*)\}", TEXT)[1]))
# What the file replaces in each folder of es_config: ("inference", "${id}", "@SIGHTLINE_URL@", "var.sightline_url"), ...
REPLACED = re.findall(r'replace\(file\("\$\{local\.es_config\}/(\w+)/([^"]*)\.json"\), "((?:[^"\\]|\\.)*)", (.+)\)\n', TEXT)


def filled(folder, name, model, values):
    """A file of es_config as main.tf fills it in."""
    (pattern, placeholder, expression), = [rest for where, *rest in REPLACED if where == folder]
    assert pattern in ("${id}", "${local.index_of[model]}")
    placeholder = placeholder.replace('\\"', '"').replace("${model}", model)
    text = (ROOT / f"es_config/{folder}/{name}.json").read_text()
    assert placeholder in text
    text = text.replace(placeholder, str(values[expression]))
    assert not re.search(r"@[A-Z]", text), f"a placeholder that main.tf does not fill in: {text}"
    return json.loads(text)


def printed(server, model, **settings):
    """The requests of the script: {"clip-images": {...}, ...} by method and path."""
    environment = {"PATH": os.environ["PATH"], "SIGHTLINE_URL": server.url, **settings}
    done = run([ROOT / "scripts/register_endpoints.sh", "--models", model, "--dry-run", "--env-file", "/dev/null"], environment)
    assert done.returncode == 0, done.stderr
    requests = re.split(r"^PUT (\S+)\n", done.stdout, flags=re.M)[1:]
    return {path: json.loads(body) for path, body in zip(requests[::2], requests[1::2])}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A server with both models."""
    server = InferenceServer(tmp_path_factory.mktemp("terraform") / "server.log", ["--model", f"jina-clip={DEMO / 'models/demo-jina-clip'}"])
    yield server
    assert server.stop() == 0


@pytest.mark.parametrize("model", INDEX_OF)
@pytest.mark.parametrize("key", ["", "a-key"])
def test_terraform_registers_what_the_script_registers(both, model, key):
    served = call("GET", f"{both.url}/v1/models/{model}")[1]
    values = {"var.sightline_url": both.url, "served.fingerprint": served["fingerprint"], "tostring(served.dims)": served["dims"]}
    index = INDEX_OF[model]
    wanted = printed(both, model, **({"SIGHTLINE_API_KEY": key} if key else {}))

    made = {}
    for role in re.search(r"toset\(flatten\(\[for model in keys\(var\.models\) : \[(.*)\]\]\)\)", TEXT)[1].split(", "):
        name = role.strip('"').replace("${model}", model)
        endpoint = filled("inference", name, model, values)
        if key:
            header = re.search(r'key_header = .*\{ (\w+) = "(.*)" \}', TEXT)
            endpoint["service_settings"]["headers"][header[1]] = header[2].replace("$$", "$")
            secret = re.search(r"key_secret = .*\{ (\w+) = \{ (\w+) = var\.sightline_api_key \} \}", TEXT)
            endpoint["service_settings"][secret[1]] = {secret[2]: "<SIGHTLINE_API_KEY>"}
        made[f"_inference/text_embedding/{name}"] = endpoint
    pipeline = filled("pipelines", index, model, values)
    made[f"_ingest/pipeline/{index}"] = pipeline
    body = filled("indices", index, model, values)
    meta = {"model": model, "fingerprint": served["fingerprint"]}
    made[index] = {**body, "mappings": {**body["mappings"], "_meta": {"sightline": {"image_embedding": meta}}}}
    if served["demo"]:
        wanted[index]["mappings"]["_meta"]["sightline"]["image_embedding"].pop("demo")
    assert made == wanted

    # What the files have is what the resources read.
    assert set(pipeline) == set(re.findall(r"local\.pipeline\[each\.key\]\.(\w+)", TEXT))
    assert set(body["settings"]["index"]) == set(re.findall(r"local\.index\[each\.key\]\.settings\.index\.(\w+)", TEXT))
    assert all(set(endpoint) == {"service", "service_settings"} for path, endpoint in made.items() if path.startswith("_inference"))
    assert '_meta = { sightline = { image_embedding = { model = each.key, fingerprint = each.value.fingerprint } } }' in TEXT
