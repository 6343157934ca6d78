#!/usr/bin/env python3
"""Simulates N Sightlines behind a load balancer while a loader ingests: how many documents per second, and what waits where.

    bench/replica_model.py --rate R [--other-ms MS] [--replicas 1,2,3,4,6,8] [--connections 20] [--bulks 2] [--bulk-documents 100] [--queue 1792] [--batch 32] [--pictures 1000000]

--rate is what one replica embeds per second in batches (sightline-embed-speed prints it). --other-ms is the time that a document takes elsewhere, per document and one after the other:
the loader's reading and sending, the cluster's indexing; bench/bulk_speed.py shows it for the embedded store. The rest is how documents arrive: bulks in flight, documents per bulk, and
the connections over which the cluster (or the store) calls the endpoint, which is 20 in Elasticsearch. Balanced is by the fewest open requests.

A discrete-event simulation: a bulk is indexed by the cluster's one writer, document by document, once all its documents have vectors; a document waits for a connection, then in the
queue of the replica with the fewest open requests; a replica computes batches, each of what waits, up to --batch. A replica whose queue is full answers 429, and the document
is tried again after 0.5 s, 1 s, 2 s ... at most 30 s, with jitter, as RetryPolicy does. Prints per number of replicas: documents per second, time for --pictures, how busy the replicas are, p50 and p99
of the time in the queue, and 429 per thousand documents. Needs only the standard library.
"""

import argparse
import heapq
import random
import sys


class Replica:
    def __init__(self):
        self.waiting, self.open, self.busy_until, self.busy = [], 0, 0.0, 0.0


class Simulation:
    def __init__(self, options, replicas, documents=None):
        self.options, self.replicas = options, [Replica() for _ in range(replicas)]
        self.documents = documents or max(4000, 40 * options.bulks * options.bulk_documents)
        self.events, self.order, self.now = [], 0, 0.0
        self.numbers = random.Random(1)
        self.started = self.done = self.refused = 0
        self.free_connections, self.waiting_calls, self.waits = options.connections, [], []
        self.writer_free = 0.0
        self.finished_at = []

    def at(self, time, action, *arguments):
        self.order += 1
        heapq.heappush(self.events, (time, self.order, action, arguments))

    def run(self):
        for _ in range(self.options.bulks):
            self.begin_bulk()
        while self.events and self.done < self.documents:
            self.now, _, action, arguments = heapq.heappop(self.events)
            action(*arguments)
        return self

    def begin_bulk(self):
        bulk = {"left": self.options.bulk_documents}
        self.started += self.options.bulk_documents
        for _ in range(self.options.bulk_documents):
            self.waiting_calls.append((bulk, 0))
        self.call_next()

    def call_next(self):
        while self.free_connections and self.waiting_calls:
            self.free_connections -= 1
            self.call(*self.waiting_calls.pop(0))

    def call(self, bulk, attempt):
        replica = min(self.replicas, key=lambda one: one.open)
        if len(replica.waiting) >= self.options.queue:
            self.refused += 1
            self.free_connections += 1
            wait = min(30, 0.5 * 2**attempt) * self.numbers.uniform(0.5, 1)
            self.at(self.now + wait, self.again, bulk, attempt + 1)
            return
        replica.open += 1
        replica.waiting.append((bulk, self.now))
        if replica.busy_until <= self.now:
            self.at(self.now, self.compute, replica)

    def again(self, bulk, attempt):
        self.waiting_calls.append((bulk, attempt))
        self.call_next()

    def compute(self, replica):
        if replica.busy_until > self.now or not replica.waiting:
            return
        batch, replica.waiting = replica.waiting[: self.options.batch], replica.waiting[self.options.batch :]
        took = len(batch) / self.options.rate
        self.waits += [self.now - since for _, since in batch]
        replica.busy_until, replica.busy = self.now + took, replica.busy + took
        self.at(replica.busy_until, self.answer, replica, batch)

    def answer(self, replica, batch):
        replica.open -= len(batch)
        self.free_connections += len(batch)
        for bulk, _ in batch:
            bulk["left"] -= 1
            if bulk["left"] == 0:
                self.writer_free = max(self.writer_free, self.now) + self.options.bulk_documents * self.options.other_ms / 1000
                self.at(self.writer_free, self.end_bulk)
        self.at(self.now, self.compute, replica)
        self.call_next()

    def end_bulk(self):
        self.done += self.options.bulk_documents
        self.finished_at.append(self.now)
        self.begin_bulk()

    def documents_per_second(self):
        """Without the first tenth, in which everything begins at once."""
        skip = len(self.finished_at) // 10
        return (len(self.finished_at) - skip - 1) * self.options.bulk_documents / (self.finished_at[-1] - self.finished_at[skip])


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rate", type=float, required=True, help="pictures per second of one replica, in batches")
    made.add_argument("--other-ms", type=float, default=2.0, help="milliseconds per document elsewhere")
    made.add_argument("--replicas", default="1,2,3,4,6,8")
    made.add_argument("--connections", type=int, default=20)
    made.add_argument("--bulks", type=int, default=2, help="bulks in flight")
    made.add_argument("--bulk-documents", type=int, default=100)
    made.add_argument("--queue", type=int, default=1792, help="documents that a replica's queue takes")
    made.add_argument("--batch", type=int, default=32)
    made.add_argument("--pictures", type=int, default=1_000_000)
    return made


def main():
    options = parser().parse_args()
    if min(options.rate, options.connections, options.bulks, options.bulk_documents, options.queue, options.batch) <= 0 or options.other_ms < 0:
        sys.exit("replica_model: all numbers must be above 0, --other-ms at least 0")
    print("replicas  documents/s  hours for all  busy   queue p50, p99 (ms)   429 per 1000")
    for replicas in map(int, options.replicas.split(",")):
        one = Simulation(options, replicas).run()
        rate = one.documents_per_second()
        waits = sorted(one.waits)
        busy = sum(replica.busy for replica in one.replicas) / replicas / one.now
        print(f"{replicas:>8}  {rate:>11.1f}  {options.pictures / rate / 3600:>13.1f}  {100 * busy:3.0f} %  {1000 * waits[len(waits) // 2]:>9.0f}, {1000 * waits[len(waits) * 99 // 100]:>9.0f}"
              f"   {1000 * one.refused / one.done:>12.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
