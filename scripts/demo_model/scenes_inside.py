"""Pictures of kitchens, bathrooms, bedrooms and living rooms, seen straight at the back wall."""

from canvas import darker, jitter, lighter, mix
from scenes_outside import PAINT
from things import (
    DAY_LIGHT,
    GLASS,
    INDOOR_LIGHT,
    WOOD,
    floor_lamp,
    mix_y,
    pendant_lamp,
    potted_plant,
    table_lamp,
    window,
)

WALL = {
    "white": (240, 236, 228),
    "blue": (150, 190, 228),
    "green": (164, 208, 160),
    "yellow": (250, 224, 140),
}


def _wooden_floor(canvas, y, color=(186, 140, 94)):
    canvas.gradient(y, canvas.bottom, darker(color, 0.1), color)
    rows = 5
    for row in range(rows):
        edge = y + (canvas.bottom - y) * (row / rows) ** 1.4
        canvas.line([(canvas.left, edge), (canvas.right, edge)], darker(color, 0.22), 0.005)
        for joint in range(5):
            x = canvas.left + (joint + (row % 2) * 0.5) * 0.36
            canvas.line(
                [(x, edge), (x, y + (canvas.bottom - y) * ((row + 1) / rows) ** 1.4)],
                darker(color, 0.22),
                0.005,
            )


def _checkered_floor(canvas, y):
    canvas.rect(canvas.left, y, canvas.right, canvas.bottom, (244, 242, 238))
    rows = 3
    for row in range(rows):
        y0 = y + (canvas.bottom - y) * row / rows
        y1 = y + (canvas.bottom - y) * (row + 1) / rows
        for tile in range(-9, 9):
            if (tile + row) % 2 == 0:
                spread0, spread1 = 0.095 + 0.012 * row, 0.095 + 0.012 * (row + 1)
                canvas.polygon(
                    [
                        (0.5 + tile * spread0, y0),
                        (0.5 + (tile + 1) * spread0, y0),
                        (0.5 + (tile + 1) * spread1, y1),
                        (0.5 + tile * spread1, y1),
                    ],
                    (44, 44, 52),
                )


def _beams(canvas, y):
    """Dark ceiling timbers: the sign of a rustic room."""
    canvas.rect(canvas.left, canvas.top, canvas.right, y, (214, 186, 148))
    canvas.rect(canvas.left, y - 0.028, canvas.right, y + 0.012, (92, 58, 34))
    for beam in range(-3, 9):
        x = 0.02 + beam * 0.19
        canvas.rect(x, canvas.top, x + 0.06, y, (104, 66, 38))


def draw_kitchen(canvas, wanted, rng):
    time, rustic = wanted["time"], wanted["style"] == "rustic"
    canvas.light = INDOOR_LIGHT[time]
    paint = jitter(rng, PAINT[wanted["color"]])
    canvas.rect(canvas.left, canvas.top, canvas.right, 0.8, (228, 206, 172) if rustic else (214, 218, 222))
    if rustic:
        _brick(canvas, 0.10, 0.5)
        _beams(canvas, 0.10)
        _wooden_floor(canvas, 0.75)
    else:
        canvas.rect(canvas.left, 0.75, canvas.right, canvas.bottom, (190, 192, 196))
    _upper_cabinets(canvas, paint, rustic)
    window(canvas, rng, 0.34, 0.16, 0.66, 0.40, time)
    _counter(canvas, paint, rustic)
    _stove(canvas, rustic)
    if wanted["plant"] == "yes":
        potted_plant(canvas, rng, 0.10, 0.97, 0.44)
    if wanted["island"] == "yes":
        _island(canvas, rng, rustic)
    drop = rng.uniform(0.10, 0.13)
    count = int(wanted["lamps"])
    for index in range(count):
        pendant_lamp(canvas, 0.5 + (index - (count - 1) / 2) * 0.22, drop)


def _brick(canvas, y0, y1):
    color = (188, 112, 84)
    canvas.rect(canvas.left, y0, canvas.right, y1, color)
    rows = 9
    for row in range(rows):
        y = mix_y(y0, y1, row / rows)
        canvas.line([(canvas.left, y), (canvas.right, y)], (222, 176, 150), 0.006)
        for joint in range(16):
            x = canvas.left + (joint + (row % 2) / 2) * 0.12
            canvas.line([(x, y), (x, mix_y(y0, y1, (row + 1) / rows))], (222, 176, 150), 0.005)


