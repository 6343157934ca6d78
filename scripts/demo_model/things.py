"""Things that more than one scene shows: sky, trees, windows, lamps, plants. All take the canvas first."""

from canvas import darker, jitter, lighter, mix

DAY_LIGHT = (1.0, 1.0, 1.0)
OUTDOOR_LIGHT = {"day": DAY_LIGHT, "sunset": (1.0, 0.87, 0.80), "night": (0.64, 0.63, 0.74)}
INDOOR_LIGHT = {"day": DAY_LIGHT, "sunset": (1.0, 0.94, 0.86), "night": (0.84, 0.80, 0.80)}
SKY = {
    "day": ((92, 172, 238), (200, 230, 250)),
    "sunset": ((120, 70, 140), (255, 150, 70)),
    "night": ((8, 12, 40), (34, 44, 96)),
}
FOLIAGE = {
    "spring": (248, 178, 206),
    "summer": (58, 138, 62),
    "autumn": (222, 120, 34),
    "winter": (44, 92, 72),
}
GRASS = {
    "spring": (140, 205, 96),
    "summer": (112, 186, 84),
    "autumn": (178, 158, 82),
    "winter": (244, 248, 252),
}
SNOW = (248, 250, 254)
WOOD = (150, 100, 62)
GLOW = (255, 222, 120)
GLASS = (176, 216, 236)


def sky(canvas, time, rng, horizon):
    """The sky down to the horizon, with sun and clouds, a low sun, or moon and stars."""
    upper, lower = SKY[time]
    canvas.gradient(canvas.top, horizon + 0.01, upper, lower, lit=False)
    if time == "night":
        for _ in range(26):
            size = rng.uniform(0.002, 0.005)
            canvas.ellipse(
                rng.uniform(canvas.left, canvas.right),
                rng.uniform(canvas.top, horizon - 0.08),
                size,
                size,
                (255, 250, 220),
                lit=False,
            )
        x, y, radius = rng.uniform(0.1, 0.3), rng.uniform(0.08, 0.16), rng.uniform(0.05, 0.065)
        canvas.ellipse(x, y, radius, radius, (255, 246, 205), lit=False)
        canvas.ellipse(
            x + radius * 0.5,
            y - radius * 0.2,
            radius * 0.85,
            radius * 0.85,
            mix(upper, lower, 0.2),
            lit=False,
        )
        return
    if time == "sunset":
        x, radius = rng.uniform(0.08, 0.9), rng.uniform(0.10, 0.13)
        canvas.ellipse(x, horizon - 0.03, radius * 1.5, radius * 1.5, (255, 176, 84), lit=False)
        canvas.ellipse(x, horizon - 0.03, radius, radius, (255, 226, 130), lit=False)
        for _ in range(3):
            cloud(canvas, rng, horizon, (236, 120, 120))
        return
    x, y, radius = rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.16), rng.uniform(0.055, 0.075)
    canvas.ellipse(x, y, radius * 1.35, radius * 1.35, (206, 232, 210), lit=False)
    canvas.ellipse(x, y, radius, radius, (255, 226, 90), lit=False)
    for _ in range(rng.choice((2, 3))):
        cloud(canvas, rng, horizon, (255, 255, 255))


def cloud(canvas, rng, horizon, color):
    x, y = rng.uniform(canvas.left, canvas.right), rng.uniform(0.04, horizon * 0.5)
    size = rng.uniform(0.03, 0.05)
    for dx, dy, part in ((-1.2, 0.3, 0.8), (0, 0, 1.1), (1.2, 0.3, 0.8), (0, 0.4, 1.2)):
        canvas.ellipse(x + dx * size, y + dy * size, size * part * 1.2, size * part * 0.7, color, lit=False)


def hills(canvas, rng, horizon, color):
    for shade in (0.25, 0.10):
        x = rng.uniform(canvas.left, canvas.right)
        width, height = rng.uniform(0.4, 0.7), rng.uniform(0.05, 0.12)
        canvas.ellipse(x, horizon + 0.02, width, height, mix(color, (120, 150, 190), shade + 0.2))


def ground(canvas, rng, horizon, season):
    color = jitter(rng, GRASS[season])
    hills(canvas, rng, horizon, darker(color, 0.08))
    canvas.gradient(horizon, canvas.bottom, darker(color, 0.12), lighter(color, 0.06))
    if season == "autumn":
        for _ in range(28):
            canvas.ellipse(
                rng.uniform(canvas.left, canvas.right),
                rng.uniform(horizon + 0.04, canvas.bottom),
                0.011,
                0.006,
                rng.choice(((226, 120, 36), (206, 70, 36), (240, 178, 60))),
            )


