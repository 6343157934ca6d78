#!/usr/bin/env python3
"""Searches the pictures that the demo loaded, through plain Elasticsearch requests, and checks the hits.

    demo_queries.py --elasticsearch URL --models clip,jina-clip,cohere --pictures FOLDER [--queries FILE]
    demo_queries.py --elasticsearch URL --models clip,jina-clip,cohere --must-not-exist

Credentials come from ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD, in the environment.

Each model has a separate index, and the same queries are sent to each. Checks that every index has every picture of the
folder once, and that a picture query returns the picture itself first. --stand-in: the model cohere is a stand-in for
Cohere, and is labelled so. With --queries (a JSON list of {"query": TEXT, "right":
{ATTRIBUTE: VALUE}}) each text's best four hits are compared with the attributes that the documents carry, and the mean
precision of each model must reach its minimum; without it, a few texts are searched and their hits printed. Exit code 0 only if
every check that ran passed; it prints which did not run. Needs only Python's standard library.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import sys
import unicodedata
import urllib.error
import urllib.request

DEPTH = 4
# Index, endpoint for words, endpoint for pictures, least mean precision of the bundled model. Elastic's own Cohere connector takes
# only words, so pictures are searched with the endpoint that embeds the documents.
COLUMNS = {
    "clip": ("clip-images", "clip-search", "clip-search", 0.9),
    "jina-clip": ("jina-images", "jina-clip-search", "jina-clip-search", 0.85),
    "cohere": ("embed-images", "cohere-search", "cohere-ingest", 0.85),
}
LEAST_SAME_KIND = 0.75
PICTURE_NAMES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".heic", ".heif", ".avif")
QUERIES_WITHOUT_ANSWERS = ("a modern kitchen with an island", "a house with a swimming pool", "a bathroom", "a bedroom with a large bed")


def credentials():
    key = os.environ.get("ELASTICSEARCH_API_KEY") or os.environ.get("ES_LOCAL_API_KEY")
    if key:
        return {"Authorization": f"ApiKey {key}"}
    user = os.environ.get("ELASTICSEARCH_USER")
    if user:
        pair = f"{user}:{os.environ.get('ELASTICSEARCH_PASSWORD', '')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return {}


class Index:
    def __init__(self, url, model, heading=None):
        self.url, self.model, self.heading = url.rstrip("/"), model, heading or model
        self.name, self.words, self.pictures, self.least_precision = COLUMNS[model]
        self.headers = {"Content-Type": "application/json", **credentials()}

    def exists(self, path):
        request = urllib.request.Request(f"{self.url}/{path}", headers=credentials())
        try:
            with urllib.request.urlopen(request, timeout=60):
                return True
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            sys.exit(f"demo_queries: to GET /{path}, {self.url} answered {error.code}")

    def check_absent(self):
        """The demo writes all of these, and deletes them at its end."""
        paths = {f"index {self.name}": self.name, f"pipeline {self.name}": f"_ingest/pipeline/{self.name}"}
        paths |= {f"inference endpoint {self.model}-{use}": f"_inference/text_embedding/{self.model}-{use}" for use in ("ingest", "search")}
        for what, path in paths.items():
            if self.exists(path):
                sys.exit(f"demo_queries: the {what} already exists; the demo would write over it, and delete it at its end.\n"
                         "  Use it as it is, or delete it first (scripts/register_endpoints.sh --remove --with-data).")

    def call(self, path, body=None):
        request = urllib.request.Request(f"{self.url}/{self.name}/{path}", data=json.dumps(body).encode() if body else None,
                                         headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            sys.exit(f"demo_queries: {path} answered {error.code}: {printable(error.read().decode(errors='replace')[:500])}")

    def search(self, text_or_picture, size):
        endpoint = self.pictures if text_or_picture.startswith("data:") else self.words
        builder = {"text_embedding": {"model_id": endpoint, "model_text": text_or_picture}}
        knn = {"field": "image_embedding", "k": size, "num_candidates": 100, "query_vector_builder": builder}
        return self.call("_search", {"size": size, "knn": knn, "_source": {"excludes": ["image_data"]}})["hits"]["hits"]

    def is_demo_model(self):
        """Whether the index is marked as having vectors of a demo model."""
        meta = self.call("_mapping")[self.name]["mappings"].get("_meta", {})
        return any(field.get("demo") for field in meta.get("sightline", {}).values())

    def count_right(self, right):
        return self.call("_count", {"query": {"bool": {"filter": attribute_filters(right)}}})["count"]


def attribute_filters(right):
    # "match" works on every type that dynamic mapping gives an attribute: text, long, boolean.
    return [{"match": {name: value}} for name, value in right.items()]


def is_right(source, right):
    return all(str(source.get(name)).lower() == str(value).lower() for name, value in right.items())


def printable(text):
    """Without control characters, which a terminal interprets: names, captions and answers come from outside."""
    return "".join("?" if unicodedata.category(letter) == "Cc" else letter for letter in text)


def show(hit, mark):
    source = hit["_source"]
    return printable(f"    {mark} {hit['_score']:.4f}  {source['image_name']}  {source.get('caption', '')}".rstrip())


def check_texts(columns, queries, verbose):
    """Every query to every column; one line per query, and below it the hits of the columns with wrong ones."""
    precisions = {index.model: [] for index in columns}
    headings = {index.model: index.heading for index in columns}
    print("  right hits of the best 4: " + ", ".join(index.heading for index in columns))
    for item in queries:
        enough = columns[0].count_right(item["right"])
        if enough < DEPTH:
            sys.exit(f"demo_queries: {item['query']!r} has only {enough} right pictures in {columns[0].name}; it needs {DEPTH}")
        answers = {}
        for index in columns:
            hits = index.search(item["query"], DEPTH)
            answers[index.model] = hits, [is_right(hit["_source"], item["right"]) for hit in hits]
            precisions[index.model].append(sum(answers[index.model][1]) / DEPTH)
        print("  " + "  ".join(f"{sum(right)}/{DEPTH}" for _, right in answers.values()) + f"  {item['query']}")
        for model, (hits, right) in answers.items():
            if verbose or not all(right):
                print(f"    {headings[model]}")
                for hit, good in zip(hits, right):
                    print(show(hit, "+" if good else "-"))
    held = True
    for index in columns:
        mean = sum(precisions[index.model]) / len(queries)
        print(f"{index.heading}: mean precision@{DEPTH} of {len(queries)} text queries: {mean:.3f} (at least {index.least_precision})")
        held &= mean >= index.least_precision
    return held


def pictures_in(folder):
    """The files that sightline-ingest loads from a folder: none that is hidden or in a hidden folder; links to files, not to folders."""
    files = []
    for inside, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [pathlib.Path(inside, name) for name in names if not name.startswith(".")]
    return sorted(file for file in files if file.suffix.lower() in PICTURE_NAMES and file.is_file())


def document_id(file):
    """The _id that sightline-ingest uses for a file: the same content under two names is one document."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def data_uri(file):
    return "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()  # the server detects the type from the bytes


