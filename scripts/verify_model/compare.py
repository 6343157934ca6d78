"""Compares the vectors of a running sightline-server for a checkpoint with the numbers that were published for it.

Started by scripts/verify_model.sh. Needs only Python's standard library and curl.

The server returns vectors of unit length, so published numbers are compared like this:
  unit    the first numbers of a unit vector: one by one
  raw     the first numbers, and the sum, of a vector that was not normalised to unit length: its length is not published, so the
          one factor between both is fitted to the first numbers; what is left of them, and the sum, must then agree
  logits  exp(logit_scale) * cosine (+ logit_bias), with the scalars read from the checkpoint
  parameters  counted from the checkpoint's headers
"""

import argparse
import base64
import hashlib
import http.client
import json
import math
import pathlib
import struct
import subprocess
import sys
import urllib.error
import urllib.request

# Defaults of transformers for keys that config.json lacks (configuration_clip.py, configuration_siglip.py).
DEFAULTS = {
    "clip": {"projection_dim": 512, "text_config.hidden_act": "quick_gelu", "vision_config.patch_size": 32,
             "vision_config.image_size": 224, "vision_config.hidden_size": 768},
    "siglip": {"text_config.vocab_size": 32000, "vision_config.hidden_size": 768, "vision_config.image_size": 224,
               "vision_config.patch_size": 16},
}
PASS, FAIL, NOT_RUN = "pass", "FAIL", "not run"