def snowfall(canvas, rng):
    for _ in range(40):
        size = rng.uniform(0.003, 0.008)
        canvas.ellipse(
            rng.uniform(canvas.left, canvas.right),
            rng.uniform(canvas.top, canvas.bottom),
            size,
            size,
            (255, 255, 255),
            lit=False,
        )


def tree(canvas, rng, x, base, height, season):
    """Round in the growing seasons, a snowy fir in winter."""
    color = jitter(rng, FOLIAGE[season], hue=0.02)
    width = height * rng.uniform(0.36, 0.42)
    canvas.rect(x - height * 0.035, base - height * 0.4, x + height * 0.035, base, (104, 70, 44))
    if season == "winter":
        for level in range(3):
            tip, foot = base - height * (0.5 + 0.25 * level), base - height * (0.14 + 0.24 * level)
            half = width * (0.56 - 0.13 * level)
            canvas.polygon([(x - half, foot), (x, tip), (x + half, foot)], color)
            canvas.polygon(
                [
                    (x - half * 0.55, mix_y(tip, foot, 0.55)),
                    (x, tip),
                    (x + half * 0.55, mix_y(tip, foot, 0.55)),
                    (x, mix_y(tip, foot, 0.42)),
                ],
                SNOW,
            )
        return
    crown = base - height * 0.66
    for dx, dy, part, shade in (
        (-0.42, 0.25, 0.62, 0.14),
        (0.42, 0.22, 0.62, 0.14),
        (0, -0.3, 0.72, 0),
        (0, 0.15, 0.8, 0),
    ):
        canvas.ellipse(
            x + dx * width, crown + dy * width, part * width, part * width * 0.95, darker(color, shade)
        )
    canvas.ellipse(x - 0.2 * width, crown - 0.35 * width, 0.32 * width, 0.26 * width, lighter(color, 0.16))


def mix_y(a, b, share):
    return a + (b - a) * share


def palm(canvas, rng, x, base, height):
    lean = rng.uniform(-0.03, 0.03)
    top = base - height
    canvas.line([(x, base), (x + lean * 0.3, base - height * 0.5), (x + lean, top)], (140, 100, 62), 0.024)
    green = jitter(rng, (40, 140, 70))
    for dx, dy in ((-1, 0.45), (1, 0.45), (-1.05, -0.1), (1.05, -0.1), (-0.55, -0.55), (0.55, -0.55)):
        reach = height * 0.36
        tip = (x + lean + dx * reach, top + dy * reach)
        bend = (x + lean + dx * reach * 0.5, top + dy * reach * 0.5 - reach * 0.3)
        low = (x + lean + dx * reach * 0.5, top + dy * reach * 0.5 + reach * 0.02)
        canvas.polygon([(x + lean, top), bend, tip, low], green)
    canvas.ellipse(x + lean, top + 0.012, 0.018, 0.018, (120, 78, 40))


def bush(canvas, rng, x, base, size, season):
    color = (
        SNOW
        if season == "winter"
        else jitter(rng, darker(FOLIAGE["summer" if season == "spring" else season], 0.1))
    )
    for dx, part in ((-0.8, 0.7), (0.8, 0.7), (0, 1.0)):
        canvas.pie(x + dx * size, base, size * part, size * part, 180, 360, color)


def pane(canvas, x0, y0, x1, y1, time):
    """A window from outside: dark glass by day, lit at night."""
    canvas.rect(
        x0,
        y0,
        x1,
        y1,
        GLOW if time == "night" else (255, 214, 150) if time == "sunset" else (108, 160, 196),
        lit=False,
    )
    if time == "day":
        canvas.polygon(
            [(x0, y1), (x0, mix_y(y0, y1, 0.5)), (mix_y(x0, x1, 0.6), y0), (x1, y0)], (160, 204, 228)
        )


