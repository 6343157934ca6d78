"""Measures the processor's maximum speed: the rate of only a tower's products in oneDNN, and how fast memory is read."""

from turns import middle_of

DTYPES = {"float32": 4, "bfloat16": 2, "int8": 1}  # bytes per weight


def command(options):
    return [options.programs_folder / "sightline-cpu-ceiling", "--threads", options.threads]


def seconds(options):
    """A product takes much less time than a tower, and there are many of them."""
    return max(0.1, options.seconds / 10)


def tower_of(model, what):
    return model.image if what == "images" else model.text


def product(dtype, rows, shape):
    return f"product {dtype} {rows} {shape[0]} {shape[1]}"


def questions(model, options):
    asked = {"read": None}
    for what, batch in model.cells:
        tower = tower_of(model, what)
        for dtype in options.dtypes:
            for shape in tower.products:
                asked[product(dtype, batch * tower.tokens, shape)] = None
    return list(asked)


def limits(model, answers):
    """{"images 8": {"float32": {"gflops", "per_s", "per_s_from_memory"}}}: inputs per second if the layers' products ran as
    fast as oneDNN's do alone, attention's products as fast as these, and nothing else took time; and if every weight were
    also read from memory once per batch."""
    found = {}
    reading = answers.get(("ceiling", "read"))
    bytes_per_s = middle_of(reading, "gb_per_s")["median"] * 1e9 if reading else None
    for what, batch in model.cells:
        tower = tower_of(model, what)
        rows = batch * tower.tokens
        attention = 4 * rows * tower.tokens * tower.width
        for dtype, bytes_per_weight in DTYPES.items():
            rates = [answers.get(("ceiling", product(dtype, rows, shape))) for shape in tower.products]
            if not all(rates):
                continue
            work = [2 * rows * k * n for k, n in tower.products]
            took = sum(one / (middle_of(rate, "gflops")["median"] * 1e9) for one, rate in zip(work, rates))
            gflops = sum(work) / took / 1e9
            layer = took + attention / (gflops * 1e9)
            cell = {"gflops": gflops, "per_s": batch / (tower.layers * layer)}
            if bytes_per_s:
                weights = tower.layers * sum(k * n for k, n in tower.products) * bytes_per_weight
                cell["per_s_from_memory"] = batch * bytes_per_s / weights
            found.setdefault(f"{what} {batch}", {})[dtype] = cell
    if bytes_per_s:
        found["read_gb_per_s"] = bytes_per_s / 1e9
    return found
