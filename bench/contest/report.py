"""Results as JSON, as Markdown tables, as a picture, and inside docs/performance.md between its markers."""

import json
import re
import statistics

import plot

PROGRAM_TITLES = {"sightline": "Sightline", "transformers": "transformers", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
DTYPES = ("float32", "bfloat16", "int8")


def title_of(key):
    program, dtype = key.split()
    return f"{PROGRAM_TITLES[program]} {dtype}"


def rate(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def cell_title(question):
    what, batch = question.split()
    kind = {"images": "picture", "texts": "text"}[what]
    return f"1 {kind}" if batch == "1" else f"{batch} {kind}s"


def best_peer(cell, dtype):
    """(program, inputs per second) of the fastest other program in this dtype."""
    peers = [(key.split()[0], found["per_s"]) for key, found in cell.items() if key.split()[1] == dtype and not key.startswith("sightline")]
    return max(peers, key=lambda peer: peer[1], default=None)


def against_peers(cell, dtype):
    own, peer = cell.get(f"sightline {dtype}"), best_peer(cell, dtype)
    if own is None and peer is None:
        return "–"
    if own is None:
        return f"not measured; {PROGRAM_TITLES[peer[0]]} {rate(peer[1])}"
    if peer is None:
        return rate(own["per_s"])
    return f"{rate(own['per_s'])}, {own['per_s'] / peer[1]:.2f} x {PROGRAM_TITLES[peer[0]]}"


def overview(results):
    rows = [
        [model["title"] if at == 0 else "", cell_title(question), *(against_peers(cell, dtype) for dtype in DTYPES)]
        for model in results["models"].values()
        for at, (question, cell) in enumerate(model["cells"].items())
    ]
    return table(["", "at once", *DTYPES], rows)


def keys_of(results):
    """Contestants in the order of the settings; those that were never measured come last."""
    seen = {}
    for model in results["models"].values():
        for cell in model["cells"].values():
            seen.update(dict.fromkeys(cell))
    for model in results["models"].values():
        seen.update(dict.fromkeys(model["missing"]))
    return sorted((key for key in seen if key != "ceiling"), key=lambda key: DTYPES.index(key.split()[1]))


def rates(results):
    parts = []
    for model in results["models"].values():
        questions = list(model["cells"])
        rows = []
        for key in keys_of(results):
            if key in model["missing"]:
                if model["missing"][key] != "not offered" or key.startswith("sightline"):
                    rows.append([title_of(key), model["missing"][key], *[""] * (len(questions) - 1)])
                continue
            if any(key in model["cells"][question] for question in questions):
                rows.append([title_of(key), *(rate_cell(model["cells"][question].get(key)) for question in questions)])
        parts.append(f"**{model['title']}**\n\n" + table(["inputs per second", *map(cell_title, questions)], rows))
    return "\n\n".join(parts)


def rate_cell(found):
    if found is None:
        return "failed"
    return f"{rate(found['per_s'])} ({rate(found['per_s_least'])} to {rate(found['per_s_most'])})"


def ceiling(results):
    rows = []
    for model in results["models"].values():
        for question, cell in model["cells"].items():
            limits = model["ceiling"].get(question)
            if limits:
                rows.append([model["title"], cell_title(question), *(share(limits.get(dtype), cell.get(f"sightline {dtype}")) for dtype in DTYPES)])
    return table(["", "at once", *DTYPES], rows)


def share(limit, own):
    if limit is None:
        return "–"
    text = f"{rate(limit['per_s'])} at {limit['gflops']:,.0f} GF/s"
    return text + (f"; Sightline {100 * own['per_s'] / limit['per_s']:.0f} %" if own else "")


def memory(results):
    models = list(results["models"].values())
    rows = []
    for key in keys_of(results):
        if any(key in model["loading"] for model in models):
            rows.append([title_of(key), *(memory_cell(model, key) for model in models)])
    return table(["MiB after loading / after the rounds; seconds to load", *(model["title"] for model in models)], rows)


def memory_cell(model, key):
    loaded = model["loading"].get(key)
    if loaded is None:
        return "–"
    return f"{loaded['resident_mib']:,.0f} / {model['memory_mib'][key]['resident_mib']:,.0f}; {loaded['load_s']:.1f} s"


def similarity(results):
    models = list(results["models"].values())
    rows = [[title_of(key), *(cosines(model["similarity"]["lowest"].get(key)) for model in models)] for key in keys_of(results)]
    rows = [row for row in rows if any(cell != "–" for cell in row[1:])]
    rows.append(["two different inputs, at the most", *(cosines(model["similarity"]["different_inputs"]) for model in models)])
    return table(["pictures / texts", *(model["title"] for model in models)], rows)


def cosines(found):
    if not found:
        return "–"
    return " / ".join(f"{found[what]:.5f}" if what in found else "–" for what in ("images", "texts"))


def http(results):
    measured = results.get("http")
    if not measured:
        return "Not measured."
    rows = [
        [clients, rate(row["per_s"]), f"{rate(row['per_s_least'])} to {rate(row['per_s_most'])}", f"{row['p50_ms']:.0f} / {row['p99_ms']:.0f} ms",
         f"{rate(row['in_process_per_s'])} (batches of {row['batch_in_process']})", f"{row['ratio']:.2f}", rate(row["towers_per_s"]), f"{row['client_cpu_ms']:.1f} ms",
         rate(row["trivial_per_s"])]
        for clients, row in measured["rows"].items()
    ]  # fmt: skip
    return table(["clients", "pictures per second", "rounds", "p50 / p99", "in process, from the file", "ratio", "towers alone", "client's own work per request",
                  "requests per second to a trivial route"], rows)  # fmt: skip


def pictures(results):
    measured = results.get("pictures")
    if not measured:
        return "Not measured."
    rows = [
        [found["pixels"], f"{found['bytes'] / 1000:.0f} kB", *(f"{found['ms'][key]['median']:.2f} ({found['ms'][key]['least']:.2f} to {found['ms'][key]['most']:.2f})"
         for key in ("sightline", "pillow")), f"{found['ratio']:.2f}", "the same" if found["same_window"] else "DIFFERENT"]
        for found in measured.values()
    ]  # fmt: skip
    return table(["JPEG", "", "Sightline, ms", "Pillow, ms", "Pillow / Sightline", "pixels that come of it"], rows)


def knn(results):
    measured = results.get("knn")
    if not measured:
        return "Not measured."
    rows = [
        [name, f"{found['bulk_per_s']:,.0f}", f"{found['refresh_s']:.1f} s"]
        + [f"{found[kind]['p50_ms']:.2f} / {found[kind]['p99_ms']:.2f} ms, {found[kind]['recall']:.3f}" for kind in ("all", "filtered")]
        for name, found in measured["rows"].items()
    ]
    columns = [f"{measured['documents']:,} vectors of {measured['dims']}", "bulk, documents per second", "refresh after it", "p50 / p99, recall of 10",
               "with a filter that passes 1 in 20"]  # fmt: skip
    return f"{table(columns, rows)}\n\n{run_of(results)}"


def products(results):
    measured = results.get("products")
    if not measured:
        return "Not measured."
    kinds = list(measured["code"])
    rows = [
        [found["title"], cell_title(f"{found['what']} {found['batch']}"), f"{found['tokens']:,}", *(product_cell(found["gflops"][kind]) for kind in kinds)]
        for found in measured["rows"]
    ]
    code = [f"- {kind}: {'; '.join(f'{library}: {name}' for library, name in measured['code'][kind].items())}" for kind in kinds]
    return table(["", "at once", "rows", *kinds], rows) + "\n\n" + "\n".join(code + [run_of(results)])


def product_cell(gflops):
    return f"{gflops['oneDNN']:,.0f} / {gflops['BLAS']:,.0f} GF/s, {gflops['oneDNN'] / gflops['BLAS']:.2f} x"


def run_of(results):
    """For blocks that a run without models writes, too: which machine, and when."""
    return f"- {results['machine']['processor']}, {results['settings']['threads']} threads; {results['started'][:10]}, {results['settings']['rounds']} rounds"


def machine(results):
    about, versions, settings = results["machine"], results["versions"], results["settings"]
    reading = [model["ceiling"]["read_gb_per_s"] for model in results["models"].values() if "read_gb_per_s" in model["ceiling"]]
    lines = [
        f"- Processor: {about['processor']}, {about['cores']} cores, {settings['threads']} threads for each program",
        f"- Instruction sets: {', '.join(about['instruction_sets']) or 'none of those that matter here'}",
        f"- Memory: {about['memory_gib']} GiB" + (f", read in order at {statistics.median(reading):.0f} GB/s" if reading else ""),
        f"- {about['system']}, Linux {about['kernel']}; load of the machine before the run: {about['load_before']:.1f}",
        "- Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"- {results['started']} to {results.get('ended', '')}; {settings['rounds']} rounds, turns of {settings['seconds']:g} s",
    ]
    failed = [f"- Failed: {name}: {why}" for name, why in results["failed_parts"].items()]
    failed += [f"- Failed: {model['title']}, {what}: {why}" for model in results["models"].values() for what, why in model["failed"].items()]
    return "\n".join(lines + failed)


BLOCKS = {
    "machine": ("The machine and the programs", machine),
    "overview": ("Sightline against the fastest other program of the same dtype, inputs per second", overview),
    "rates": ("All programs: median of the rounds (least to most)", rates),
    "ceiling": ("What the arithmetic alone would allow, inputs per second", ceiling),
    "products": ("Products of the layers in float32, oneDNN / BLAS", products),
    "similarity": ("Lowest cosine to Sightline's float32 vectors of the same inputs", similarity),
    "memory": ("Memory and loading", memory),
    "http": ("HTTP against in process", http),
    "pictures": ("Decoding, resizing and cropping on one core", pictures),
    "knn": ("kNN searches", knn),
}
OF_MODELS = ("overview", "rates", "ceiling", "similarity", "memory")  # the blocks that need a measured model


def has_block(results, name):
    """True if this run measured the content of the block."""
    return bool(results["models"]) if name in OF_MODELS else name == "machine" or name in results


def write(results, out):
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = "\n\n".join(f"## {title}\n\n{make(results)}" for name, (title, make) in BLOCKS.items() if has_block(results, name))
    (out / "results.md").write_text(text + "\n")
    if results["models"]:
        (out / "images.svg").write_text(plot.bars(results))


def write_docs(results, docs):
    """Puts each block that this run measured between its markers, `<!-- speed: NAME -->` and `<!-- /speed -->`."""
    page = docs / "performance.md"
    text = page.read_text()
    for name, (_, make) in BLOCKS.items():
        if not has_block(results, name) or (name == "machine" and not results["models"]):  # it describes the run of the models' tables
            continue
        marked = re.compile(rf"(<!-- speed: {name} -->\n).*?(\n<!-- /speed -->)", re.DOTALL)
        if not marked.search(text):
            raise RuntimeError(f"{page} has no block <!-- speed: {name} -->")
        block = make(results)
        if name == "rates":
            block = f"![pictures per second of all programs](images/speed.svg)\n\n{block}"
        text = marked.sub(lambda found: found[1] + block + found[2], text)
    page.write_text(text)
    if results["models"]:
        (docs / "images/speed.svg").write_text(plot.bars(results))
