"""Pictures per second as bars, in SVG: a panel per model, a group per dtype, a bar per program."""

from xml.sax.saxutils import escape

COLOURS = {"sightline": "#0b7285", "openvino": "#5c7cfa", "onnxruntime": "#f08c00", "transformers": "#adb5bd"}
TITLES = {"sightline": "Sightline", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "transformers": "transformers"}
DTYPES = ("float32", "bfloat16", "int8")
WIDTH, LABELS, BAR, GAP, HEAD = 760, 190, 16, 10, 34


def text(x, y, what, size=12, anchor="start", colour="#212529", weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">{escape(what)}</text>'


def bars_of(cell):
    """(dtype, program, inputs per second, least, most), dtype by dtype, in the order of COLOURS."""
    return [
        (dtype, program, found["per_s"], found["per_s_least"], found["per_s_most"])
        for dtype in DTYPES
        for program in COLOURS
        if (found := cell.get(f"{program} {dtype}"))
    ]


def panel(model, top):
    question = [name for name in model["cells"] if name.startswith("images")][-1]
    bars = bars_of(model["cells"][question])
    parts = [text(0, top + 20, f"{model['title']}, {question.split()[1]} pictures at once: pictures per second", 14, weight="bold")]
    y, before = top + HEAD, None
    longest = max((most for *_, most in bars), default=1)
    scale = (WIDTH - LABELS - 60) / longest
    for dtype, program, value, least, most in bars:
        if before not in (None, dtype):
            y += GAP
        before = dtype
        middle = y + BAR / 2
        parts.append(text(LABELS - 8, middle + 4, f"{TITLES[program]} {dtype}", anchor="end"))
        parts.append(f'<rect x="{LABELS}" y="{y:.1f}" width="{value * scale:.1f}" height="{BAR - 3}" fill="{COLOURS[program]}"/>')
        parts.append(f'<path d="M{LABELS + least * scale:.1f} {middle - 1.5:.1f}H{LABELS + most * scale:.1f}" stroke="#212529" stroke-width="1.5"/>')
        parts.append(text(LABELS + most * scale + 6, middle + 4, f"{value:.3g}"))
        y += BAR
    return parts, y + 2 * GAP


def bars(results):
    parts, y = [], 0
    for model in results["models"].values():
        drawn, y = panel(model, y)
        parts += drawn
    about = results["machine"]
    parts.append(text(0, y + 12, f"{about['processor']}, {results['settings']['threads']} threads; lines: least to most of the rounds", 11, colour="#495057"))
    height = y + 24
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -4 {WIDTH + 24} {height + 8:.0f}" width="{WIDTH + 24}" height="{height + 8:.0f}" '
            'font-family="system-ui, sans-serif">')  # fmt: skip
    background = f'<rect x="-12" y="-4" width="{WIDTH + 24}" height="{height + 8:.0f}" fill="#ffffff"/>'
    return "\n".join([head, background, *parts, "</svg>"]) + "\n"
