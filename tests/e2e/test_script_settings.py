"""Settings files and URLs of the scripts: what is read, what is refused, and what must be seen nowhere."""

import base64
import os
import re
import shutil
import urllib.parse

import pytest

from conftest import BIN, DEMO, ROOT, run
from fake_server import fake

NOTHING = {"PATH": os.environ["PATH"]}


def search(*arguments, script="search.sh", folder=None, **variables):
    done = run(["env", "-C", folder or "/", ROOT / "scripts" / script, *arguments, *(["words"] if script == "search.sh" else [])], {**NOTHING, **variables})
    assert "unbound variable" not in done.stderr and "invalid variable name" not in done.stderr, done.stderr
    return done


@pytest.fixture()
def cluster():
    """The address of a cluster that has no index, with the credentials that it was sent."""
    seen = []

    def answer(method, path, headers):
        seen.append(headers.get("Authorization"))
        return 404, {"error": {"type": "index_not_found_exception", "reason": "no such index"}}

    with fake(answer, with_headers=True) as at:
        yield at, seen


@pytest.mark.parametrize("text, key", [
    ("ELASTICSEARCH_URL=http://AT\nELASTICSEARCH_API_KEY=abcd=", "abcd="),
    ("\ufeffELASTICSEARCH_URL=http://AT\r\nELASTICSEARCH_API_KEY=abcd==\r\n", "abcd=="),
    ("  export  ELASTICSEARCH_URL = \"http://AT/\"  \n\n # a comment\nELASTICSEARCH_API_KEY='a\"b'\n", 'a"b'),
    ("ELASTICSEARCH_API_KEY=first\nELASTICSEARCH_API_KEY=\"\"last\"\"\nELASTICSEARCH_URL=http://AT\n", '"last"'),
    ("my.setting=1\nELASTICSEARCH_URL ES_LOCAL_URL=x\nES_LOCAL_URL=http://AT\nES_LOCAL_API_KEY=k\n", "k"),
    ("ES_LOCAL_PORT=PORT\nES_LOCAL_URL=http://127.0.0.1:${ES_LOCAL_PORT}\nES_LOCAL_API_KEY=k\nES_LOCAL_JAVA_OPTS=\"-Xms1g -Xmx1g\"\n", "k"),
    ("ES_LOCAL_URL=http://127.0.0.1:${ES_LOCAL_PORT}\nES_LOCAL_PORT=PORT\nES_LOCAL_API_KEY=k", "k"),
    ("ES_LOCAL_API_KEY=k${ES_LOCAL_PORT}${ES_LOCAL_PORT}${OTHER}\nES_LOCAL_PORT=1\nES_LOCAL_PORT=2\nES_LOCAL_URL=http://AT\n", "k22${OTHER}"),
    ("ES_LOCAL_API_KEY=k${ES_LOCAL_PORT}\nES_LOCAL_URL=http://AT\n", "k${ES_LOCAL_PORT}"),
    ("status=7\nreadonly=1\nUID=5\nIFS=/\nwhere=here\nELASTICSEARCH_URL=http://AT\nELASTICSEARCH_API_KEY=k\n", "k"),
    ("http_proxy=http://127.0.0.1:1\nLD_PRELOAD=/no/such.so\nPATH=/nowhere\nELASTICSEARCH_URL=http://AT\nELASTICSEARCH_API_KEY=k\n", "k"),
])
def test_a_settings_file_is_read_as_the_loader_reads_it(cluster, tmp_path, text, key):
    at, seen = cluster
    (tmp_path / "picture.jpg").touch()
    (tmp_path / ".env").write_text(text.replace("AT", at).replace("PORT\n", at.split(":")[1] + "\n"), newline="")
    done = search(folder=tmp_path)
    assert f"no index clip-images at http://127.0.0.1:{at.split(':')[1]}:" in done.stderr and "no such.so" not in done.stderr, done.stderr
    assert seen == [f"ApiKey {key}"]
    loaded = run(["env", "-C", tmp_path, BIN / "sightline-ingest", tmp_path, "--index", "clip-images"], NOTHING)
    assert "no index clip-images" in loaded.stderr and seen == 2 * [f"ApiKey {key}"], loaded.stderr


@pytest.mark.parametrize("line", ["x[$(touch${IFS}ran)]=1", "x=$(touch ran)", "ELASTICSEARCH_API_KEY=$(touch ran)", "ELASTICSEARCH_API_KEY=`touch ran`",
                                  "ELASTICSEARCH_USER[$(touch${IFS}ran)]=1", "BASH_ENV=code", "PROMPT_COMMAND=. ./code"])
def test_nothing_in_a_settings_file_is_run(cluster, tmp_path, line):
    (tmp_path / ".env").write_text(f"{line}\nELASTICSEARCH_URL=http://{cluster[0]}\n")
    (tmp_path / "code").write_text("touch ran")
    assert "no index clip-images" in search(folder=tmp_path).stderr
    assert not (tmp_path / "ran").exists()


