"""kNN searches of the embedded store against an Elasticsearch, query by query by turns: time, recall, bulk rate.

The vectors are random and in clusters, of unit length; the right answers come from an exact search. Creates the index
`sightline-bench-knn` in both, and deletes it at the end.
"""

import http.client
import json
import shutil
import time
import urllib.parse

from http_part import server
from models import ROOT

INDEX = "/sightline-bench-knn"
DOCUMENTS, DIMS, CLUSTERS, QUERIES, HITS, CANDIDATES = 20_000, 768, 200, 300, 10, 100
GROUPS, WANTED_GROUPS = 1000, 50  # the filter of the second kind of query passes one document in 20
BULK = 500


class Store:
    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self.http = http.client.HTTPConnection(address.hostname, address.port or 9200, timeout=600)

    def call(self, method, path, body=None, kind="application/json"):
        self.http.request(method, path, body, {"Content-Type": kind} if body else {})
        answer = self.http.getresponse()
        content = answer.read()
        if answer.status >= 300 and method != "DELETE":
            raise RuntimeError(f"{method} {path} answered {answer.status}: {content[:300]!r}")
        return content


def data():
    """(documents, queries), float32 of unit length."""
    import numpy

    numbers = numpy.random.default_rng(11)
    centres = numbers.standard_normal((CLUSTERS, DIMS), numpy.float32)
    documents = centres[numbers.integers(0, CLUSTERS, DOCUMENTS)] + 0.6 * numbers.standard_normal((DOCUMENTS, DIMS), numpy.float32)
    queries = documents[numbers.integers(0, DOCUMENTS, QUERIES)] + 0.02 * numbers.standard_normal((QUERIES, DIMS), numpy.float32)
    return tuple(rows / numpy.linalg.norm(rows, axis=1, keepdims=True) for rows in (documents, queries))


def text_of(vector):
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"


def fill(store, documents, index_options):
    """(documents per second, seconds of the refresh after them)."""
    store.call("DELETE", INDEX)
    field = {"type": "dense_vector", "dims": DIMS, "similarity": "cosine", **({"index_options": {"type": index_options}} if index_options else {})}
    settings = {"number_of_shards": 1, "number_of_replicas": 0}
    store.call("PUT", INDEX, json.dumps({"settings": settings, "mappings": {"properties": {"vector": field, "group": {"type": "integer"}}}}))
    took = 0
    for start in range(0, DOCUMENTS, BULK):
        lines = "".join(
            f'{{"index":{{"_id":"{at}"}}}}\n{{"group":{at % GROUPS},"vector":{text_of(documents[at])}}}\n' for at in range(start, min(DOCUMENTS, start + BULK))
        )
        begun = time.perf_counter()
        answer = store.call("POST", INDEX + "/_bulk", lines.encode(), "application/x-ndjson")
        took += time.perf_counter() - begun
        if json.loads(answer)["errors"]:
            raise RuntimeError(f"a bulk failed: {answer[:300]!r}")
    begun = time.perf_counter()
    store.call("POST", INDEX + "/_refresh")
    return DOCUMENTS / took, time.perf_counter() - begun


def ask(store, query, filtered):
    """(seconds, ids)."""
    knn = {"field": "vector", "query_vector": json.loads(text_of(query)), "k": HITS, "num_candidates": CANDIDATES}
    if filtered:
        knn["filter"] = {"range": {"group": {"lt": WANTED_GROUPS}}}
    body = json.dumps({"knn": knn, "_source": False, "size": HITS})
    begun = time.perf_counter()
    answer = store.call("POST", INDEX + "/_search", body)
    return time.perf_counter() - begun, {int(hit["_id"]) for hit in json.loads(answer)["hits"]["hits"]}


def right_answers(documents, queries, ids):
    """The nearest of `ids` to each query, by exact search."""
    import numpy

    scores = queries @ documents[ids].T
    return [set(ids[row].tolist()) for row in numpy.argsort(-scores, axis=1)[:, :HITS]]


def compare(stores, documents, queries, say):
    import numpy

    every = numpy.arange(DOCUMENTS)
    kinds = {"all": (False, every), "filtered": (True, every[every % GROUPS < WANTED_GROUPS])}
    right = {kind: right_answers(documents, queries, ids) for kind, (_, ids) in kinds.items()}
    for store in stores.values():
        for query in queries[:20]:
            ask(store, query, False)
    found = {(name, kind): ([], []) for name in stores for kind in kinds}
    for at, query in enumerate(queries):
        for kind, (filtered, _) in kinds.items():
            in_order = list(stores.items())
            for name, store in in_order if at % 2 == 0 else reversed(in_order):
                seconds, ids = ask(store, query, filtered)
                times, hits = found[name, kind]
                times.append(seconds * 1e3)
                hits.append(len(ids & right[kind][at]) / HITS)
    return {
        name: {kind: {"p50_ms": float(numpy.percentile(times, 50)), "p99_ms": float(numpy.percentile(times, 99)), "recall": float(numpy.mean(hits))}
               for (store, kind), (times, hits) in found.items() if store == name}
        for name in stores
    }  # fmt: skip


def measure(options, say):
    documents, queries = data()
    kept = options.work / "knn-data"
    shutil.rmtree(kept, ignore_errors=True)
    version = json.loads(Store(options.elasticsearch).call("GET", "/"))["version"]["number"]
    more = ("--embedded-elasticsearch", "--elasticsearch-port", "0", "--data-dir", kept)
    try:
        with server(ROOT / "demo/models/demo-clip", options, *more) as urls:
            targets = {
                "Sightline": (urls["elasticsearch"], None),
                f"Elasticsearch {version}, hnsw": (options.elasticsearch, "hnsw"),
            }
            stores, rows = {}, {}
            for name, (url, index_options) in targets.items():
                stores[name] = Store(url)
                per_s, refresh_s = fill(stores[name], documents, index_options)
                rows[name] = {"bulk_per_s": per_s, "refresh_s": refresh_s}
                say(f"  {name}: {per_s:.0f} documents per second")
            for name, kinds in compare(stores, documents, queries, say).items():
                rows[name] |= kinds
            for store in stores.values():
                store.call("DELETE", INDEX)
    finally:
        shutil.rmtree(kept, ignore_errors=True)
    return {"documents": DOCUMENTS, "dims": DIMS, "queries": QUERIES, "rows": rows}
