"""The check of includes (tests/includes) finds what is against the tables of docs/architecture.md."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "tests/includes/check_includes.py"


@pytest.fixture
def tree(tmp_path):
    """A folder with the project's tables, and nothing else."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/architecture.md", tmp_path / "docs")
    return tmp_path


def faults(folder):
    run = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True, timeout=60)
    assert (run.returncode == 1) == bool(run.stdout), run.stderr
    return run.stdout


@pytest.mark.parametrize("path, line, fault", [
    ("models/image/jpeg.cpp", '#include "models/embedder.h"', "models/image may not use models "),
    ("server/serving/queue.h", '#include "server/http/message.h"', "server/serving may not use server/http "),
    ("server/elastic/definitions/index.cpp", '#include "server/elastic/pipelines/pipeline.h"', "server/elastic/definitions may not use server/elastic/pipelines "),
    ("base/split.h", "#include <curl/curl.h>", "<curl/curl.h> is included in server/http only"),
    ("server/elastic/front.cpp", '#include "server/elastic/gateway/gateway.h"', "server/elastic/front.h may not use server/elastic/gateway "),
])
def test_a_wrong_include_is_named(tree, path, line, fault):
    (tree / path).parent.mkdir(parents=True)
    (tree / path).write_text(f"#pragma once\n{line}\n")
    assert faults(tree).startswith(f"{path}:2: {fault}")


def test_a_folder_without_a_row_is_named(tree):
    (tree / "models/new_room").mkdir(parents=True)
    (tree / "models/new_room/file.h").write_text("#pragma once\n")
    assert faults(tree) == "models/new_room/file.h: no row of docs/architecture.md is about its folder\n"


def test_an_include_that_the_tables_allow_is_no_fault(tree):
    source = tree / "models/towers/clip.cpp"
    source.parent.mkdir(parents=True)
    source.write_text('#include "models/kernels/arena.h"\n#include "base/result.h"\n#include <ATen/ATen.h>\n#include <vector>\n')
    assert faults(tree) == ""


def test_two_rooms_that_use_each_other_are_a_fault(tree):
    text = (ROOT / "docs/architecture.md").read_text()
    for room, uses in (("server/http", "server/serving"), ("server/serving", "server/http")):
        row = next(line for line in text.splitlines() if line.startswith(f"| `{room}` |"))
        text = text.replace(row, row[: row.rindex("|", 0, -1)] + f"| `{uses}` |")
    (tree / "docs/architecture.md").write_text(text)
    assert "server/http and server/serving use each other" in faults(tree)