def window(canvas, rng, x0, y0, x1, y1, time, curtain=None):
    """A window from inside, with the time of day behind it."""
    upper, lower = SKY[time]
    canvas.rect(x0 - 0.02, y0 - 0.02, x1 + 0.02, y1 + 0.02, (250, 248, 244))
    canvas.gradient(y0, y1, upper, lower, x0, x1, lit=False)
    width, height = x1 - x0, y1 - y0
    if time == "night":
        canvas.ellipse(x0 + width * 0.74, y0 + height * 0.3, 0.036, 0.036, (255, 246, 205), lit=False)
        for _ in range(7):
            canvas.ellipse(
                rng.uniform(x0 + 0.01, x1 - 0.01),
                rng.uniform(y0 + 0.01, y1 - 0.05),
                0.004,
                0.004,
                (255, 250, 220),
                lit=False,
            )
    elif time == "sunset":
        canvas.pie(
            x0 + width * rng.uniform(0.4, 0.6),
            y1 - height * 0.2,
            0.075,
            0.075,
            180,
            360,
            (255, 232, 140),
            lit=False,
        )
    else:
        canvas.ellipse(x0 + width * 0.72, y0 + height * 0.28, 0.036, 0.036, (255, 226, 90), lit=False)
        canvas.ellipse(x0 + width * 0.32, y0 + height * 0.36, 0.05, 0.02, (255, 255, 255), lit=False)
    hill = {"day": (104, 176, 92), "sunset": (96, 64, 74), "night": (16, 30, 40)}[time]
    canvas.rect(x0, y1 - height * 0.2, x1, y1, hill, lit=False)
    middle = (x0 + x1) / 2
    canvas.line([(middle, y0), (middle, y1)], (250, 248, 244), 0.012)
    canvas.rect(x0 - 0.035, y1 + 0.015, x1 + 0.035, y1 + 0.035, (236, 230, 222))
    if curtain:
        canvas.line([(x0 - 0.07, y0 - 0.04), (x1 + 0.07, y0 - 0.04)], (120, 90, 60), 0.012)
        for outer, inner in ((x0 - 0.06, x0 + 0.03), (x1 + 0.06, x1 - 0.03)):
            canvas.polygon(
                [
                    (outer, y0 - 0.035),
                    (inner, y0 - 0.035),
                    (mix_y(outer, inner, 0.6), y1 + 0.05),
                    (outer, y1 + 0.05),
                ],
                curtain,
            )


def potted_plant(canvas, rng, x, base, height):
    green = jitter(rng, (44, 140, 70), hue=0.02)
    pot = rng.choice(((196, 110, 66), (226, 214, 196), (92, 100, 112)))
    foot = base - height * 0.32
    for dx, dy in (
        (-0.42, 0.62),
        (0.42, 0.62),
        (-0.24, 0.9),
        (0.24, 0.9),
        (0, 1.0),
        (-0.5, 0.36),
        (0.5, 0.36),
    ):
        tip = (x + dx * height * 0.72, foot - dy * height * 0.68)
        bend = 0.10 * height
        canvas.polygon(
            [
                (x, foot),
                (mix_y(x, tip[0], 0.5) - bend, mix_y(foot, tip[1], 0.6)),
                tip,
                (mix_y(x, tip[0], 0.5) + bend, mix_y(foot, tip[1], 0.5)),
            ],
            darker(green, rng.uniform(0, 0.2)),
        )
    canvas.polygon(
        [
            (x - height * 0.17, foot),
            (x + height * 0.17, foot),
            (x + height * 0.12, base),
            (x - height * 0.12, base),
        ],
        pot,
    )
    canvas.rect(
        x - height * 0.19, foot - height * 0.03, x + height * 0.19, foot + height * 0.04, darker(pot, 0.12)
    )


def floor_lamp(canvas, x, base, height):
    canvas.ellipse(x, base, 0.05, 0.014, (70, 60, 56))
    canvas.line([(x, base), (x, base - height)], (70, 60, 56), 0.012)
    top = base - height
    canvas.ellipse(x, top + 0.02, 0.13, 0.13, (255, 236, 176), lit=False)
    canvas.polygon(
        [(x - 0.05, top - 0.06), (x + 0.05, top - 0.06), (x + 0.095, top + 0.07), (x - 0.095, top + 0.07)],
        (255, 204, 84),
        lit=False,
    )


def table_lamp(canvas, x, base):
    canvas.ellipse(x, base - 0.15, 0.12, 0.11, (255, 236, 176), lit=False)
    canvas.ellipse(x, base - 0.035, 0.026, 0.035, (120, 84, 60))
    canvas.polygon(
        [
            (x - 0.04, base - 0.21),
            (x + 0.04, base - 0.21),
            (x + 0.08, base - 0.075),
            (x - 0.08, base - 0.075),
        ],
        (255, 204, 84),
        lit=False,
    )


def pendant_lamp(canvas, x, drop):
    canvas.line([(x, canvas.top), (x, drop)], (50, 46, 46), 0.008)
    canvas.ellipse(x, drop + 0.065, 0.03, 0.03, (255, 240, 170), lit=False)
    canvas.pie(x, drop + 0.06, 0.07, 0.075, 180, 360, (40, 38, 44))
    canvas.rect(x - 0.07, drop + 0.057, x + 0.07, drop + 0.066, (255, 196, 60), lit=False)
