"""The products of the towers' layers in float32, by oneDNN and by the BLAS that libtorch uses, by turns: which of them the towers
should take for which number of rows."""

import ceiling
from models import MODELS
from turns import in_turns, middle_of, running

SIZES = {"b32": (("images", 1), ("images", 8), ("texts", 1), ("texts", 16)), "l14": (("images", 1), ("images", 4), ("texts", 1), ("texts", 16))}
# Instruction sets: the settings that limit the libraries to them. An OpenBLAS that is older than the processor takes its slowest
# code, so it is measured both with its own choice and with the best that it has.
KINDS = {
    "as they choose": {},
    "AVX-512": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"},
}
LIBRARIES = {"oneDNN": "product float32", "BLAS": "blas"}


def measure(options, say):
    commands = {
        kind: ["env", *(f"{name}={value}" for name, value in settings.items()), *ceiling.command(options)] for kind, settings in KINDS.items()
    }
    cells = [(MODELS[name], what, batch) for name, sizes in SIZES.items() for what, batch in sizes]
    asked = {shape: None for cell in cells for shape in shapes_of(*cell)}
    groups = [
        [(kind, f"{library} {rows} {k} {n}", ceiling.seconds(options)) for kind in KINDS for library in LIBRARIES.values()] for rows, k, n in asked
    ]
    with running(commands, options, say) as (programs, missing):
        if missing:
            raise RuntimeError("; ".join(f"{kind}: {why}" for kind, why in missing.items()))
        answers, failed = in_turns(programs, groups, options.rounds, say, options.is_late)
    if failed:
        raise RuntimeError("; ".join(map(str, failed.values())))
    return {
        "code": {kind: {library: answers[kind, f"{question} {rows} {k} {n}"][0]["implementation"] for library, question in LIBRARIES.items()}
                 for kind in KINDS for rows, k, n in [next(iter(asked))]},
        "rows": [{"title": model.title, "what": what, "batch": batch, "tokens": batch * ceiling.tower_of(model, what).tokens,
                  "gflops": {kind: {library: rate(answers, kind, question, shapes_of(model, what, batch)) for library, question in LIBRARIES.items()}
                             for kind in KINDS}} for model, what, batch in cells],
    }  # fmt: skip


def shapes_of(model, what, batch):
    tower = ceiling.tower_of(model, what)
    return [(batch * tower.tokens, k, n) for k, n in tower.products]


def rate(answers, kind, question, shapes):
    """Of all products of a layer together, from the median of the rounds of each."""
    work = [2 * rows * k * n for rows, k, n in shapes]
    gflops = [middle_of(answers[kind, f"{question} {rows} {k} {n}"], "gflops")["median"] for rows, k, n in shapes]
    return sum(work) / sum(one / speed for one, speed in zip(work, gflops))
