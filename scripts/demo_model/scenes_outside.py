"""Pictures of houses, swimming pools and gardens."""

import math

from canvas import darker, jitter, lighter, mix
from things import OUTDOOR_LIGHT, SNOW, WOOD, bush, ground, mix_y, palm, pane, sky, snowfall, tree

PAINT = {
    "red": (206, 48, 44),
    "blue": (48, 104, 200),
    "green": (72, 170, 96),
    "yellow": (248, 204, 56),
    "white": (246, 244, 240),
    "pink": (246, 140, 184),
}
WATER = (44, 186, 226)


def draw_house(canvas, wanted, rng):
    time, season = wanted["time"], wanted["season"]
    canvas.light = OUTDOOR_LIGHT[time]
    horizon = rng.uniform(0.56, 0.62)
    base = rng.uniform(0.75, 0.78)
    storeys = int(wanted["storeys"])
    half = {1: 0.265, 2: 0.235, 3: 0.20}[storeys] * rng.uniform(0.95, 1.05)
    x0, x1 = 0.5 - half, 0.5 + half
    paint = jitter(rng, PAINT[wanted["color"]])

    sky(canvas, time, rng, horizon)
    ground(canvas, rng, horizon, season)
    for x in rng.sample((0.07, 0.19, 0.81, 0.93), int(wanted["trees"])):
        tree(canvas, rng, x + rng.uniform(-0.012, 0.012), base - 0.02, rng.uniform(0.37, 0.44), season)
    if wanted["garage"] == "yes":
        _garage(canvas, paint, x1, base, season)
    canvas.polygon(
        [(0.46, base), (0.54, base), (0.60, canvas.bottom), (0.40, canvas.bottom)],
        (222, 226, 232) if season == "winter" else (206, 196, 182),
    )
    top = base - {1: 0.19, 2: 0.34, 3: 0.47}[storeys]
    canvas.rect(x0, top, x1, base, paint)
    canvas.rect(x0, base - 0.018, x1, base, darker(paint, 0.35))
    if wanted["style"] == "modern":
        _modern_front(canvas, rng, paint, x0, x1, top, base, storeys, time, season)
    else:
        _traditional_front(canvas, rng, x0, x1, top, base, storeys, time, season)
    for x in (x0 + 0.02, x1 - 0.02):
        if rng.random() < 0.6:
            bush(canvas, rng, x, base + 0.012, rng.uniform(0.03, 0.04), season)
    if wanted["pool"] == "yes":
        _front_pool(canvas, rng, time)
    if season == "winter":
        snowfall(canvas, rng)


def _garage(canvas, paint, x, base, season):
    canvas.rect(x, base - 0.15, x + 0.2, base, darker(paint, 0.1))
    canvas.rect(x, base - 0.175, x + 0.215, base - 0.145, SNOW if season == "winter" else (84, 78, 80))
    canvas.rect(x + 0.03, base - 0.115, x + 0.17, base, (228, 228, 230))
    for row in range(1, 4):
        y = base - 0.115 + row * 0.029
        canvas.line([(x + 0.03, y), (x + 0.17, y)], (150, 152, 158), 0.006)


def _modern_front(canvas, rng, paint, x0, x1, top, base, storeys, time, season):
    """Flat overhanging roof, wide strips of glass, a timber entrance."""
    roof = (66, 68, 76)
    canvas.rect(x0 - 0.04, top - 0.035, x1 + 0.04, top + 0.005, roof)
    if season == "winter":
        canvas.rect(x0 - 0.045, top - 0.062, x1 + 0.045, top - 0.03, SNOW, radius=0.014)
    height = (base - top) / storeys
    for storey in range(storeys):
        y1 = base - storey * height
        if storey:
            canvas.rect(x0 - 0.012, y1 - 0.006, x1 + 0.012, y1 + 0.010, roof)
        left = x0 + (0.17 if storey == 0 else 0.03)
        canvas.rect(left - 0.008, y1 - height + 0.032, x1 - 0.022, y1 - 0.032, roof)
        pane(canvas, left, y1 - height + 0.04, x1 - 0.03, y1 - 0.04, time)
        for part in (1, 2):
            x = mix_y(left, x1 - 0.03, part / 3)
            canvas.line([(x, y1 - height + 0.04), (x, y1 - 0.04)], roof, 0.008)
    canvas.rect(x0 + 0.025, base - 0.125, x0 + 0.14, base, WOOD)
    canvas.rect(x0 + 0.05, base - 0.11, x0 + 0.115, base, (62, 56, 56))
    canvas.ellipse(x0 + 0.105, base - 0.05, 0.006, 0.006, (236, 210, 120))