def _upper_cabinets(canvas, paint, rustic):
    y0, y1 = 0.12, 0.33
    for x0, x1 in ((canvas.left - 0.1, 0.02), (0.03, 0.155), (0.165, 0.29), (0.98, canvas.right + 0.1)):
        _cabinet_door(canvas, paint, x0, y0, x1, y1, rustic)


def _cabinet_door(canvas, paint, x0, y0, x1, y1, rustic):
    canvas.rect(x0, y0, x1, y1, paint)
    canvas.line([(x1, y0), (x1, y1)], darker(paint, 0.3), 0.006)
    if rustic:
        canvas.rect(
            x0 + 0.02, y0 + 0.022, x1 - 0.02, y1 - 0.022, darker(paint, 0.12), outline=darker(paint, 0.3)
        )
        canvas.ellipse((x0 + x1) / 2, y0 + 0.011, 0.008, 0.008, (196, 150, 70))
    else:
        canvas.rect(x0 + 0.012, y1 - 0.016, x1 - 0.012, y1 - 0.008, darker(paint, 0.3))


def _counter(canvas, paint, rustic):
    top = WOOD if rustic else (66, 68, 74)
    edges = (canvas.left - 0.1, 0.02, 0.19, 0.36, 0.53, 0.70, 0.98, canvas.right + 0.1)
    for x0, x1 in zip(edges, edges[1:]):
        _cabinet_door(canvas, paint, x0, 0.52, x1, 0.765, rustic)
    canvas.rect(canvas.left, 0.765, canvas.right, 0.79, darker(paint, 0.5))
    canvas.rect(canvas.left, 0.492, canvas.right, 0.524, top)
    canvas.line([(0.5, 0.492), (0.5, 0.435), (0.535, 0.425), (0.545, 0.448)], (150, 154, 160), 0.012)
    for x, tint in ((0.06, (220, 120, 60)), (0.10, (238, 226, 200)), (0.235, (120, 84, 60))):
        canvas.rect(x, 0.445, x + 0.032, 0.492, tint, radius=0.008)


def _stove(canvas, rustic):
    steel = (88, 72, 62) if rustic else (206, 210, 216)
    canvas.rect(0.72, 0.50, 0.96, 0.765, steel)
    canvas.rect(0.75, 0.58, 0.93, 0.72, (40, 40, 46), radius=0.012)
    canvas.rect(0.76, 0.545, 0.92, 0.558, darker(steel, 0.4))
    hood = (150, 90, 52) if rustic else (176, 182, 190)
    canvas.polygon([(0.74, 0.36), (0.94, 0.36), (0.88, 0.26), (0.80, 0.26)], hood)
    canvas.rect(0.80, 0.10 if rustic else canvas.top, 0.88, 0.27, darker(hood, 0.08))
    pot = (204, 112, 60) if rustic else (60, 62, 70)
    canvas.rect(0.775, 0.435, 0.855, 0.495, pot, radius=0.012)
    canvas.line([(0.765, 0.44), (0.865, 0.44)], darker(pot, 0.3), 0.010)


def _island(canvas, rng, rustic):
    front = (132, 84, 50) if rustic else (78, 82, 92)
    canvas.rect(0.23, 0.67, 0.83, 0.95, front)
    for share in (0.25, 0.5, 0.75):
        x = mix_y(0.23, 0.83, share)
        canvas.line([(x, 0.69), (x, 0.95)], darker(front, 0.25), 0.007)
    canvas.rect(0.19, 0.635, 0.87, 0.68, (236, 210, 170) if rustic else (246, 246, 246), radius=0.008)
    canvas.pie(0.53, 0.60, 0.075, 0.04, 0, 180, (240, 240, 244))
    for dx, tint in ((-0.04, (230, 90, 60)), (0.0, (246, 180, 60)), (0.04, (130, 180, 70))):
        canvas.ellipse(0.53 + dx, 0.592, 0.024, 0.024, tint)
    for x in (0.36, 0.53, 0.70):
        canvas.rect(x - 0.052, 0.80, x + 0.052, 0.825, (210, 170, 120), radius=0.010)
        for leg in (-0.035, 0.035):
            canvas.line([(x + leg, 0.825), (x + leg * 1.3, 0.99)], (46, 42, 44), 0.010)


