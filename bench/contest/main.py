#!/usr/bin/env python3
"""Compares Sightline's towers with the alternatives for its users, by turns in one run (bench/run.sh starts it)."""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import signal
import sys
import time
import traceback

import http_part
import knn_part
import machine
import pictures_part
import products_part
import report
import towers_part
from models import MODELS, ROOT
from turns import environment

OTHER_PARTS = {"products": products_part.measure, "pictures": pictures_part.measure, "http": http_part.measure, "knn": knn_part.measure}
PARTS = [*MODELS, *OTHER_PARTS]


def names_of(known, what):
    def read(text):
        names = [name for name in text.split(",") if name]
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"no {what} {unknown[0]!r}; there are {', '.join(known)}")
        return names

    return read


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description=__doc__)
    programs, dtypes = list(towers_part.PROGRAMS), ["float32", "bfloat16", "int8"]
    parser.add_argument("--only", metavar="PART,...", type=names_of(PARTS, "part"), default=PARTS, help=f"of {', '.join(PARTS)}")
    parser.add_argument("--programs", metavar="NAME,...", type=names_of(programs, "program"), default=programs, help=f"of {', '.join(programs)}")
    parser.add_argument("--dtypes", metavar="NAME,...", type=names_of(dtypes, "dtype"), default=dtypes, help=f"of {', '.join(dtypes)}")
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="turns of each program in each measurement (5)")
    parser.add_argument("--seconds", metavar="S", type=float, default=3, help="of a turn (3)")
    parser.add_argument("--threads", metavar="N", type=int, default=machine.cores(), help="of each program (the cores of this machine)")
    parser.add_argument("--minutes", metavar="N", type=float, default=240, help="after which no further turn begins (240)")
    parser.add_argument("--elasticsearch", metavar="URL", help="an Elasticsearch to compare kNN searches with (part knn)")
    parser.add_argument("--no-ceiling", action="store_true", help="leave out what the processor could do at the most")
    parser.add_argument("--work", metavar="FOLDER", type=pathlib.Path, default=ROOT / "build/bench", help="checkpoints, exports, logs; kept (build/bench)")
    parser.add_argument("--out", metavar="FOLDER", type=pathlib.Path, help="results.json, results.md, images.svg (WORK/out)")
    parser.add_argument("--add", action="store_true", help="keep the other parts of the results that --out has, of the same settings and versions")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/performance.md, too")
    given = parser.parse_args()
    if given.rounds < 1 or given.seconds <= 0 or given.threads < 1:
        parser.error("--rounds and --threads take whole numbers above 0, --seconds a number above 0")
    return given


@dataclasses.dataclass
class Options:
    work: pathlib.Path
    programs_folder: pathlib.Path
    contestants: list  # (program, dtype)
    dtypes: list
    rounds: int
    seconds: float
    threads: int
    ceiling: bool
    elasticsearch: str  # its URL; None: there is none to compare with
    environment: dict
    until: float

    @property
    def logs(self):
        return self.work / "logs"

    def is_late(self):
        return time.monotonic() > self.until

    def only_sightline(self):
        return dataclasses.replace(self, contestants=[("sightline", "float32")])


def options_of(given):
    return Options(
        work=given.work.resolve(),
        programs_folder=pathlib.Path(os.environ.get("SIGHTLINE_BIN", ROOT / "build/release/bin")).resolve(),
        contestants=[(program, dtype) for dtype in given.dtypes for program in given.programs],
        dtypes=given.dtypes,
        rounds=given.rounds,
        seconds=given.seconds,
        threads=given.threads,
        ceiling=not given.no_ceiling,
        elasticsearch=given.elasticsearch,
        environment=environment(given.threads),
        until=time.monotonic() + 60 * given.minutes,
    )


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run_part(name, options):
    return towers_part.measure(MODELS[name], options, say) if name in MODELS else OTHER_PARTS[name](options, say)


def minutes_of(names, options):
    """Approximate minutes of a run on two fast cores, after checkpoints and exports are made: turns, the uncounted run before each
    turn, and loading."""
    rounds, seconds = options.rounds, options.seconds
    contestants = sum(dtype in towers_part.PROGRAMS[program] for program, dtype in options.contestants)
    took = 0
    for name in names:
        if name in MODELS:
            cells = len(MODELS[name].cells)
            turn = seconds + (2 if name == "l14" else 0.4)
            took += contestants * (12 + rounds * cells * turn)
            took += rounds * cells * 4 * len(options.dtypes) * 1.2 * seconds / 10 if options.ceiling else 0
        else:
            took += 30 + 6 * rounds * seconds
    return took / 60


def new_results(options):
    return {
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "versions": machine.versions(ROOT),
        "settings": {"rounds": options.rounds, "seconds": options.seconds, "threads": options.threads},
        "models": {},
        "failed_parts": {},
    }


def added_to(file, results):
    """The results of an earlier run with the same processor, programs and settings, for adding to them."""
    if not file.exists():
        return results
    earlier = json.loads(file.read_text())
    for name, before, now in (
        ("processor", earlier["machine"]["processor"], results["machine"]["processor"]),
        *((name, earlier[name], results[name]) for name in ("versions", "settings")),
    ):
        if before != now:
            sys.exit(f"--add: {file} has other {name}: {before} then, {now} now; take another --out, or leave --add out")
    return {**earlier, "failed_parts": {}}


def main():
    given = arguments()
    options = options_of(given)
    options.logs.mkdir(parents=True, exist_ok=True)
    out = given.out or options.work / "out"
    out.mkdir(parents=True, exist_ok=True)
    results = new_results(options)
    if given.add:
        results = added_to(out / "results.json", results)
    names = [name for name in given.only if name != "knn" or options.elasticsearch]
    say(f"about {minutes_of(names, options):.0f} minutes, and longer where checkpoints and exports are still to be made")
    for name in names:
        say(name)
        if options.is_late():
            results["failed_parts"][name] = "no time was left"
            continue
        try:
            measured = run_part(name, options)
        except Exception as error:
            traceback.print_exc()
            results["failed_parts"][name] = str(error)
        else:
            (results["models"] if name in MODELS else results)[name] = measured
            results["models"] = {model: results["models"][model] for model in MODELS if model in results["models"]}
        results["ended"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        report.write(results, out)
    if given.docs:
        report.write_docs(results, ROOT / "docs")
    print((out / "results.md").read_text())
    for name, why in results["failed_parts"].items():
        print(f"FAIL: {name}: {why}", file=sys.stderr)
    return 1 if results["failed_parts"] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
