"""How well text finds pictures: precision at 4, right meaning that a picture has all the attributes asked
for."""

import random

import torch

import captions
import world

DEPTH = 4


def precision_at(wanted, text_vectors, descriptions, image_vectors):
    """For each query, the share of its best DEPTH pictures (exact cosine) that are right. Vectors have unit
    length."""
    best = (text_vectors @ image_vectors.T).topk(DEPTH).indices.tolist()
    return [
        sum(world.satisfies(descriptions[index], query) for index in row) / DEPTH
        for query, row in zip(wanted, best)
    ]


def random_queries(descriptions, count, seed):
    """Queries of two or three attributes that have at least DEPTH right pictures: [(wanted, text)]."""

    def draw(description, rng):
        wanted = captions.choose(description, rng)
        if len(wanted) in (3, 4) and _enough(descriptions, wanted):
            return wanted, captions.caption(wanted, rng)
        return None

    return _queries(draw, descriptions, count, seed)


def brief_queries(descriptions, count, seed):
    """Brief queries (captions.brief) that have at least DEPTH right pictures: [(wanted, text)]."""

    def draw(description, rng):
        wanted, text = captions.brief(description, rng)
        return (wanted, text) if _enough(descriptions, wanted) else None

    return _queries(draw, descriptions, count, seed)


def _enough(descriptions, wanted):
    return sum(world.satisfies(description, wanted) for description in descriptions) >= DEPTH


def _queries(draw, descriptions, count, seed):
    rng = random.Random(seed)
    queries = []
    for _ in range(count * 400):
        if len(queries) == count:
            break
        query = draw(rng.choice(descriptions), rng)
        if query:
            queries.append(query)
    return queries


def attribute_probe(classifier_groups, codes):
    """Share of pictures whose attribute the training's classifier reads off their vector: {attribute:
    share}."""
    shares = {}
    for column, name in enumerate(world.ATTRIBUTES):
        known = codes[:, column] >= 0
        shares[name] = (
            (classifier_groups[column][known].argmax(1) == codes[known, column]).float().mean().item()
        )
    return shares


def mean(values):
    values = list(values)
    return sum(values) / max(1, len(values))


def as_tensor(array):
    return torch.from_numpy(array.copy())