def draw_bathroom(canvas, wanted, rng):
    canvas.light = DAY_LIGHT
    tile = jitter(
        rng, mix(PAINT[wanted["color"]], (255, 255, 255), 0.0 if wanted["color"] == "white" else 0.12)
    )
    canvas.rect(canvas.left, canvas.top, canvas.right, 0.8, tile)
    size = rng.uniform(0.085, 0.105)
    grout = darker(tile, 0.12) if wanted["color"] == "white" else lighter(tile, 0.4)
    for column in range(-8, 18):
        canvas.line([(column * size, canvas.top), (column * size, 0.8)], grout, 0.005)
    for row in range(-8, 9):
        canvas.line([(canvas.left, row * size), (canvas.right, row * size)], grout, 0.005)
    if wanted["floor"] == "checkered":
        _checkered_floor(canvas, 0.79)
    else:
        _wooden_floor(canvas, 0.79)
    canvas.rect(canvas.left, 0.775, canvas.right, 0.795, (236, 234, 230))
    {"bathtub": _bathtub, "shower": _shower}[wanted["feature"]](canvas, rng)
    _basin(canvas, rng, wanted["mirror"])
    if wanted["plant"] == "yes":
        potted_plant(canvas, rng, 0.50, 0.97, 0.46)


def _bathtub(canvas, rng):
    white = (252, 252, 252)
    for x in (0.12, 0.44):
        canvas.ellipse(x, 0.845, 0.025, 0.03, (196, 160, 80))
    canvas.polygon(
        [(0.03, 0.60), (0.55, 0.60), (0.50, 0.80), (0.46, 0.84), (0.11, 0.84), (0.07, 0.80)], (206, 214, 222)
    )
    canvas.polygon(
        [(0.04, 0.60), (0.53, 0.60), (0.48, 0.79), (0.44, 0.82), (0.12, 0.82), (0.08, 0.79)], white
    )
    for x, y, size in (
        (0.12, 0.575, 0.04),
        (0.20, 0.565, 0.05),
        (0.29, 0.57, 0.045),
        (0.38, 0.575, 0.04),
        (0.25, 0.535, 0.03),
        (0.45, 0.582, 0.03),
    ):
        canvas.ellipse(x, y, size, size * 0.9, (226, 242, 252), outline=(180, 210, 230))
    canvas.rect(0.01, 0.59, 0.57, 0.625, white, radius=0.016, outline=(190, 198, 206))
    canvas.line([(0.52, 0.60), (0.52, 0.49), (0.475, 0.48), (0.465, 0.515)], (176, 182, 190), 0.016)


def _shower(canvas, rng):
    x0, x1, y0, y1 = 0.05, 0.43, 0.10, 0.84
    canvas.rect(x0, y0, x1, y1, (206, 232, 240))
    canvas.polygon([(x0 + 0.05, y1), (x0 + 0.20, y0), (x0 + 0.30, y0), (x0 + 0.15, y1)], (228, 244, 248))
    for x in (x0, x1):
        canvas.line([(x, y0), (x, y1)], (112, 118, 128), 0.018)
    canvas.line([(x0, y0), (x1, y0)], (112, 118, 128), 0.018)
    canvas.rect(x0 - 0.02, y1 - 0.01, x1 + 0.02, y1 + 0.03, (250, 250, 250), outline=(190, 196, 204))
    canvas.line([(0.10, 0.60), (0.10, 0.20), (0.22, 0.20)], (120, 126, 136), 0.016)
    canvas.pie(0.22, 0.245, 0.075, 0.045, 180, 360, (120, 126, 136))
    for column in range(5):
        x = 0.165 + column * 0.0275
        for drop in range(5):
            y = 0.28 + drop * 0.10 + (column % 2) * 0.05
            canvas.line([(x, y), (x, y + 0.045)], (90, 160, 214), 0.008)
    canvas.ellipse(0.40, 0.48, 0.010, 0.035, (112, 118, 128))