def _traditional_front(canvas, rng, x0, x1, top, base, storeys, time, season):
    """Pitched roof with a chimney, barred windows with sills, a door in the middle."""
    roof = rng.choice(((116, 66, 50), (96, 84, 84), (134, 78, 48)))
    peak = top - rng.uniform(0.15, 0.18)
    canvas.rect(x1 - 0.11, peak + 0.005, x1 - 0.06, top, (128, 72, 60))
    canvas.polygon([(x0 - 0.05, top + 0.006), (0.5, peak), (x1 + 0.05, top + 0.006)], roof)
    canvas.ellipse(0.5, top - 0.05, 0.025, 0.025, (246, 240, 226))
    if season == "winter":
        rise = (top - peak) / (x1 + 0.05 - 0.5)
        drop = 0.058
        canvas.polygon(
            [
                (x0 - 0.06, top + 0.004),
                (0.5, peak - 0.015),
                (x1 + 0.06, top + 0.004),
                (x1 + 0.02 - drop, top - drop * rise + 0.03),
                (0.5, peak + drop),
                (x0 - 0.02 + drop, top - drop * rise + 0.03),
            ],
            SNOW,
        )
        canvas.rect(x1 - 0.115, peak - 0.012, x1 - 0.055, peak + 0.012, SNOW)
    height = (base - top) / storeys
    for storey in range(storeys):
        y1 = base - storey * height
        columns = (0.2, 0.8) if storey == 0 else (0.2, 0.5, 0.8)
        for share in columns:
            x = mix_y(x0, x1, share)
            _barred_window(canvas, x, y1 - height * 0.82, 0.042, height * 0.54, time)
    door = rng.choice(((112, 70, 44), (70, 60, 66), (90, 54, 40)))
    canvas.rect(0.452, base - 0.125, 0.548, base, (250, 246, 238))
    canvas.rect(0.46, base - 0.117, 0.54, base, door)
    canvas.ellipse(0.526, base - 0.055, 0.007, 0.007, (240, 210, 110))


def _barred_window(canvas, x, y, half, height, time):
    frame = (250, 247, 240)
    canvas.rect(x - half - 0.009, y - 0.009, x + half + 0.009, y + height + 0.009, frame)
    pane(canvas, x - half, y, x + half, y + height, time)
    canvas.line([(x, y), (x, y + height)], frame, 0.008)
    canvas.line([(x - half, y + height / 2), (x + half, y + height / 2)], frame, 0.008)


def _front_pool(canvas, rng, time):
    x, y = rng.uniform(0.40, 0.60), rng.uniform(0.885, 0.9)
    rx, ry = rng.uniform(0.30, 0.34), rng.uniform(0.072, 0.08)
    canvas.rect(x - rx - 0.03, y - ry - 0.02, x + rx + 0.03, y + ry + 0.02, (226, 214, 194), radius=0.07)
    _water(
        canvas,
        rng,
        time,
        lambda color, lit: canvas.rect(x - rx, y - ry, x + rx, y + ry, color, radius=0.06, lit=lit),
        x,
        y,
        rx,
        ry,
    )


def _water(canvas, rng, time, fill, x, y, rx, ry):
    """Pool water; it is lit from below at night."""
    color = jitter(rng, WATER, hue=0.01, value=0.03)
    if time == "night":
        fill(mix(color, (30, 110, 190), 0.25), False)
    else:
        fill(color, True)
    for _ in range(6):
        wx, wy = x + rng.uniform(-0.7, 0.6) * rx, y + rng.uniform(-0.6, 0.6) * ry
        canvas.line(
            [(wx, wy), (wx + 0.02, wy - 0.006), (wx + 0.045, wy), (wx + 0.065, wy - 0.006)],
            lighter(color, 0.55),
            0.006,
            lit=time != "night",
        )