def test_the_environment_takes_precedence(cluster, tmp_path):
    at, seen = cluster
    (tmp_path / "settings").write_text("ELASTICSEARCH_URL=http://127.0.0.1:1\nELASTICSEARCH_API_KEY=of-the-file\n")
    assert "no index" in search("--env-file", tmp_path / "settings", ELASTICSEARCH_URL=f"http://{at}").stderr
    assert seen == ["ApiKey of-the-file"]


def test_a_settings_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "settings").write_text("# the cluster\n\nELASTICSEARCH_URL\n")
    assert "settings, line 3: expected KEY=VALUE or a comment" in search("--env-file", tmp_path / "settings").stderr
    (tmp_path / "settings").write_text("=1\n")
    assert "settings, line 1: expected KEY=VALUE or a comment" in search("--env-file", tmp_path / "settings").stderr
    for file in (tmp_path, tmp_path / "missing"):
        done = search("--env-file", file)
        assert done.returncode == 1 and f"the settings file {file} (--env-file) cannot be read" in done.stderr
    (tmp_path / "folder/.env").mkdir(parents=True)
    assert "the settings file .env (--env-file) cannot be read: it is a folder" in search(folder=tmp_path / "folder").stderr
    (tmp_path / "without a port").write_text("ES_LOCAL_URL=http://localhost:${ES_LOCAL_PORT}\n")
    assert "ES_LOCAL_URL is 'http://localhost:${ES_LOCAL_PORT}', which is not a URL" in search("--env-file", tmp_path / "without a port").stderr
    (tmp_path / "comment").write_text("ELASTICSEARCH_URL=http://127.0.0.1:9200 # the store\n")
    assert "ELASTICSEARCH_URL is 'http://127.0.0.1:9200 # the store', which is not a URL" in search("--env-file", tmp_path / "comment").stderr


def test_every_setting_of_the_example_and_of_the_help_is_read(tmp_path):
    example = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
    described = re.findall(r"^  ([A-Z]+_[A-Z_]+)  ", run([ROOT / "scripts/register_endpoints.sh", "--help"], NOTHING).stdout, re.M)
    names = sorted({*example, *described})
    assert len(names) >= 11
    (tmp_path / "settings").write_text("".join(f"{name}=of {name}\n" for name in names))
    done = run(["bash", "-euc", f". {ROOT}/scripts/messages.bash; . {ROOT}/scripts/settings.bash; read_settings {tmp_path}/settings; env"], NOTHING)
    assert [name for name in names if f"{name}=of {name}\n" not in done.stdout] == [], done.stderr


@pytest.mark.parametrize("password", ["hun@ter2", 'p"w\\ä%', "a:b", "100%", "#?&"])
def test_a_password_in_the_url_arrives_whole_and_is_shown_nowhere(cluster, password):
    at, seen = cluster
    raw = password.replace("%", "%25")
    for written in (urllib.parse.quote(password), raw):
        done = search("--env-file", "/dev/null", ELASTICSEARCH_URL=f"http://me:{written}@{at}")
        assert f"no index clip-images at http://{at}:" in done.stderr
        assert seen.pop() == "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
        loaded = run([BIN / "sightline-ingest", DEMO / "pictures", "--index", "clip-images", "--env-file", "/dev/null"], {**NOTHING, "ELASTICSEARCH_URL": f"http://me:{written}@{at}"})
        assert "no index clip-images" in loaded.stderr and seen.pop() == "Basic " + base64.b64encode(f"me:{password}".encode()).decode(), loaded.stderr
    unreachable = search("--env-file", "/dev/null", ELASTICSEARCH_URL=f"http://me:{raw}@127.0.0.1:1").stderr
    assert "nothing listens at http://127.0.0.1:1:" in unreachable
    for command in ([BIN / "sightline-ingest", DEMO / "pictures", "--index", "clip-images"], [BIN / "sightline-eval", DEMO / "attributes.csv", "--model", "clip"]):
        done = run([*command, "--env-file", "/dev/null"], {**NOTHING, "ELASTICSEARCH_URL": f"http://me:{raw}@127.0.0.1:1", "SIGHTLINE_URL": f"http://me:{raw}@127.0.0.1:1"})
        assert done.returncode == 3 and "127.0.0.1:1" in done.stderr and "me:" not in done.stdout + done.stderr and password not in done.stderr, done.stderr