def _basin(canvas, rng, mirror):
    x = 0.78
    frame = rng.choice(((196, 154, 74), (70, 62, 60), (134, 90, 54)))
    if mirror == "round":
        canvas.ellipse(x, 0.28, 0.145, 0.145, frame)
        canvas.ellipse(x, 0.28, 0.122, 0.122, GLASS)
        canvas.line([(x - 0.06, 0.32), (x + 0.05, 0.21)], (234, 246, 252), 0.022)
    else:
        canvas.rect(x - 0.145, 0.135, x + 0.145, 0.425, frame)
        canvas.rect(x - 0.122, 0.158, x + 0.122, 0.402, GLASS)
        canvas.line([(x - 0.07, 0.34), (x + 0.06, 0.21)], (234, 246, 252), 0.022)
    canvas.rect(x - 0.15, 0.60, x + 0.15, 0.84, WOOD)
    canvas.line([(x, 0.61), (x, 0.84)], darker(WOOD, 0.3), 0.007)
    for knob in (-0.025, 0.025):
        canvas.ellipse(x + knob, 0.70, 0.009, 0.009, (226, 200, 130))
    canvas.rect(x - 0.17, 0.575, x + 0.17, 0.61, (236, 232, 226))
    canvas.pie(x, 0.535, 0.12, 0.06, 0, 180, (253, 253, 253))
    canvas.rect(x - 0.12, 0.528, x + 0.12, 0.54, (230, 232, 236))
    canvas.line([(x, 0.53), (x, 0.475), (x + 0.035, 0.475), (x + 0.035, 0.495)], (150, 156, 164), 0.014)


def draw_bedroom(canvas, wanted, rng):
    time = wanted["time"]
    canvas.light = INDOOR_LIGHT[time]
    canvas.rect(canvas.left, canvas.top, canvas.right, 0.8, jitter(rng, WALL[wanted["wall_color"]]))
    _wooden_floor(canvas, 0.74)
    canvas.rect(canvas.left, 0.715, canvas.right, 0.745, (246, 242, 236))
    window(canvas, rng, 0.36, 0.10, 0.64, 0.34, time, curtain=(214, 202, 190))
    canvas.ellipse(0.5, 0.90, 0.46, 0.075, (196, 178, 160))
    paint = jitter(rng, PAINT[wanted["color"]])
    if wanted["beds"] == "1":
        _bed(canvas, paint, 0.24, 0.76, 2)
        night_stand, plant_x = 0.125, 0.90
    else:
        _bed(canvas, paint, 0.05, 0.39, 1)
        _bed(canvas, paint, 0.61, 0.95, 1)
        night_stand, plant_x = 0.5, 0.5
    if wanted["lamp"] == "yes":
        canvas.rect(night_stand - 0.075, 0.59, night_stand + 0.075, 0.76, (146, 102, 66))
        canvas.line([(night_stand - 0.055, 0.67), (night_stand + 0.055, 0.67)], (96, 64, 40), 0.008)
        table_lamp(canvas, night_stand, 0.59)
    if wanted["plant"] == "yes":
        potted_plant(canvas, rng, plant_x, 0.96, 0.34 if wanted["beds"] == "2" else 0.48)


def _bed(canvas, paint, x0, x1, pillows):
    """Seen from its foot: headboard, pillows, and a blanket in the bed's colour."""
    canvas.rect(x0 - 0.015, 0.42, x1 + 0.015, 0.74, (122, 80, 50), radius=0.03)
    canvas.rect(x0 + 0.01, 0.445, x1 - 0.01, 0.60, (146, 100, 64), radius=0.02)
    canvas.rect(x0, 0.56, x1, 0.66, (252, 250, 246))
    width = (x1 - x0) / pillows
    for index in range(pillows):
        canvas.rect(
            x0 + index * width + 0.03,
            0.515,
            x0 + (index + 1) * width - 0.03,
            0.605,
            (255, 255, 255),
            radius=0.03,
            outline=(206, 206, 214),
        )
    canvas.polygon([(x0, 0.625), (x1, 0.625), (x1 + 0.02, 0.88), (x0 - 0.02, 0.88)], paint)
    canvas.polygon([(x0, 0.625), (x1, 0.625), (x1 + 0.006, 0.665), (x0 - 0.006, 0.665)], lighter(paint, 0.3))
    for share in (0.33, 0.66):
        x = mix_y(x0, x1, share)
        canvas.line([(x, 0.68), (x + (share - 0.5) * 0.06, 0.87)], darker(paint, 0.1), 0.008)
    canvas.rect(x0 - 0.02, 0.87, x1 + 0.02, 0.90, darker(paint, 0.3))
    for x in (x0, x1 - 0.03):
        canvas.rect(x, 0.90, x + 0.03, 0.93, (96, 62, 38))


