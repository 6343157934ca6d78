"""Sentences and key words that a person would type, made from (part of) a description.

A caption is made from `wanted`: the attributes that it mentions. It says nothing else, so every picture that
satisfies `wanted` is a right answer to it. What is not in a picture is never mentioned ("no pool"): the model
learns no negation.
"""

import random

NUMBER = {"2": ("two", "2"), "3": ("three", "3")}

NOUNS = {
    "house": ("house", "house", "house", "home", "building"),
    "kitchen": ("kitchen",),
    "bathroom": ("bathroom", "bathroom", "bath"),
    "bedroom": ("bedroom", "bedroom", "room with a bed"),
    "living room": ("living room", "living room", "lounge", "sitting room"),
    "pool": ("swimming pool", "swimming pool", "pool"),
    "garden": ("garden", "garden", "backyard", "park"),
}

PLURALS = {
    "house": ("houses", "houses", "homes", "buildings"),
    "kitchen": ("kitchens",),
    "bathroom": ("bathrooms",),
    "bedroom": ("bedrooms",),
    "living room": ("living rooms", "living rooms", "lounges"),
    "pool": ("swimming pools", "pools"),
    "garden": ("gardens", "gardens", "parks"),
}
BRIEF_TIME = {
    "day": ("by day", "during the day", "in daylight"),
    "sunset": ("at sunset", "at dusk", "in the evening"),
    "night": ("at night", "by night", "in the dark"),
}

# Each attribute's ways of being said, by their place in the sentence: before the noun, after "with", or at
# the end.
BEFORE, WITH, END = "before", "with", "end"

TIME = {
    "day": (
        (BEFORE, "sunny"),
        (BEFORE, "daytime"),
        (END, "by day"),
        (END, "during the day"),
        (END, "in daylight"),
        (END, "in the daytime"),
        (END, "at noon"),
        (END, "on a sunny day"),
        (END, "in the sunshine"),
    ),
    "sunset": (
        (END, "at sunset"),
        (END, "at sunset"),
        (END, "at dusk"),
        (END, "in the evening"),
        (BEFORE, "evening"),
        (BEFORE, "sunset"),
        (END, "as the sun sets"),
        (WITH, "an orange sky"),
    ),
    "night": (
        (END, "at night"),
        (END, "at night"),
        (END, "by night"),
        (END, "in the dark"),
        (BEFORE, "night"),
        (END, "under the stars"),
        (END, "in the moonlight"),
        (END, "at nighttime"),
        (END, "with the moon out"),
    ),
}
INDOOR_TIME = {
    "day": TIME["day"][1:8] + ((WITH, "a sunny window"), (BEFORE, "bright")),
    "sunset": TIME["sunset"][:6] + ((WITH, "the sunset in the window"),),
    "night": TIME["night"][:5]
    + ((END, "at nighttime"), (WITH, "the moon in the window"), (WITH, "a dark sky in the window")),
}
SEASON = {
    "spring": (
        (BEFORE, "spring"),
        (END, "in spring"),
        (END, "in springtime"),
        (WITH, "blossoming trees"),
        (END, "in bloom"),
    ),
    "summer": ((BEFORE, "summer"), (END, "in summer"), (END, "in the summer"), (END, "in summertime")),
    "autumn": (
        (BEFORE, "autumn"),
        (END, "in autumn"),
        (END, "in the fall"),
        (END, "in fall"),
        (WITH, "autumn leaves"),
        (END, "in the autumn"),
    ),
    "winter": (
        (BEFORE, "snowy"),
        (BEFORE, "winter"),
        (END, "in winter"),
        (END, "in the snow"),
        (END, "covered in snow"),
        (WITH, "snow"),
        (END, "in the winter"),
    ),
}
STYLE = {
    "modern": (
        (BEFORE, "modern"),
        (BEFORE, "modern"),
        (BEFORE, "contemporary"),
        (BEFORE, "modern style"),
        (END, "in a modern style"),
    ),
    "traditional": (
        (BEFORE, "traditional"),
        (BEFORE, "classic"),
        (BEFORE, "old fashioned"),
        (BEFORE, "traditional style"),
    ),
    "rustic": (
        (BEFORE, "rustic"),
        (BEFORE, "country style"),
        (BEFORE, "farmhouse style"),
        (WITH, "wooden beams"),
        (WITH, "ceiling beams"),
    ),
}
PLANT = ((WITH, "a plant"), (WITH, "a potted plant"), (WITH, "a leafy plant"), (WITH, "a houseplant"))
LAMP = ((WITH, "a lamp"), (WITH, "a lamp"), (WITH, "a lamp"), (WITH, "a lit lamp"))
FEATURE = {
    "bathtub": ((WITH, "a bathtub"), (WITH, "a bath tub"), (WITH, "a tub"), (WITH, "a bubble bath")),
    "shower": ((WITH, "a shower"), (WITH, "a shower"), (WITH, "a walk-in shower"), (WITH, "a shower cabin")),
    "fireplace": (
        (WITH, "a fireplace"),
        (WITH, "a fireplace"),
        (WITH, "a fire"),
        (WITH, "a brick fireplace"),
    ),
    "television": ((WITH, "a television"), (WITH, "a tv"), (WITH, "a big tv"), (WITH, "a tv set")),
    "bookshelf": ((WITH, "a bookshelf"), (WITH, "books"), (WITH, "a bookcase"), (WITH, "bookshelves")),
    "fountain": (
        (WITH, "a fountain"),
        (WITH, "a fountain"),
        (WITH, "a water fountain"),
        (WITH, "a stone fountain"),
    ),
    "bench": ((WITH, "a bench"), (WITH, "a bench"), (WITH, "a wooden bench"), (WITH, "a seat")),
    "pond": ((WITH, "a pond"), (WITH, "a pond"), (WITH, "a small pond"), (WITH, "a lily pond")),
}


