"""Measures a saved model on the demo gallery: weights in float32, exact cosine.

    python evaluate.py ../../demo ../../demo/models/demo-clip

Prints precision@4 of every query in queries.json with its mean, and for picture queries how often the picture
comes back first and how many of the next five are of its kind. With --parity, also writes the model's
parity.json.
"""

import argparse
import csv
import json
import pathlib

import torch
from PIL import Image

import architectures
import embedding
import retrieval
import world

PARITY_TEXTS = (
    "",
    "a red house with a pool at night",
    "Two beds with BLUE bedding,  in a bedroom!",
    "it's the owner's 2nd café",
    "日本語の家 😀",
    "a modern kitchen with an island " * 20,
)
PARITY_PICTURES = 6


class Retriever:
    """The saved model with the preprocessing that its folder describes."""

    def __init__(self, folder):
        self.model, self.tokenizer, self.processor = architectures.load(folder)

    @torch.no_grad()
    def texts(self, texts):
        """Unit vectors, each text by itself: nothing depends on padding."""
        return torch.cat([embedding.text_vectors(self.model, self.tokenizer, [text]) for text in texts])

    def ids(self, text):
        return embedding.tokens(self.tokenizer, [text]).input_ids[0].tolist()

    @torch.no_grad()
    def pictures(self, paths):
        rows = []
        for path in paths:
            with Image.open(path) as picture:
                rows.append(self.model.get_image_features(pixel_values=self.processor(picture)))
        return embedding.unit(torch.cat(rows))


def read_gallery(folder):
    """The picture paths and their descriptions, without the captions."""
    with open(folder / "attributes.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    descriptions = [{name: row[name] for name in world.ATTRIBUTES if row[name]} for row in rows]
    return [folder / "pictures" / row["file"] for row in rows], descriptions


def rounded(vector):
    """Nine significant digits: enough to give every float32 back."""
    return [float(f"{value:.9g}") for value in vector.tolist()]


def write_parity(path, retriever, paths, pictures):
    """Texts with their ids, pictures by name, and the unit vectors that another implementation has to arrive
    at."""
    texts = [
        {"text": text, "ids": retriever.ids(text), "vector": rounded(vector)}
        for text, vector in zip(PARITY_TEXTS, retriever.texts(PARITY_TEXTS))
    ]
    chosen = range(0, len(paths), len(paths) // PARITY_PICTURES)[:PARITY_PICTURES]
    images = [{"file": paths[index].name, "vector": rounded(pictures[index])} for index in chosen]
    path.write_text(json.dumps({"texts": texts, "pictures": images}, ensure_ascii=False, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("demo", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--parity", action="store_true")
    options = parser.parse_args()
    retriever = Retriever(options.model)
    paths, descriptions = read_gallery(options.demo)
    queries = json.loads((options.demo / "queries.json").read_text())
    pictures = retriever.pictures(paths)

    wanted = [query["right"] for query in queries]
    shares = retrieval.precision_at(
        wanted, retriever.texts([query["query"] for query in queries]), descriptions, pictures
    )
    for query, share in zip(queries, shares):
        right = sum(world.satisfies(description, query["right"]) for description in descriptions)
        print(f"{share:.2f}  {query['query']}  ({right} right)")
    print(
        f"mean precision@4 over {len(queries)} queries, {len(paths)} pictures: {retrieval.mean(shares):.4f}"
    )

    for what, generated in (
        ("generated queries of 2 or 3 attributes", retrieval.random_queries(descriptions, 300, 7)),
        ("brief ones, without the kind or with its plural", retrieval.brief_queries(descriptions, 300, 7)),
    ):
        shares = retrieval.precision_at(
            [query for query, _ in generated],
            retriever.texts([text for _, text in generated]),
            descriptions,
            pictures,
        )
        print(f"the same over {len(generated)} {what}: {retrieval.mean(shares):.4f}")

    order = (pictures @ pictures.T).topk(6).indices.tolist()
    itself = retrieval.mean(row[0] == index for index, row in enumerate(order))
    kind = retrieval.mean(
        descriptions[other]["kind"] == descriptions[index]["kind"]
        for index, row in enumerate(order)
        for other in row
        if other != index
    )
    print(f"picture queries: itself first {itself:.4f}; of the five after it, of the same kind {kind:.4f}")
    if options.parity:
        write_parity(options.model / "parity.json", retriever, paths, pictures)


if __name__ == "__main__":
    main()