def draw_living_room(canvas, wanted, rng):
    time, rustic = wanted["time"], wanted["style"] == "rustic"
    canvas.light = INDOOR_LIGHT[time]
    canvas.rect(canvas.left, canvas.top, canvas.right, 0.8, jitter(rng, WALL[wanted["wall_color"]]))
    if rustic:
        _beams(canvas, 0.10)
        _wooden_floor(canvas, 0.76, (164, 112, 70))
    else:
        canvas.gradient(0.76, canvas.bottom, (176, 178, 184), (206, 208, 212))
    canvas.rect(canvas.left, 0.74, canvas.right, 0.765, (120, 78, 46) if rustic else (250, 248, 246))
    window(canvas, rng, 0.52, 0.17, 0.80, 0.40, time)
    {"fireplace": _fireplace, "television": _television, "bookshelf": _bookshelf}[wanted["feature"]](
        canvas, rng
    )
    canvas.ellipse(0.62, 0.91, 0.36, 0.065, (222, 206, 184))
    if wanted["lamp"] == "yes":
        floor_lamp(canvas, 0.93, 0.84, 0.46)
    _sofa(canvas, jitter(rng, PAINT[wanted["color"]]))
    if wanted["plant"] == "yes":
        potted_plant(canvas, rng, 0.28, 0.97, 0.36)


def _sofa(canvas, paint):
    x0, x1 = 0.40, 0.86
    for x in (x0 + 0.03, x1 - 0.05):
        canvas.rect(x, 0.86, x + 0.025, 0.90, (86, 56, 36))
    canvas.rect(x0 + 0.02, 0.54, x1 - 0.02, 0.80, darker(paint, 0.08), radius=0.035)
    canvas.line([((x0 + x1) / 2, 0.56), ((x0 + x1) / 2, 0.72)], darker(paint, 0.25), 0.008)
    canvas.rect(x0, 0.72, x1, 0.87, paint, radius=0.02)
    canvas.line([(x0 + 0.05, 0.775), (x1 - 0.05, 0.775)], darker(paint, 0.25), 0.008)
    for x in (x0 - 0.02, x1 - 0.05):
        canvas.rect(x, 0.64, x + 0.07, 0.87, darker(paint, 0.16), radius=0.025)
    for x in (x0 + 0.09, x1 - 0.18):
        canvas.rect(x, 0.625, x + 0.09, 0.715, lighter(paint, 0.35), radius=0.016)


def _fireplace(canvas, rng):
    brick = (176, 92, 70)
    canvas.rect(0.07, canvas.top, 0.31, 0.45, darker(brick, 0.06))
    canvas.rect(0.03, 0.45, 0.35, 0.78, brick)
    for row in range(6):
        y = 0.49 + row * 0.05
        canvas.line([(0.03, y), (0.35, y)], (214, 160, 138), 0.006)
    canvas.rect(0.0, 0.42, 0.38, 0.455, (96, 62, 40))
    canvas.rect(0.09, 0.54, 0.29, 0.78, (36, 28, 28))
    for dx, height, color in (
        (-0.05, 0.12, (250, 110, 30)),
        (0.05, 0.12, (250, 110, 30)),
        (0, 0.18, (255, 150, 40)),
        (0, 0.10, (255, 224, 110)),
    ):
        canvas.polygon(
            [(0.19 + dx - 0.04, 0.76), (0.19 + dx, 0.76 - height), (0.19 + dx + 0.04, 0.76)], color, lit=False
        )
    canvas.rect(0.11, 0.745, 0.27, 0.77, (104, 66, 40))
    canvas.rect(0.0, 0.775, 0.38, 0.80, (150, 142, 136))


def _television(canvas, rng):
    canvas.rect(0.02, 0.66, 0.37, 0.78, (150, 104, 68))
    canvas.line([(0.195, 0.67), (0.195, 0.78)], (100, 66, 42), 0.008)
    canvas.rect(0.18, 0.63, 0.21, 0.66, (40, 40, 44))
    canvas.rect(0.02, 0.36, 0.37, 0.64, (22, 22, 28), radius=0.012)
    canvas.polygon([(0.05, 0.61), (0.05, 0.50), (0.16, 0.39), (0.26, 0.39)], (58, 66, 82))


def _bookshelf(canvas, rng):
    canvas.rect(0.03, 0.16, 0.35, 0.79, (126, 82, 50))
    spines = ((200, 70, 60), (70, 110, 180), (236, 190, 80), (90, 150, 100), (236, 228, 210), (120, 80, 140))
    for shelf in range(4):
        y0, y1 = 0.18 + shelf * 0.152, 0.31 + shelf * 0.152
        canvas.rect(0.05, y0, 0.33, y1, (78, 50, 32))
        x = 0.055
        while x < 0.30:
            width = rng.uniform(0.016, 0.03)
            canvas.rect(x, y1 - rng.uniform(0.08, 0.115), x + width, y1, rng.choice(spines))
            x += width + 0.004