def draw_pool(canvas, wanted, rng):
    time = wanted["time"]
    canvas.light = OUTDOOR_LIGHT[time]
    horizon = rng.uniform(0.38, 0.42)
    sky(canvas, time, rng, horizon)
    ground(canvas, rng, horizon, "summer")
    if wanted["palms"] == "yes":
        palm(canvas, rng, 0.10 + rng.uniform(-0.02, 0.02), horizon + 0.06, rng.uniform(0.36, 0.40))
        palm(canvas, rng, 0.46 + rng.uniform(-0.04, 0.04), horizon + 0.05, rng.uniform(0.30, 0.36))
    canvas.rect(canvas.left, horizon + 0.03, canvas.right, horizon + 0.085, (70, 132, 70))
    canvas.gradient(horizon + 0.085, canvas.bottom, (222, 204, 176), (240, 226, 202))

    parasol_x = rng.uniform(0.78, 0.83)
    for index in range(int(wanted["loungers"])):
        _lounger(canvas, 0.09 + 0.19 * index + rng.uniform(-0.008, 0.008), 0.575)
    y, ry = 0.78, rng.uniform(0.135, 0.15)
    if wanted["shape"] == "round":
        rx = rng.uniform(0.33, 0.36)
        canvas.ellipse(0.5, y, rx + 0.03, ry + 0.024, (250, 246, 238))
        _water(
            canvas,
            rng,
            time,
            lambda color, lit: canvas.ellipse(0.5, y, rx, ry, color, lit=lit),
            0.5,
            y,
            rx * 0.8,
            ry,
        )
    else:
        rx = rng.uniform(0.36, 0.40)
        outer = [
            (0.5 - rx, y - ry - 0.02),
            (0.5 + rx, y - ry - 0.02),
            (0.5 + rx + 0.09, y + ry + 0.024),
            (0.5 - rx - 0.09, y + ry + 0.024),
        ]
        inner = [
            (0.5 - rx + 0.022, y - ry),
            (0.5 + rx - 0.022, y - ry),
            (0.5 + rx + 0.045, y + ry),
            (0.5 - rx - 0.045, y + ry),
        ]
        canvas.polygon(outer, (250, 246, 238))
        _water(canvas, rng, time, lambda color, lit: canvas.polygon(inner, color, lit=lit), 0.5, y, rx, ry)
    if wanted["slide"] == "yes":
        _slide(canvas)
    _parasol(canvas, jitter(rng, PAINT[wanted["color"]]), parasol_x, 0.635)


def _lounger(canvas, x, y):
    """A deck chair of wood and canvas, its back to the left."""
    for leg in (0.02, 0.13):
        canvas.line([(x + leg, y), (x + leg, y + 0.04)], WOOD, 0.012)
    canvas.polygon(
        [
            (x, y - 0.075),
            (x + 0.028, y - 0.085),
            (x + 0.06, y - 0.016),
            (x + 0.15, y - 0.016),
            (x + 0.15, y + 0.01),
            (x + 0.035, y + 0.01),
        ],
        (104, 70, 46),
    )
    canvas.polygon(
        [
            (x + 0.010, y - 0.070),
            (x + 0.026, y - 0.076),
            (x + 0.056, y - 0.010),
            (x + 0.145, y - 0.010),
            (x + 0.145, y),
            (x + 0.042, y),
        ],
        (186, 130, 84),
    )


