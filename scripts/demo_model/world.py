"""What can be in a picture: the kinds, their attributes, and the random draw of one description.

A description is a plain dict such as {"kind": "house", "color": "red", "time": "night", "pool": "yes", ...}.
Every value is a string, so that descriptions, CSV rows and query filters compare with ==. An attribute that a
kind does not have is absent (an empty cell in the CSV).
"""

import random

COLORS = ("red", "blue", "green", "yellow", "white", "pink")
FLOWER_COLORS = ("red", "blue", "yellow", "white", "pink")
TIMES = ("day", "sunset", "night")
YES_NO = ("yes", "no")

# kind -> attribute -> possible values, all equally likely. `color` is the colour of the kind's main thing:
# the walls of a house, the cabinets of a kitchen, the tiles of a bathroom, the blanket of a bed, the sofa,
# the parasol, the flowers.
KINDS = {
    "house": {
        "color": COLORS,
        "style": ("modern", "traditional"),
        "storeys": ("1", "2", "3"),
        "time": TIMES,
        "season": ("summer", "autumn", "winter"),
        "trees": ("0", "1", "2", "3"),
        "pool": YES_NO,
        "garage": YES_NO,
    },
    "kitchen": {
        "color": COLORS,
        "style": ("modern", "rustic"),
        "time": TIMES,
        "lamps": ("0", "1", "2", "3"),
        "island": YES_NO,
        "plant": YES_NO,
    },
    "bathroom": {
        "color": COLORS,
        "feature": ("bathtub", "shower"),
        "mirror": ("round", "square"),
        "floor": ("checkered", "wooden"),
        "plant": YES_NO,
    },
    "bedroom": {
        "color": COLORS,
        "wall_color": ("white", "blue", "green", "yellow"),
        "time": TIMES,
        "beds": ("1", "2"),
        "lamp": YES_NO,
        "plant": YES_NO,
    },
    "living room": {
        "color": COLORS,
        "wall_color": ("white", "blue", "green", "yellow"),
        "style": ("modern", "rustic"),
        "time": TIMES,
        "feature": ("fireplace", "television", "bookshelf"),
        "lamp": YES_NO,
        "plant": YES_NO,
    },
    "pool": {
        "color": COLORS,
        "shape": ("round", "rectangular"),
        "time": TIMES,
        "loungers": ("0", "1", "2", "3"),
        "palms": YES_NO,
        "slide": YES_NO,
    },
    "garden": {
        "color": FLOWER_COLORS,
        "feature": ("fountain", "bench", "pond"),
        "season": ("spring", "summer", "autumn"),
        "time": TIMES,
        "trees": ("1", "2", "3"),
    },
}

# Houses have the most attributes and are what the project's users search for, so there are more of them.
KIND_WEIGHTS = {
    "house": 22,
    "kitchen": 14,
    "bathroom": 12,
    "bedroom": 13,
    "living room": 14,
    "pool": 12,
    "garden": 13,
}


def attribute_values():
    """All attributes with all their values over all kinds: {"kind": [...], "color": [...], ...}, in a fixed
    order."""
    values = {"kind": list(KINDS)}
    for attributes in KINDS.values():
        for name, options in attributes.items():
            known = values.setdefault(name, [])
            known.extend(option for option in options if option not in known)
    return values


VALUES = attribute_values()
ATTRIBUTES = tuple(VALUES)


def sample(rng: random.Random, wanted=None):
    """One random description; `wanted` fixes some of its attributes (and must name a kind that has them)."""
    wanted = wanted or {}
    kind = wanted.get("kind")
    if kind is None:
        able = [kind for kind, options in KINDS.items() if all(name in options for name in wanted)]
        kind = rng.choices(able, [KIND_WEIGHTS[name] for name in able])[0]
    description = {"kind": kind}
    for name, options in KINDS[kind].items():
        value = rng.choice(options)
        if name in wanted:
            if wanted[name] not in options:
                raise ValueError(
                    f"a {kind} cannot have {name}={wanted[name]}; it can have {', '.join(options)}"
                )
            value = wanted[name]
        description[name] = value
    unknown = set(wanted) - set(description)
    if unknown:
        raise ValueError(f"a {kind} has no attribute {', '.join(sorted(unknown))}")
    return description


def satisfies(description, wanted):
    """Whether a picture of this description is right for a query that asks for all of `wanted`."""
    return all(description.get(name) == value for name, value in wanted.items())


def encode(description):
    """A description as one small integer an attribute, in the order of ATTRIBUTES; -1 where it has none."""
    return [VALUES[name].index(description[name]) if name in description else -1 for name in ATTRIBUTES]


def decode(codes):
    """The inverse of encode."""
    return {name: VALUES[name][code] for name, code in zip(ATTRIBUTES, codes) if code >= 0}