def _color(kind, color):
    return {
        "house": (
            (BEFORE, color),
            (BEFORE, color),
            (BEFORE, color),
            (BEFORE, f"{color} painted"),
            (BEFORE, f"bright {color}"),
            (WITH, f"{color} walls"),
        ),
        "kitchen": (
            (WITH, f"{color} cabinets"),
            (WITH, f"{color} cabinets"),
            (WITH, f"{color} cupboards"),
            (BEFORE, color),
            (BEFORE, color),
        ),
        "bathroom": (
            (WITH, f"{color} tiles"),
            (WITH, f"{color} tiles"),
            (BEFORE, f"{color} tiled"),
            (BEFORE, color),
            (WITH, f"{color} walls"),
        ),
        "bedroom": (
            (WITH, f"a {color} blanket"),
            (WITH, f"{color} bedding"),
            (WITH, f"a {color} bed"),
            (WITH, f"a {color} bedspread"),
        ),
        "living room": ((WITH, f"a {color} sofa"), (WITH, f"a {color} sofa"), (WITH, f"a {color} couch")),
        "pool": ((WITH, f"a {color} umbrella"), (WITH, f"a {color} parasol"), (WITH, f"a {color} sunshade")),
        "garden": (
            (WITH, f"{color} flowers"),
            (WITH, f"{color} flowers"),
            (END, f"full of {color} flowers"),
            (WITH, f"lots of {color} flowers"),
        ),
    }[kind]


def _counted(value, one, many):
    """ "a tree", "two trees"."""
    if value == "1":
        return ((WITH, f"a {one}"), (WITH, f"one {one}"), (WITH, f"a single {one}"), (WITH, f"1 {one}"))
    return tuple((WITH, f"{number} {many}") for number in NUMBER[value])


def _storeys(value):
    number = {"1": "one", "2": "two", "3": "three"}[value]
    floors = "floor" if value == "1" else "floors"
    storeys = "storey" if value == "1" else "storeys"
    return (
        (BEFORE, f"{number}-storey"),
        (BEFORE, f"{number} storey"),
        (BEFORE, f"{number}-story"),
        (BEFORE, f"{number} story"),
        (BEFORE, f"{value} storey"),
        (WITH, f"{number} {floors}"),
        (WITH, f"{number} {storeys}"),
        (BEFORE, f"{number}-floor"),
        (WITH, f"{value} {floors}"),
    )