def check_pictures(index, files):
    """A handful of pictures, spread over the folder: each must find itself, then pictures of its own kind."""
    found_themselves, same_kind, others = 0, 0, 0
    chosen = files[:: max(1, len(files) // 12)][:12]
    for file in chosen:
        hits = index.search(data_uri(file), DEPTH + 1)
        best = hits[0]["_source"]
        found_themselves += hits[0]["_id"] == document_id(file)
        if "kind" in best:
            same_kind += sum(hit["_source"].get("kind") == best["kind"] for hit in hits[1:])
            others += len(hits) - 1
    print(f"{index.heading}: {found_themselves} of {len(chosen)} picture queries return the picture itself first")
    if others:
        print(f"{index.heading}: {same_kind} of the {others} next hits are of the same kind (at least {LEAST_SAME_KIND:.0%})")
    return found_themselves == len(chosen) and same_kind >= LEAST_SAME_KIND * others


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elasticsearch", required=True)
    parser.add_argument("--models", default="clip", help="comma-separated, of " + ", ".join(COLUMNS))
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--queries", type=pathlib.Path)
    parser.add_argument("--stand-in", action="store_true", help="cohere is a stand-in for Cohere")
    parser.add_argument("--must-not-exist", action="store_true", help="only check that these indices, their pipelines and endpoints do not exist")
    parser.add_argument("--verbose", action="store_true", help="print the hits of every query, not only of those with wrong ones")
    options = parser.parse_args()
    if "@" in options.elasticsearch:
        parser.error("--elasticsearch has a user or a password in it, which process lists show: set ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD")
    models = options.models.split(",")
    for model in models:
        if model not in COLUMNS:
            parser.error(f"unknown model {model!r} in --models; known: {', '.join(COLUMNS)}")
    headings = {"cohere": "stand-in for cohere"} if options.stand_in else {}
    columns = [Index(options.elasticsearch, model, headings.get(model)) for model in models]
    if options.must_not_exist:
        for index in columns:
            index.check_absent()
        return 0
    if not options.pictures:
        parser.error("--pictures is required")
    files = pictures_in(options.pictures)

    held, distinct = True, len({document_id(file) for file in files})
    for index in columns:
        count = index.call("_count")["count"]
        print(f"{index.name} holds {count} documents, the folder {len(files)} pictures" + (f", {distinct} of them different" if distinct < len(files) else ""))
        held &= count == distinct
    if options.queries:
        held &= check_texts(columns, json.loads(options.queries.read_text(encoding="utf-8")), options.verbose)
    else:
        for text in QUERIES_WITHOUT_ANSWERS:
            print(f"  {text}")
            for index in columns:
                print(f"    {index.heading}")
                for hit in index.search(text, DEPTH):
                    print(show(hit, " "))
    for index in columns:
        held &= check_pictures(index, files)
    if not options.queries:
        print("not checked: whether the hits for words are right, because these pictures have no attributes")
        if options.stand_in:
            print("the stand-in for cohere is not Cohere: its vectors are those of the model in the clip column")
        for index in columns:
            if index.is_demo_model():
                print(f"{index.heading} is a demo model, trained only on drawings. On photos its hits for words are random, whatever their scores")
    print(("all checks passed" if options.queries else "the checks that ran passed: documents counted, pictures find themselves") if held else "A CHECK FAILED")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
