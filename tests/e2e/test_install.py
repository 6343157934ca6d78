"""cmake --install: programs, scripts, man pages and completions work from where they are installed, wherever that is."""

import gzip
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import BIN, ROOT, Program, call, run
from test_verify_model import numbers_for, reference, right_logits  # noqa: F401: a fixture

BUILD = BIN.parent
PROGRAMS = ["sightline-server", "sightline-ingest", "sightline-eval"]
COMMANDS = {"sightline-register-endpoints": "register_endpoints", "sightline-search": "search", "sightline-load-demo": "load_demo",
            "sightline-make-api-key": "make_api_key", "sightline-download-model": "download_model", "sightline-verify-model": "verify_model"}
NO_SETTINGS = {"HOME": "/", "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The installed folder, moved after the installation: nothing in it may depend on where it was put."""
    folder = tmp_path_factory.mktemp("install")
    done = run(["cmake", "--install", BUILD, "--prefix", folder / "first"], os.environ)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    shutil.move(folder / "first", folder / "moved here")
    return folder / "moved here"


@pytest.fixture(scope="module")
def environment(installed):
    return {**NO_SETTINGS, "PATH": f"{installed / 'bin'}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def version():
    return re.search(r"project\(Sightline VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_prints_the_version_of_the_project(environment, program, version):
    assert run([program, "--version"], environment).stdout == f"{program} {version}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_its_help(environment, command):
    done = run([command, "--help"], environment)
    assert done.returncode == 0 and f"scripts/{COMMANDS[command]}.sh" in done.stdout, done.stderr


def test_the_demo_is_loaded_searched_and_removed(installed, environment, tmp_path):
    shared = installed / "share/sightline"
    server = Program(["env", "-i", installed / "bin/sightline-server", "--model", f"clip={shared / 'demo/models/demo-clip'}", "--port", "0",
                      "--embedded-elasticsearch", "--data-dir", tmp_path / "data", "--elasticsearch-port", "0"], tmp_path / "log")
    try:
        settings = {**environment, "SIGHTLINE_URL": server.announced("ready "), "ELASTICSEARCH_URL": server.announced("elasticsearch ")}
        loaded = subprocess.run(["sightline-load-demo", "--if-new"], env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert loaded.returncode == 0 and "open the page: " in loaded.stdout, loaded.stdout + loaded.stderr
        assert call("GET", settings["ELASTICSEARCH_URL"] + "/clip-images/_count")[1]["count"] == len(list((shared / "demo/pictures").iterdir()))
        found = run(["sightline-search", "--env-file", "/dev/null", "--size", "1", shared / "demo/pictures/000000.jpg"], settings)
        assert "000000.jpg" in found.stdout, found.stdout + found.stderr
        again = run(["sightline-load-demo", "--if-new", "--env-file", "/dev/null"], settings)
        assert again.returncode == 0 and "exists already: nothing to load" in again.stdout, again.stdout + again.stderr
        removed = run(["sightline-load-demo", "--remove", "--env-file", "/dev/null"], settings)
        assert removed.returncode == 0, removed.stdout + removed.stderr
        assert call("GET", settings["ELASTICSEARCH_URL"] + "/clip-images")[0] == 404
        written = run(["sightline-register-endpoints", "--env-file", "/dev/null", "--console", tmp_path / "console"], settings)
        assert written.returncode == 0 and (tmp_path / "console/clip.console").exists(), written.stderr
    finally:
        server.stop()


def test_the_demo_is_not_loaded_without_a_demo_model(installed, environment, tmp_path):
    model = installed / "share/sightline/demo/models/demo-clip"
    server = Program([installed / "bin/sightline-server", "--model", f"mine={model}", "--port", "0", "--embedded-elasticsearch",
                      "--data-dir", tmp_path / "data", "--elasticsearch-port", "0"], tmp_path / "log")
    try:
        settings = {**environment, "SIGHTLINE_URL": server.announced("ready "), "ELASTICSEARCH_URL": server.announced("elasticsearch ")}
        left = run(["sightline-load-demo", "--if-new", "--env-file", "/dev/null"], settings)
        assert left.returncode == 0 and "nothing to load" in left.stdout, left.stderr
        refused = run(["sightline-load-demo", "--env-file", "/dev/null"], settings)
        assert refused.returncode == 1 and "--model clip=" in refused.stderr
    finally:
        server.stop()


def test_the_installed_server_is_the_one_that_verifies_a_model(installed, reference, tmp_path):
    """A copy of the folder, in which a program that leaves a file stands before the server."""
    copy = shutil.copytree(installed, tmp_path / "copy", symlinks=True, copy_function=os.link)
    server = copy / "bin/sightline-server"
    server.rename(copy / "bin/the server")
    server.write_text(f'#!/bin/sh\n>"{tmp_path}/started"\nexec "{copy}/bin/the server" "$@"\n')
    server.chmod(0o755)
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps(numbers_for(reference, right_logits(reference))))
    shared = copy / "share/sightline"
    done = run([copy / "bin/sightline-verify-model", shared / "demo/models/demo-clip", "--numbers", numbers, "--pictures", shared / "demo/pictures", "--offline"],
               {**NO_SETTINGS, "PATH": os.environ["PATH"]})
    assert done.returncode == 0 and "PASS: 5 passed, 0 failed, 0 not run" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "started").exists()


def options_of(program):
    return set(re.findall(r"^ +(?:-h,)?(--[a-z][a-z-]*)", run([BIN / program, "--help"], NO_SETTINGS | {"PATH": os.environ["PATH"]}).stdout, re.M))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_man_page_has_every_option(installed, program, version):
    page = gzip.open(installed / f"share/man/man1/{program}.1.gz", "rt").read()
    assert f'"Sightline {version}"' in page.splitlines()[0]
    options = options_of(program)
    assert len(options) > 10
    plain = page.replace("\\-", "-")
    assert [option for option in options if f"\\fB{option}\\fR" not in plain] == []


@pytest.mark.parametrize("command", [*PROGRAMS, *COMMANDS])
def test_a_man_page_is_laid_out_without_warnings(installed, command):
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    done = run(["man", "--warnings", "-l", installed / f"share/man/man1/{command}.1.gz"], {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "100"})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert re.search(rf"{command} +- +\S", done.stdout), done.stdout[:300]


HELP = """Loads pictures.
Usage: /somewhere/sightline-loader [OPTIONS] FOLDER...

Positionals:
  FOLDER TEXT ... REQUIRED    Folders of pictures

Options:
  -h,--help                   Print this help message and exit
  --column TEXT{old}[file]{end}Names a picture
  --format TEXT:{{text,json}}{old}text{end}
                              Format of the output
  --in-flight INT:INT in [1 - 64]{old}2{end}
                              Simultaneous bulks
  --retries INT:INT in [1 - 64]
                              Without a default
  --resume Excludes: --replace
                              Send what is missing
  --save [NAME]               Save the report

Pictures by URL:
  --model NAME=FOLDER ... (Env:SIGHTLINE_MODEL)
                              A model; repeatable

Examples:
  sightline-loader photos
"""


def test_the_help_of_both_versions_of_cli11_gives_the_same_page(tmp_path):
    pages = []
    for name, old, end, gap in (("debian12", "=", "", " " * 8), ("debian13", " [", "]", " " * 6)):
        (tmp_path / name).write_text("#!/bin/sh\ncat <<'END'\n" + HELP.format(old=old, end=end).replace("Names a", gap + "Names a") + "END\n")
        (tmp_path / name).chmod(0o755)
        done = run(["python3", ROOT / "cmake/manual/make_manual.py", "--command", "sightline-loader", "--version", "1", "--out", tmp_path / f"{name}-out",
                    "--others", "sightline-search", "--", tmp_path / name], {"PATH": os.environ["PATH"]})
        assert done.returncode == 0, done.stderr
        pages.append({file.name: file.read_bytes() for file in (tmp_path / f"{name}-out").iterdir()})
    assert pages[0] == pages[1]
    page = gzip.decompress(pages[0]["sightline-loader.1.gz"]).decode().replace("\\-", "-")
    assert "\\fB--in-flight\\fR \\fIINT\\fR\nSimultaneous bulks. Default: 2." in page
    assert "\\fB--retries\\fR \\fIINT\\fR\nWithout a default.\n" in page
    assert "One of: text, json. Default: text." in page and "Names a picture. Default: file." in page
    assert ".SS Pictures by URL\n" in page
    assert "--save" in page and "\\fI[NAME]\\fR" in page and "Environment: SIGHTLINE_MODEL." in page


def completed(installed, line):
    """What bash offers at the end of a command line."""
    words = re.findall(r"=|[^\s=]+|(?<= )$", line)
    quoted = " ".join(f"'{word}'" for word in words)
    function = "_" + words[0].replace("-", "_")
    script = (f"compopt() {{ :; }}; . '{installed}/share/bash-completion/completions/{words[0]}'; COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}; "
              f"{function} 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return run(["bash", "--norc", "-c", script], {"PATH": os.environ["PATH"]}).stdout.split()


def test_bash_completes_options_choices_and_files(installed, tmp_path):
    assert set(completed(installed, "sightline-server --")) == options_of("sightline-server")
    assert completed(installed, "sightline-server --log-format ") == ["text", "json"]
    assert completed(installed, "sightline-server --log-format j") == ["json"]
    assert completed(installed, "sightline-server --log-format=j") == ["json"]
    assert completed(installed, "sightline-server --port ") == []
    (tmp_path / "keys").touch()
    (tmp_path / "model").mkdir()
    assert completed(installed, f"sightline-server --api-key-file {tmp_path}/k") == [f"{tmp_path}/keys"]
    assert completed(installed, f"sightline-server --model clip={tmp_path}/m") == [f"{tmp_path}/model"]
    assert completed(installed, "sightline-server --model cl") == []
    assert completed(installed, "sightline-register-endpoints --dry") == ["--dry-run"]


@pytest.mark.parametrize("shell, pattern", [("bash", "share/bash-completion/completions/*"), ("zsh", "share/zsh/site-functions/_*"),
                                            ("fish", "share/fish/vendor_completions.d/*.fish")])
def test_the_completions_are_valid_scripts(installed, shell, pattern):
    files = sorted(installed.glob(pattern))
    assert len(files) == len(PROGRAMS) + len(COMMANDS)
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    for file in files:
        done = run([shell, "-n", file], {"PATH": os.environ["PATH"]})
        assert done.returncode == 0, done.stderr


def test_licences_and_documentation_are_installed(installed):
    documentation = installed / "share/doc/sightline"
    for file in ("README.md", "LICENSE", "THIRD_PARTY.md", "docs/server.md", "page_licences/codemirror.LICENSE", "page_licences/inter-latin.LICENSE"):
        assert (documentation / file).stat().st_size > 0
    assert not list(installed.rglob("__pycache__"))
