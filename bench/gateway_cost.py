#!/usr/bin/env python3
"""Measures the cost of the gateway: the same requests directly to the cluster and through the gateway, by turns.

    gateway_cost.py --direct URL --gateway URL [--peer URL] [--searches 2000] [--bulks 60]

Measures a kNN search with a ready vector (10 of 2,000 documents of 768 floats) and a bulk of 5 MB without inference, over one
persistent connection each, direct and through the gateway by turns, so that both have the same noise. Prints p50 and p99 of both and
what the gateway adds. `--peer` is a plain reverse proxy in front of the same cluster (haproxy, nginx): it takes turns in the
same run, and its overhead is that of any additional process on this machine. The index that the bulks fill is created
again after every round, outside the measured time, so that no merge of an earlier round falls into a later one. Creates the
indices `sightline-gateway-cost` and `sightline-gateway-cost-bulk` and deletes them at the end. Needs only Python's standard
library.
"""

import argparse
import http.client
import json
import random
import socket
import statistics
import sys
import time
import urllib.parse

INDEX = "sightline-gateway-cost"
BULK_INDEX = "sightline-gateway-cost-bulk"
DIMS, DOCUMENTS, BULK_BYTES = 768, 2000, 5_000_000


class Connection:
    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self.http = http.client.HTTPConnection(address.hostname, address.port or 9200, timeout=120)
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method, path, body=None, kind="application/json"):
        """Returns (milliseconds until the last byte, body)."""
        begun = time.perf_counter()
        self.http.request(method, path, body=body, headers={"Content-Type": kind} if body else {})
        answer = self.http.getresponse()
        content = answer.read()
        took = (time.perf_counter() - begun) * 1000
        if answer.status >= 300:
            sys.exit(f"{method} {path} answered {answer.status}: {content[:400]!r}")
        return took, content


def vector(seed):
    numbers = random.Random(seed)
    return [round(numbers.gauss(0, 1), 5) for _ in range(DIMS)]


def fill(cluster):
    cluster.call("PUT", f"/{INDEX}", json.dumps({"settings": {"number_of_replicas": 0}, "mappings": {"properties": {
        "v": {"type": "dense_vector", "dims": DIMS, "similarity": "cosine", "index_options": {"type": "hnsw"}}, "text": {"type": "text"}}}}))
    for start in range(0, DOCUMENTS, 200):
        lines = []
        for number in range(start, start + 200):
            lines += [json.dumps({"index": {"_id": str(number)}}), json.dumps({"v": vector(number)})]
        cluster.call("POST", f"/{INDEX}/_bulk", "\n".join(lines) + "\n", "application/x-ndjson")
    cluster.call("POST", f"/{INDEX}/_refresh")
    cluster.call("POST", f"/{INDEX}/_forcemerge?max_num_segments=1")


def empty_bulk_index(cluster):
    cluster.call("DELETE", f"/{BULK_INDEX}?ignore_unavailable=true")
    cluster.call("PUT", f"/{BULK_INDEX}", json.dumps({"settings": {"number_of_replicas": 0}, "mappings": {"properties": {"text": {"type": "text"}}}}))


def bulk_body(seed):
    numbers, lines, size = random.Random(seed), [], 0
    words = [f"word{i}" for i in range(5000)]
    while size < BULK_BYTES:
        lines += ['{"index":{}}', json.dumps({"text": " ".join(numbers.choices(words, k=150))})]
        size += len(lines[-1]) + len(lines[-2]) + 2
    return "\n".join(lines) + "\n"


def measure(name, ways, rounds, request, settle=None):
    """Measures each of {name: Connection} ("direct" first) by turns; the first tenth is only for warming up."""
    times = {way: [] for way in ways}
    order = list(ways)
    for number in range(rounds + rounds // 10):
        order.append(order.pop(0))
        for way in order:
            took = request(ways[way], number)
            if number >= rounds // 10:
                times[way].append(took)
        if settle:
            settle()

    print(f"{name}, {rounds} each way by turns")
    for percent in (50, 99):
        at = {way: statistics.quantiles(taken, n=100, method="inclusive")[percent - 1] for way, taken in times.items()}
        straight = at.pop("direct")
        print(f"  p{percent}: direct {straight:8.2f} ms", *(
            f"{way} {through:8.2f} ms   added {through - straight:+7.2f} ms ({through / straight - 1:+.1%})" for way, through in at.items()), sep="   ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--direct", required=True, help="the cluster")
    parser.add_argument("--gateway", required=True, help="the gateway in front of it")
    parser.add_argument("--peer", help="a plain reverse proxy in front of it, to compare with")
    parser.add_argument("--searches", type=int, default=2000)
    parser.add_argument("--bulks", type=int, default=60)
    options = parser.parse_args()
    ways = {way: Connection(url) for way, url in (("direct", options.direct), ("gateway", options.gateway), ("peer", options.peer)) if url}
    direct = ways["direct"]
    fill(direct)
    try:
        queries = [json.dumps({"size": 10, "_source": False, "knn": {"field": "v", "k": 10, "num_candidates": 100, "query_vector": vector(-1 - i)}}) for i in range(50)]
        measure("kNN search with a ready vector", ways, options.searches,
                lambda connection, number: connection.call("POST", f"/{INDEX}/_search", queries[number % 50])[0])
        empty_bulk_index(direct)
        bodies = [bulk_body(i) for i in range(4)]
        print(f"bulk body: {len(bodies[0]) / 1e6:.1f} MB, {bodies[0].count(chr(10)) // 2} documents")
        measure("bulk of 5 MB without inference", ways, options.bulks,
                lambda connection, number: connection.call("POST", f"/{BULK_INDEX}/_bulk?filter_path=errors", bodies[number % 4], "application/x-ndjson")[0],
                lambda: empty_bulk_index(direct))
    finally:
        direct.call("DELETE", f"/{INDEX},{BULK_INDEX}?ignore_unavailable=true")


if __name__ == "__main__":
    main()