class Checkpoint:
    """The headers of a folder's safetensors files."""

    def __init__(self, folder):
        index = folder / "model.safetensors.index.json"
        names = sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists() else ["model.safetensors"]
        self.tensors = {}
        for name in names:
            with open(folder / name, "rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                if length > 100 << 20:
                    raise ValueError(f"{name} has a header of {length} bytes; it is not a safetensors file")
                header = json.loads(file.read(length))
            for tensor, entry in header.items():
                if tensor != "__metadata__":
                    self.tensors[tensor] = (folder / name, 8 + length, entry)

    def parameters(self, with_scalars):
        """Numbers in all floating-point tensors; integer ones are positions, not learnt."""
        shapes = [entry["shape"] for _, _, entry in self.tensors.values() if entry["dtype"] in ("F64", "F32", "F16", "BF16")]
        return sum(math.prod(shape) for shape in shapes if shape or with_scalars)

    def scalar(self, name):
        if name not in self.tensors:
            return None
        file, start, entry = self.tensors[name]
        begin, end = entry["data_offsets"]
        with open(file, "rb") as weights:
            weights.seek(start + begin)
            raw = weights.read(end - begin)
        if entry["dtype"] == "BF16":
            raw = b"\0\0" + raw
        return struct.unpack({"F64": "<d", "F32": "<f", "F16": "<e", "BF16": "<f"}[entry["dtype"]], raw)[0]


def setting(config, key):
    """A member of config.json by its path, or what its class takes instead."""
    value = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return DEFAULTS.get(config.get("model_type"), {}).get(key) if value is None else value


def recognise(config, models):
    return [name for name, model in models.items()
            if all(setting(config, key) == wanted for key, wanted in model["recognise"].items())]


class Pictures:
    """The pictures that the numbers were made with: from the cache, else from where they are published."""

    def __init__(self, known, cache, offline):
        self.known, self.cache, self.offline = known, cache, offline

    def get(self, name):
        """The file, or the reason why it is not to be had."""
        entry, file = self.known[name], self.cache / name
        if not file.exists():
            if self.offline:
                return f"{name} is not in {self.cache} (--offline); it comes from {entry['url']}"
            print(f"downloading {name} from {entry['url']} ({entry['from']})", flush=True)
            self.cache.mkdir(parents=True, exist_ok=True)
            part = file.with_name(name + ".part")
            done = subprocess.run(["curl", "-q", "-fsSL", "--retry", "3", "--max-time", "120", "-o", part, entry["url"]],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                part.unlink(missing_ok=True)
                return f"{name} cannot be downloaded: {done.stderr.strip()}; put it into {self.cache} yourself"
            part.rename(file)
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if entry.get("sha256") and digest != entry["sha256"]:
            return f"{file} has the SHA-256 {digest}, not {entry['sha256']}; delete it"
        if entry.get("bytes") and len(content) != entry["bytes"]:
            return f"{file} has {len(content)} bytes, not {entry['bytes']}; delete it"
        if not entry.get("sha256"):
            print(f"  {name}: SHA-256 {digest} (no recorded one to compare it with)")
        return file


class NoAnswer(Exception):
    """The server gave no answer that can be read."""


class Server:
    def __init__(self, url, model):
        self.url, self.model = url, model
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it runs on this machine

    def vector(self, text=None, picture=None):
        entry = text if picture is None else base64.b64encode(picture.read_bytes()).decode()
        body = {"model": self.model, "input": [entry], "modality": "text" if picture is None else "image"}
        request = urllib.request.Request(self.url + "/v1/embeddings", data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with self.opener.open(request, timeout=300) as answer:
                return json.load(answer)["data"][0]["embedding"]
        except urllib.error.HTTPError as error:
            raise ValueError(refusal(error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"no answer from the server at {self.url}: {getattr(error, 'reason', None) or error!r}; it may have ended") from error


def refusal(error):
    """The message of an answer with an error status."""
    try:
        return json.load(error)["error"]["message"]
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        return f"status {error.code}"


def worst(values, expected):
    return max(abs(value - wanted) for value, wanted in zip(values, expected))


def shown(values):
    return " ".join(f"{value:.6g}" for value in values)


def check_unit(check, vector):
    first = vector[: len(check["first"])]
    if len(first) < len(check["first"]):
        return FAIL, f"the vector has only {len(vector)} numbers"
    off = worst(first, check["first"])
    verdict = PASS if off <= check["tolerance"] else FAIL
    return verdict, f"largest difference {off:.3g}, allowed {check['tolerance']:g}\n      got      {shown(first)}\n      expected {shown(check['first'])}"


def check_raw(check, vector):
    first = vector[: len(check["first"])]
    if len(first) < len(check["first"]):
        return FAIL, f"the vector has only {len(vector)} numbers"
    factor = sum(x * y for x, y in zip(first, check["first"])) / sum(x * x for x in first)
    scaled = [factor * x for x in first]
    off, total = worst(scaled, check["first"]), factor * sum(vector)
    sum_off = abs(total - check["sum"])
    good = factor > 0 and off <= check["tolerance"] and sum_off <= check["sum_tolerance"]
    return PASS if good else FAIL, (
        f"fitted length {factor:.4f}; largest difference {off:.3g}, allowed {check['tolerance']:g}; sum {total:.4f}, "
        f"expected {check['sum']:.4f}, allowed {check['sum_tolerance']:g}\n"
        f"      got      {shown(scaled)}\n      expected {shown(check['first'])}")


def check_logits(check, picture, texts, checkpoint):
    scale = checkpoint.scalar("logit_scale")
    if scale is None:
        return FAIL, "the checkpoint has no logit_scale"
    bias = checkpoint.scalar("logit_bias") or 0.0
    logits = [math.exp(scale) * sum(x * y for x, y in zip(picture, text)) + bias for text in texts]
    off = worst(logits, check["expected"])
    verdict = PASS if off <= check["tolerance"] else FAIL
    return verdict, f"largest difference {off:.3g}, allowed {check['tolerance']:g}; got {shown(logits)}, expected {shown(check['expected'])}"


def what(check):
    subject = [check["picture"]] if "picture" in check else []
    subject += [f'"{text}"' for text in check.get("texts", [check["text"]] if "text" in check else [])]
    return f"{check['kind']:6} {', '.join(subject)}"


def run_check(check, server, pictures, checkpoint):
    picture = None
    if "picture" in check:
        file = pictures.get(check["picture"])
        if isinstance(file, str):
            return NOT_RUN, file
        picture = server.vector(picture=file)
    if check["kind"] == "logits":
        return check_logits(check, picture, [server.vector(text=text) for text in check["texts"]], checkpoint)
    vector = picture if picture is not None else server.vector(text=check["text"])
    return {"unit": check_unit, "raw": check_raw}[check["kind"]](check, vector)


def check_parameters(model, checkpoint):
    note = model.get("parameters_note", "")
    count = checkpoint.parameters(with_scalars=not note)
    wanted = model["parameters"]
    verdict = PASS if count == wanted else FAIL
    return verdict, f"{count:,}, expected {wanted:,}{' (' + note + ')' if note else ''}; difference {count - wanted:+,}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--as", dest="name")
    parser.add_argument("--numbers", type=pathlib.Path, default=pathlib.Path(__file__).with_name("published.json"))
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--identify", action="store_true", help="only print which model is in the folder")
    parser.add_argument("--server")
    parser.add_argument("--model", default="model")
    options = parser.parse_args()
    try:
        numbers = json.loads(options.numbers.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"verify_model: cannot read {options.numbers} (--numbers): {error}", file=sys.stderr)
        return 2
    models = numbers["models"]

    name = options.name
    if not name:
        try:
            config = json.loads((options.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            sys.exit(f"verify_model: cannot read {options.folder / 'config.json'}: {error}")
        found = recognise(config, models)
        if len(found) != 1:
            print(f"verify_model: config.json is that of {'none' if not found else ' or '.join(found)} of the models with "
                  "published numbers; say which with --as NAME:\n  " + "\n  ".join(models), file=sys.stderr)
            return 2
        name = found[0]
    if name not in models:
        print(f"verify_model: no numbers for {name}; there are some for:\n  " + "\n  ".join(models), file=sys.stderr)
        return 2
    if options.identify:
        print(name)
        return 0

    model = models[name]
    print(f"{options.folder} as {name}")
    checkpoint = Checkpoint(options.folder)
    server = Server(options.server, options.model)
    pictures = Pictures(numbers["pictures"], options.pictures, options.offline)
    results = []
    if "parameters" in model:
        results.append(("parameters", *check_parameters(model, checkpoint), ""))
    for check in model["checks"]:
        try:
            verdict, text = run_check(check, server, pictures, checkpoint)
        except NoAnswer as error:
            verdict, text = NOT_RUN, str(error)
        except ValueError as error:
            verdict, text = FAIL, f"refused by the server: {error}"
        results.append((what(check), verdict, text, check["source"]))
    for title, verdict, text, source in results:
        print(f"{verdict:8} {title}\n      {text}" + (f"\n      source: {source}" if source else ""))
    for text in model.get("not_checked", []):
        print(f"         cannot be checked: {text}")
    count = {verdict: sum(result[1] == verdict for result in results) for verdict in (PASS, FAIL, NOT_RUN)}
    summary = f"{count[PASS]} passed, {count[FAIL]} failed, {count[NOT_RUN]} not run"
    if not model["checks"]:
        summary += "; no vectors are published for this model, only its size could be checked"
    if count[FAIL]:
        print(f"FAIL: {summary}: this is not {name}, or it is computed wrongly")
        return 1
    print(f"{'INCOMPLETE' if count[NOT_RUN] or not model['checks'] else 'PASS'}: {summary}")
    return 3 if count[NOT_RUN] or not model["checks"] else 0


if __name__ == "__main__":
    sys.exit(main())