def test_curls_own_settings_file_is_not_read(cluster, tmp_path):
    at, seen = cluster
    (tmp_path / ".curlrc").write_text(f'verbose\ninclude\nfail\noutput = "{tmp_path}/out"\n')
    done = search("--env-file", "/dev/null", HOME=str(tmp_path), ELASTICSEARCH_URL=f"http://{at}", ELASTICSEARCH_API_KEY="secret")
    assert f"no index clip-images at http://{at}:" in done.stderr and "secret" not in done.stderr, done.stderr
    assert seen == ["ApiKey secret"] and not (tmp_path / "out").exists()
    for script in (ROOT / "scripts").glob("*.*sh"):
        assert re.findall(r"\bcurl -(?!q ).*", script.read_text()) == [], script


SCRIPTS = ["search.sh", "register_endpoints.sh", "load_demo.sh"]


@pytest.mark.parametrize("scripts, variable, value, says", [
    (SCRIPTS, "SIGHTLINE_URL", "http://u:hunter2@127.0.0.1:1", "A key of Sightline belongs in SIGHTLINE_API_KEY"),
    (SCRIPTS, "SIGHTLINE_CHECK_URL", "http://u:hun@ter2@127.0.0.1:1", "A key of Sightline belongs in SIGHTLINE_API_KEY"),
    (["register_endpoints.sh"], "SIGHTLINE_GATEWAY_URL", "http://u:hunter2@127.0.0.1:1", "The gateway gets the cluster's credentials"),
    (["register_endpoints.sh"], "COHERE_URL", "http://u:hunter2@127.0.0.1:1", "A key of Cohere belongs in COHERE_API_KEY"),
    (SCRIPTS, "ELASTICSEARCH_URL", "http://me:hun/hunter2@127.0.0.1:1", "write / in a password as %2F"),
    (SCRIPTS, "ELASTICSEARCH_URL", "me:hunter2@127.0.0.1:1", "which is not a URL"),
    (SCRIPTS, "SIGHTLINE_URL", "u:hun@ter2@127.0.0.1:1", "which is not a URL"),
])
def test_a_url_that_would_show_a_password_is_refused_without_showing_it(scripts, variable, value, says):
    for script in scripts:
        done = search("--env-file", "/dev/null", script=script, **{variable: value})
        assert done.returncode == 1 and f"{variable} " in done.stderr and says in done.stderr, done.stderr
        assert "hun" not in done.stderr + done.stdout and "ter2" not in done.stderr + done.stdout


@pytest.mark.parametrize("url", ["http://me:hun/ter2@127.0.0.1:1", "me:hun/ter2@127.0.0.1:1"])
def test_programs_refuse_a_url_that_may_show_a_password(url):
    for command, code in (
            ([BIN / "sightline-ingest", DEMO / "pictures", "--index", "clip-images", "--env-file", "/dev/null", "--elasticsearch", url], 2),
            ([BIN / "sightline-eval", DEMO / "attributes.csv", "--model", "clip", "--env-file", "/dev/null", "--server", url], 2),
            (["python3", ROOT / "scripts/demo_queries.py", "--elasticsearch", url, "--pictures", DEMO / "pictures"], 2),
            (["env", f"HF_ENDPOINT={url}", ROOT / "scripts/download_model.sh", "--dry-run", "clip-b32"], 1)):
        done = run(command, NOTHING)
        assert done.returncode == code and "ter2" not in done.stdout + done.stderr and "hun" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert "%2F" in done.stderr or "ELASTICSEARCH_USER" in done.stderr


def test_the_demos_server_gets_no_settings_of_another_server(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "demo/pictures").mkdir(parents=True)
    programs = {"scripts/install_dependencies.sh": "", "bin/cmake": "", "build/release/bin/sightline-server": "env | grep '^SIGHTLINE_'; echo started; exit 1"}
    for name, text in programs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/bash\nexec >&2\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = run([tmp_path / "scripts/demo.sh", "--once"], {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SIGHTLINE_HOST": "0.0.0.0", "SIGHTLINE_API_KEY_FILE": "keys"})
    assert done.returncode == 1 and "the server did not start:\nstarted\n" in done.stderr, done.stderr


@pytest.mark.parametrize("option", [["--elasticsearch", "http://me:hunter2@127.0.0.1:1"], ["--model", "clip="]])
def test_the_demo_refuses_such_a_url_and_an_empty_folder(option):
    done = run([ROOT / "scripts/demo.sh", "--once", *option, "--pictures", "/no/such/folder"], NOTHING)
    assert done.returncode == 2 and option[0] in done.stderr and "no folder" not in done.stderr and "hunter2" not in done.stderr


def test_what_is_shown_has_no_control_characters():
    texts = "a\x1b]0;title\x07\x9bb\x7f\x08 ä…\tc\nd"
    shown = run(["bash", "-uc", f'program=p; . {ROOT}/scripts/messages.bash; say "$1"; fail "$1"', "bash", texts], {**NOTHING, "LC_ALL": "C.UTF-8"})
    assert shown.stdout == "a?]0;title??b?? ä…\tc\nd\n" and shown.stderr == "p: " + shown.stdout and shown.returncode == 1