def _slide(canvas):
    orange = (250, 140, 40)
    for x in (0.045, 0.105):
        canvas.line([(x, 0.78), (x, 0.50)], (130, 134, 142), 0.014)
    for rung in range(4):
        y = 0.74 - rung * 0.06
        canvas.line([(0.045, y), (0.105, y)], (130, 134, 142), 0.010)
    curve = [
        (0.09 + 0.24 * t, 0.50 + 0.235 * (0.5 - 0.5 * math.cos(math.pi * t)))
        for t in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    canvas.line(curve, darker(orange, 0.25), 0.058)
    canvas.line(curve, orange, 0.040)


def _parasol(canvas, color, x, base):
    top = base - 0.36
    canvas.ellipse(x, base, 0.045, 0.014, (110, 104, 100))
    canvas.line([(x, base), (x, top)], (140, 104, 70), 0.014)
    canvas.pie(x, top + 0.15, 0.21, 0.19, 180, 360, color)
    for share in (0.33, 0.78):
        canvas.pie(x, top + 0.15, 0.21 * share, 0.19, 180, 360, darker(color, 0.14) if share > 0.5 else color)
    canvas.ellipse(x, top - 0.045, 0.010, 0.012, (140, 104, 70))


def draw_garden(canvas, wanted, rng):
    time, season = wanted["time"], wanted["season"]
    canvas.light = OUTDOOR_LIGHT[time]
    horizon = rng.uniform(0.42, 0.46)
    sky(canvas, time, rng, horizon)
    ground(canvas, rng, horizon, season)
    for post in range(15):
        x = mix_y(canvas.left, canvas.right, post / 14)
        canvas.rect(x - 0.012, horizon + 0.01, x + 0.012, horizon + 0.11, (214, 190, 156))
    canvas.rect(canvas.left, horizon + 0.04, canvas.right, horizon + 0.06, (196, 168, 132))
    for x in rng.sample((0.14, 0.5, 0.86), int(wanted["trees"])):
        tree(canvas, rng, x + rng.uniform(-0.02, 0.02), horizon + 0.13, rng.uniform(0.42, 0.48), season)
    {"fountain": _fountain, "bench": _bench, "pond": _pond}[wanted["feature"]](canvas, rng)
    _flower_bed(canvas, rng, jitter(rng, PAINT[wanted["color"]], hue=0.01))


def _fountain(canvas, rng):
    stone, x = (178, 178, 186), 0.5 + rng.uniform(-0.05, 0.05)
    canvas.ellipse(x, 0.70, 0.20, 0.05, darker(stone, 0.2))
    canvas.ellipse(x, 0.685, 0.20, 0.045, stone)
    canvas.ellipse(x, 0.685, 0.175, 0.034, (110, 190, 226))
    canvas.rect(x - 0.022, 0.53, x + 0.022, 0.69, stone)
    canvas.pie(x, 0.53, 0.10, 0.045, 0, 180, darker(stone, 0.1))
    canvas.ellipse(x, 0.53, 0.10, 0.018, (110, 190, 226))
    for reach in (-0.15, -0.08, 0.08, 0.15):
        arc = [
            (x + reach * t, 0.43 + 0.23 * t * t - 0.09 * math.sin(math.pi * t))
            for t in (0, 0.25, 0.5, 0.75, 1)
        ]
        canvas.line(arc, (206, 236, 250), 0.013)
    canvas.line([(x, 0.53), (x, 0.40)], (206, 236, 250), 0.016)


def _bench(canvas, rng):
    x = 0.5 + rng.uniform(-0.06, 0.06)
    brown = (142, 86, 44)
    for leg in (-0.18, 0.18):
        canvas.rect(x + leg - 0.013, 0.50, x + leg + 0.013, 0.72, (64, 60, 62))
    for row in range(3):
        canvas.rect(x - 0.21, 0.515 + row * 0.038, x + 0.21, 0.543 + row * 0.038, lighter(brown, 0.08 * row))
    canvas.polygon(
        [(x - 0.21, 0.635), (x + 0.21, 0.635), (x + 0.23, 0.675), (x - 0.23, 0.675)], darker(brown, 0.1)
    )
    canvas.rect(x - 0.23, 0.675, x + 0.23, 0.69, darker(brown, 0.3))


def _pond(canvas, rng):
    x = 0.5 + rng.uniform(-0.05, 0.05)
    canvas.ellipse(x, 0.635, 0.31, 0.075, (150, 146, 138))
    canvas.ellipse(x, 0.635, 0.285, 0.06, (44, 120, 160))
    canvas.ellipse(x - 0.05, 0.62, 0.15, 0.02, (96, 168, 200))
    for dx, dy in ((-0.16, 0.01), (0.05, 0.025), (0.17, -0.012), (-0.02, -0.015)):
        canvas.ellipse(x + dx, 0.635 + dy, 0.036, 0.014, (70, 160, 80))
    for dx in (0.24, 0.26, 0.28, 0.30):
        canvas.line([(x + dx, 0.655), (x + dx - 0.01, 0.50 + dx * 0.1)], (92, 128, 60), 0.010)
        canvas.ellipse(x + dx - 0.01, 0.515 + dx * 0.1, 0.009, 0.028, (112, 72, 44))


def _flower_bed(canvas, rng, color):
    canvas.rect(canvas.left, 0.775, canvas.right, canvas.bottom, (70, 112, 56))
    spread = canvas.right - canvas.left
    depth = canvas.bottom - 0.78
    for index in range(round(46 * spread * max(1.0, depth / 0.22))):
        x = canvas.left + spread * ((index * 0.618034) % 1.0) + rng.uniform(-0.01, 0.01)
        y = 0.785 + depth * (index / (46 * spread * max(1.0, depth / 0.22))) + rng.uniform(-0.008, 0.008)
        size = rng.uniform(0.026, 0.034)
        shade = darker(color, rng.choice((0, 0, 0.08)))
        for petal in range(5):
            angle = petal * 2 * math.pi / 5 + index
            canvas.ellipse(
                x + size * 0.6 * math.cos(angle),
                y + size * 0.6 * math.sin(angle),
                size * 0.55,
                size * 0.55,
                shade,
            )
        canvas.ellipse(
            x,
            y,
            size * 0.32,
            size * 0.32,
            (250, 214, 80) if color[2] > 90 or color[1] < 120 else (150, 90, 40),
        )
