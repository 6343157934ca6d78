"""packaging/ and deploy/: the options, commands and names that they use exist."""

import json
import os
import re
import shutil

import pytest

from conftest import BIN, ROOT, run

yaml = pytest.importorskip("yaml")

KUBERNETES = ROOT / "deploy/kubernetes"
MANIFESTS = {path.name: list(yaml.safe_load_all(path.read_text())) for path in sorted(KUBERNETES.glob("*.yaml"))}
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
# Of the scripts (--help of register_endpoints.sh), and of the compose file itself.
OTHER_SETTINGS = {"SIGHTLINE_URL", "SIGHTLINE_CHECK_URL", "SIGHTLINE_API_KEY", "SIGHTLINE_CA_FILE", "SIGHTLINE_IMAGE"}


@pytest.fixture(scope="module")
def settings():
    done = run([BIN / "sightline-server", "--help"], {"PATH": os.environ["PATH"]})
    return set(re.findall(r"\(Env:(\w+)\)", done.stdout))


@pytest.mark.parametrize("file", [path.relative_to(ROOT).as_posix() for folder in ("packaging", "deploy") for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
                         + ["docs/deployment.md"])
def test_each_setting_is_an_option(file, settings):
    named = set(re.findall(r"\bSIGHTLINE_[A-Z_]+\b", (ROOT / file).read_text()))
    assert named - settings - OTHER_SETTINGS == set()


def test_the_service_is_given_more_time_to_stop_than_the_server_takes():
    unit = (ROOT / "packaging/systemd/sightline.service.in").read_text()
    drain = re.search(r"--drain-timeout TIME(?:=| \[)(\d+)s", run([BIN / "sightline-server", "--help"], {"PATH": os.environ["PATH"]}).stdout)
    stop = re.search(r"^TimeoutStopSec=(\d+)s$", unit, re.M)
    assert int(stop[1]) >= int(drain[1]) + 5
    pod = next(document for document in MANIFESTS["deployment.yaml"] if document["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= int(drain[1]) + 10


def test_systemd_accepts_the_units(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    for file in (ROOT / "packaging/systemd").glob("*.in"):
        text = file.read_text().replace("@PREFIX@/bin/", "/bin/true ").replace("@PREFIX@", "/usr").replace("@ETC@", "/etc")
        assert "@" not in re.sub(r"^SystemCallFilter=.*|^#.*", "", text, flags=re.M)
        (tmp_path / file.stem).write_text(text)
    done = run(["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()], {"PATH": os.environ["PATH"]})
    # Warnings about other units of this machine do not count.
    ours = [line for line in done.stderr.splitlines() if "sightline" in line]
    assert ours == []


def test_no_command_of_a_container_has_a_password_in_its_command_line():
    for name, service in COMPOSE["services"].items():
        commands = json.dumps([service.get("command"), service.get("healthcheck")])
        # What a shell replaces may be printed into a pipe, by a command of the shell itself.
        rest = re.sub(r"printf '[^']*' \\+\"\$\$\w+\\+\"", "", commands)
        assert not re.search(r"\$\$?\{?\w*(PASSWORD|KEY)", rest), (name, rest)


def test_passwords_with_quotes_reach_curl_as_they_are(tmp_path):
    password = 'a"b\\c$d\'e'
    (tmp_path / "curl").write_text('#!/bin/bash\nwhile [ $# -gt 0 ]; do [ "$1" != --config ] || cat "$2" >"$CONFIG"; shift; done\n')
    (tmp_path / "curl").chmod(0o755)
    services = COMPOSE["services"]
    commands = [["sh", "-c", services["elasticsearch"]["healthcheck"]["test"][1]], ["bash", "-euc", services["kibana-user"]["command"][0]]]
    for number, command in enumerate(commands):
        config = tmp_path / f"config-{number}"
        done = run([*command[:-1], command[-1].replace("$$", "$")], {
            "PATH": f"{tmp_path}:{os.environ['PATH']}", "CONFIG": str(config), "ELASTIC_PASSWORD": password, "KIBANA_PASSWORD": password})
        assert done.returncode == 0, done.stderr
        value = re.fullmatch(r'user = "elastic:(.*)"\n', config.read_text())[1]
        assert re.sub(r"\\(.)", r"\1", value) == password and not re.search(r'(?<!\\)(\\\\)*"', value)


def test_passwords_are_written_to_a_file_that_only_their_owner_reads():
    head = (ROOT / "deploy/compose.yaml").read_text().split("\nname:")[0]
    assert "umask 077" in head.split(">.env")[0]


def test_haproxy_sends_no_write_to_elasticsearch_again():
    text = re.sub(r"#.*", "", (ROOT / "deploy/haproxy.cfg").read_text())
    sections = dict(re.findall(r"^(\w+(?: \w+)?)\n((?:[ \t].*\n|\n)*)", text, re.M))
    assert "retry-on conn-failure empty-response" in sections["defaults"]
    assert "http-request disable-l7-retry if { path_beg /elasticsearch }" in sections["backend sightline"]
    assert "retry-on conn-failure\n" in sections["backend gateways"]


def test_each_command_of_the_documentation_is_installed():
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.sh")}
    for file in ("docs/deployment.md", "deploy/compose.yaml", "packaging/sightline.env.in", *(f"deploy/kubernetes/{name}" for name in MANIFESTS)):
        for command in re.findall(r"\bsightline-((?:register|search|load|make|download|verify)[a-z-]*)", (ROOT / file).read_text()):
            if command != "demo" and not command.startswith(("model-clip", "models")):
                assert command.replace("-", "_") in scripts, (file, command)


def test_services_of_the_compose_file_depend_on_services_and_volumes_that_exist():
    services = COMPOSE["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or source.startswith(("$", ".", "/")), (name, volume)
        for waited, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                # Sightline's image has a check of its own.
                assert "healthcheck" in services[waited] or waited == "sightline", (name, waited)
            if how["condition"] == "service_completed_successfully":
                assert services[waited]["restart"] == "no", (name, waited)
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)


def test_names_and_labels_of_the_manifests_fit_together():
    everything = [document for documents in MANIFESTS.values() for document in documents]
    deployment = next(document for document in everything if document["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    names = {(document["kind"], document["metadata"]["name"]) for document in everything if "metadata" in document}
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for document in everything:
        if document["kind"] == "Service":
            assert document["spec"]["selector"].items() <= labels.items()
        if document["kind"] in ("PodDisruptionBudget", "NetworkPolicy"):
            selector = document["spec"].get("selector") or document["spec"]["podSelector"]
            assert selector["matchLabels"].items() <= labels.items()
        if document["kind"] == "HorizontalPodAutoscaler":
            assert ("Deployment", document["spec"]["scaleTargetRef"]["name"]) in names
    pod = deployment["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    container = pod["containers"][0]
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert ("Secret", volumes["api-keys"]["secret"]["secretName"]) in names
    assert ("PersistentVolumeClaim", volumes["models"]["persistentVolumeClaim"]["claimName"]) in names
    assert ("ConfigMap", container["envFrom"][0]["configMapRef"]["name"]) in names
    listed = set(MANIFESTS["kustomization.yaml"][0]["resources"])
    assert listed == {name for name in MANIFESTS if name != "kustomization.yaml" and ".example." not in name}


def test_images_of_the_manifests_have_the_version_of_the_project():
    version = re.search(r"project\(Sightline VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    for name in ("deployment.yaml", "download-model.example.yaml"):
        assert f"image: sightline:{version}\n" in (KUBERNETES / name).read_text()


def test_every_pod_runs_without_privileges():
    for name in ("deployment.yaml", "download-model.example.yaml"):
        pod = MANIFESTS[name][0]["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"] and context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]