def phrases(kind, name, value):
    """The ways to say that a picture of this kind has this attribute; empty where a person would not mention
    it."""
    if value in ("no", "0"):
        return ()
    if name == "color":
        return _color(kind, value)
    if name == "wall_color":
        return ((WITH, f"{value} walls"), (WITH, f"{value} walls"), (WITH, f"a {value} wall"))
    if name == "time":
        return (INDOOR_TIME if kind in ("kitchen", "bedroom", "living room") else TIME)[value]
    if name == "storeys":
        return _storeys(value)
    if name == "trees":
        return _counted(value, "tree", "trees")
    if name == "lamps":
        if value == "1":
            return _counted(value, "hanging lamp", "") + _counted(value, "pendant lamp", "")
        return (
            _counted(value, "", "lamps")
            + _counted(value, "", "hanging lamps")
            + _counted(value, "", "pendant lights")
        )
    if name == "loungers":
        return (
            _counted(value, "lounger", "loungers")
            + _counted(value, "deck chair", "deck chairs")
            + _counted(value, "sun lounger", "sun loungers")
        )
    return {
        "season": SEASON.get(value),
        "style": STYLE.get(value),
        "feature": FEATURE.get(value),
        "pool": ((WITH, "a pool"), (WITH, "a pool"), (WITH, "a swimming pool")),
        "garage": ((WITH, "a garage"), (WITH, "a garage"), (WITH, "a garage door"), (WITH, "a car garage")),
        "island": (
            (WITH, "an island"),
            (WITH, "an island"),
            (WITH, "a kitchen island"),
            (WITH, "an island and stools"),
        ),
        "plant": PLANT,
        "lamp": LAMP,
        "mirror": ((WITH, f"a {value} mirror"),),
        "floor": (
            (
                (WITH, "a checkered floor"),
                (WITH, "a black and white floor"),
                (WITH, "a chequered floor"),
                (WITH, "a tiled floor"),
            )
            if value == "checkered"
            else ((WITH, "a wooden floor"), (WITH, "a wood floor"), (WITH, "wooden floorboards"))
        ),
        "beds": (
            ((WITH, "one bed"), (WITH, "a double bed"), (WITH, "a big bed"), (WITH, "a single large bed"))
            if value == "1"
            else ((WITH, "two beds"), (WITH, "twin beds"), (WITH, "2 beds"))
        ),
        "shape": (
            ((BEFORE, "round"), (BEFORE, "round"), (BEFORE, "oval"))
            if value == "round"
            else ((BEFORE, "rectangular"), (BEFORE, "rectangular"))
        ),
        "palms": ((WITH, "palm trees"), (WITH, "palms"), (WITH, "palm trees")),
        "slide": ((WITH, "a slide"), (WITH, "a water slide"), (WITH, "an orange slide")),
    }[name]


def mentionable(description):
    return [
        name
        for name in description
        if name != "kind" and phrases(description["kind"], name, description[name])
    ]


def choose(description, rng: random.Random):
    """Which attributes a caption of this picture mentions: its kind and a few others, as queries do."""
    names = mentionable(description)
    count = min(len(names), rng.choices((0, 1, 2, 3, 4, 6), (3, 18, 34, 27, 13, 5))[0])
    chosen = ["kind"] + rng.sample(names, count)
    return {name: description[name] for name in chosen}


