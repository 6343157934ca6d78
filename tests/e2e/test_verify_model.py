"""scripts/verify_model.sh: with the demo model, whose vectors transformers gave, and with what is not the model it claims to be."""

import json
import math
import os
import struct
import subprocess

import pytest

from conftest import BIN, DEMO, ROOT

MODEL = DEMO / "models/demo-clip"
PICTURE = "000000.jpg"


@pytest.fixture(scope="module")
def reference():
    """transformers' own vectors of this model: {text or picture: unit vector}."""
    parity = json.loads((MODEL / "parity.json").read_text(encoding="utf-8"))
    vectors = {entry["text"]: entry["vector"] for entry in parity["texts"]}
    return vectors | {entry["file"]: entry["vector"] for entry in parity["pictures"]}


def numbers_for(reference, logits):
    """Numbers as others publish them: rounded, cut to the first few, or without unit length."""
    text, other = "a red house with a pool at night", "it's the owner's 2nd café"
    length = 9.37
    return {
        "pictures": {PICTURE: {"url": "http://127.0.0.1:1/absent", "from": "nowhere", "sha256": None}},
        "models": {"demo": {
            "recognise": {"model_type": "clip", "projection_dim": 128},
            "parameters": 1465729,
            "checks": [
                {"kind": "unit", "text": text, "first": [round(x, 4) for x in reference[text][:5]], "tolerance": 1e-3, "source": "transformers"},
                {"kind": "unit", "picture": PICTURE, "first": reference[PICTURE][:10], "tolerance": 1e-3, "source": "transformers"},
                {"kind": "raw", "text": other, "first": [length * x for x in reference[other][:5]], "sum": length * sum(reference[other]),
                 "tolerance": 1e-3, "sum_tolerance": 0.01, "source": "transformers"},
                {"kind": "logits", "picture": PICTURE, "texts": [text, other], "expected": logits, "tolerance": 0.02, "source": "transformers"},
            ],
        }},
    }


def right_logits(reference):
    texts = ["a red house with a pool at night", "it's the owner's 2nd café"]
    scale = logit_scale()
    return [math.exp(scale) * sum(x * y for x, y in zip(reference[PICTURE], reference[text])) for text in texts]


def logit_scale():
    with open(MODEL / "model.safetensors", "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))["logit_scale"]
        file.seek(8 + length + entry["data_offsets"][0])
        return struct.unpack({"F32": "<f", "F16": "<e"}[entry["dtype"]], file.read(entry["data_offsets"][1] - entry["data_offsets"][0]))[0]


def verify(folder, *arguments, **environment):
    return subprocess.run([ROOT / "scripts/verify_model.sh", folder, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "SIGHTLINE_SERVER": str(BIN / "sightline-server"), **environment})


def test_a_model_that_gives_the_published_numbers_passes(reference, tmp_path):
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps(numbers_for(reference, right_logits(reference))))
    done = verify(MODEL, "--numbers", numbers, "--pictures", DEMO / "pictures", "--offline")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS: 5 passed, 0 failed, 0 not run" in done.stdout
    # One number in each, off by more than its tolerance.
    spoilt = numbers_for(reference, right_logits(reference))
    for check, member, change in ((0, "first", 0.01), (1, "first", 0.01), (2, "sum", 0.05), (3, "expected", 0.1)):
        entry = spoilt["models"]["demo"]["checks"][check]
        entry[member] = entry[member] + change if member == "sum" else [entry[member][0] + change, *entry[member][1:]]
    numbers.write_text(json.dumps(spoilt))
    failed = verify(MODEL, "--numbers", numbers, "--pictures", DEMO / "pictures", "--offline")
    assert failed.returncode == 1 and "FAIL: 1 passed, 4 failed" in failed.stdout, failed.stdout + failed.stderr
    assert failed.stdout.count("largest difference") == 4


def test_settings_of_another_server_and_a_proxy_change_nothing(reference, tmp_path):
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps(numbers_for(reference, right_logits(reference))))
    others = {"SIGHTLINE_HOST": "0.0.0.0", "SIGHTLINE_MAX_TOKENS": "model=3", "SIGHTLINE_MAX_CONNECTIONS": "no number", "http_proxy": "http://127.0.0.1:1"}
    done = verify(MODEL, "--numbers", numbers, "--pictures", DEMO / "pictures", "--offline", **others)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_server_that_does_not_answer_is_named(reference, tmp_path):
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps(numbers_for(reference, right_logits(reference))))
    compare = ["python3", ROOT / "scripts/verify_model/compare.py", MODEL, "--pictures", DEMO / "pictures", "--server", "http://127.0.0.1:1", "--offline", "--numbers"]
    done = subprocess.run([*compare, numbers], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "no answer from the server at http://127.0.0.1:1" in done.stdout and not done.stderr, done.stdout + done.stderr
    absent = subprocess.run([*compare, tmp_path / "absent.json"], capture_output=True, text=True, timeout=60)
    assert absent.returncode == 2 and "absent.json (--numbers)" in absent.stderr


def test_what_needs_an_absent_picture_is_not_run_and_never_a_pass(reference, tmp_path):
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps(numbers_for(reference, right_logits(reference))))
    done = verify(MODEL, "--numbers", numbers, "--pictures", tmp_path / "none")  # tries to download it, and cannot
    assert done.returncode == 3 and "INCOMPLETE: 3 passed, 0 failed, 2 not run" in done.stdout, done.stdout + done.stderr
    assert "put it into" in done.stdout and not list((tmp_path / "none").iterdir())


def test_another_model_fails_with_its_differences(tmp_path):
    done = verify(MODEL, "--as", "openai/clip-vit-base-patch32", "--offline", "--pictures", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL     parameters\n      1,465,729, expected 151,277,313; difference -149,811,584" in done.stdout
    assert "FAIL     unit   \"hello world\"" in done.stdout
    assert "FAIL: 0 passed, 3 failed, 4 not run" in done.stdout


def test_wrong_usage_and_folders_that_are_no_model_are_told_apart(tmp_path):
    assert verify(tmp_path).returncode == 2
    unknown = verify(MODEL)
    assert unknown.returncode == 2 and "--as NAME" in unknown.stderr
    (tmp_path / "config.json").write_text('{"model_type": "clip", "projection_dim": 512}')
    broken = verify(tmp_path)
    assert broken.returncode == 1 and "the server cannot load" in broken.stderr and "preprocessor_config.json" in broken.stderr, broken.stderr