def brief(description, rng: random.Random):
    """A short question that names the kind in the plural ("white kitchens by day") or not at all ("a blue
    sofa"); with what it asks for: (wanted, text)."""
    kind = description["kind"]
    things = [
        (name, words)
        for name in mentionable(description)
        if name not in ("time", "pool")
        for place, words in phrases(kind, name, description[name])
        if place == WITH and "wall" not in words  # many kinds have walls, and a pool is a kind itself
    ]
    if things and rng.random() < 0.6:
        name = rng.choice(sorted({name for name, _ in things}))
        text = rng.choice([words for thing, words in things if thing == name])
        wanted = {name: description[name]}
        if name == "color":
            wanted["kind"] = kind  # a sofa is in no other kind, while the colour might be
        if rng.random() < 0.3:
            text = text.removeprefix("a ").removeprefix("an ")
    else:
        names = [name for name in mentionable(description) if name != "time"]
        chosen = rng.sample(names, min(len(names), rng.choice((0, 1, 1, 1, 2))))
        wanted = {"kind": kind} | {name: description[name] for name in chosen}
        said = _said(wanted, rng)
        subject = " ".join(said[BEFORE] + [rng.choice(PLURALS[kind])])
        listed = " with " + _listed(said[WITH], rng) if said[WITH] else ""
        text = f"{subject}{listed} {' '.join(said[END])}".strip()
    if "time" in description and rng.random() < 0.3:
        wanted["time"] = description["time"]
        text += " " + rng.choice(BRIEF_TIME[description["time"]])
    return wanted, text


def _article(words):
    return "an" if words[0] in "aeiou" and not words.startswith("one") else "a"


def _listed(items, rng):
    """ "a pool, two trees and a garage"."""
    if len(items) == 1:
        return items[0]
    joint = (
        rng.choice((" and ", " and ", ", ", " with "))
        if len(items) == 2
        else rng.choice((" and ", ", and ", ", "))
    )
    return ", ".join(items[:-1]) + joint + items[-1]


def _said(wanted, rng):
    """The words for all of `wanted` but the kind, by their place in the sentence."""
    names = [name for name in wanted if name != "kind"]
    rng.shuffle(names)
    said = {BEFORE: [], WITH: [], END: []}
    for name in names:
        place, words = rng.choice(phrases(wanted["kind"], name, wanted[name]))
        said[place].append(words)
    return said


def caption(wanted, rng: random.Random, plain=False):
    """One way to ask for, or describe, pictures that have all of `wanted` (which must contain the kind); if
    plain, a sentence without opening words."""
    kind = wanted["kind"]
    said = _said(wanted, rng)
    noun = rng.choice(NOUNS[kind])
    if kind == "pool" and len(wanted) == 1:
        noun = "swimming pool"
    form = 1.0 if plain else rng.random()
    if form < 0.12:
        return _key_words(said, noun, rng)
    if noun == "room with a bed" and (said[WITH] or form < 0.5):
        noun = "bedroom"
    subject = " ".join(said[BEFORE] + [noun])
    end = " ".join(said[END])
    if form < 0.22 and said[WITH]:
        things = _listed(said[WITH], rng)
        text = (
            f"{_article(subject)} {subject} {end}".strip()
            + rng.choice((" with ", " that has ", ", with ", " and "))
            + things
        )
    elif said[WITH]:
        text = (
            f"{_article(subject)} {subject} "
            + ("with " if plain else rng.choice(("with ", "with ", "with ", "having ", "that has ")))
            + _listed(said[WITH], rng)
            + (" " + end if end else "")
        )
    else:
        text = f"{_article(subject)} {subject} {end}".strip()
    if plain:
        return text
    opening = rng.random()
    if opening < 0.12:
        text = text.split(" ", 1)[1]
    elif opening < 0.2:
        text = "the " + text.split(" ", 1)[1]
    elif opening < 0.4:
        text = (
            rng.choice(
                (
                    "a photo of ",
                    "a picture of ",
                    "an image of ",
                    "a drawing of ",
                    "an illustration of ",
                    "show me ",
                    "find ",
                    "i am looking for ",
                    "there is ",
                    "this is ",
                )
            )
            + text
        )
    return text + rng.choice(("", "", "", "", "."))


def _key_words(said, noun, rng):
    """ "blue kitchen island night": what people type into search boxes."""
    words = said[BEFORE] + [noun]
    rest = [item.removeprefix("a ").removeprefix("an ") for item in said[WITH]] + [
        item.removeprefix("at ").removeprefix("in ").removeprefix("the ") for item in said[END]
    ]
    rng.shuffle(rest)
    return rng.choice((" ", " ", ", ")).join([" ".join(words)] + rest)
