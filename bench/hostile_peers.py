#!/usr/bin/env python3
"""Measures the latency of a normal client before and while hostile peers hold connections.

    bench/hostile_peers.py --url https://127.0.0.1:8080 --ca ca.crt [--key KEY] [--seconds 20]

The peers, all at once: 500 that connect and send nothing, 300 that send a request's head one byte per second, 200 that request an answer and read it one byte per
second, 100 that announce a body of 2 GB and send little of it. Peers whose connection the server has closed connect again. Meanwhile one client sends GET /health/live and
embeds one text by turns. Prints the median and the 99th percentile of both, idle and meanwhile, their ratio, and how many peers were connected on average. For
the server's memory see its metrics. Needs only the standard library, and more than 2,500 open files on both sides.
"""

import argparse
import http.client
import json
import multiprocessing
import socket
import ssl
import statistics
import threading
import time
import urllib.parse


class Peers:
    def __init__(self, place, context, key):
        self.place, self.context, self.key, self.ended, self.connected = place, context, key, threading.Event(), 0
        self.lock = threading.Lock()

    def open(self, secure=True):
        connection = socket.create_connection(self.place, timeout=30)
        return self.context.wrap_socket(connection, server_hostname=self.place[0]) if secure and self.context else connection

    def keep(self, count, begin, go_on):
        """Runs `count` peers: each starts, and continues every second until the server closes its connection."""
        peers = [None] * count
        while not self.ended.is_set():
            second = time.monotonic()
            for index, peer in enumerate(peers):
                if self.ended.is_set():
                    break
                try:
                    if peer is None:
                        peers[index] = begin()
                        with self.lock:
                            self.connected += 1
                    else:
                        go_on(peer)
                except OSError:
                    if peers[index] is not None:
                        peers[index].close()
                        peers[index] = None
                        with self.lock:
                            self.connected -= 1
            self.ended.wait(max(0, second + 1 - time.monotonic()))
        for peer in peers:
            if peer is not None:
                peer.close()

    def alive(self, peer):
        peer.setblocking(False)
        try:
            if peer.recv(1, socket.MSG_PEEK if not isinstance(peer, ssl.SSLSocket) else 0) == b"":
                raise ConnectionError
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        finally:
            peer.setblocking(True)
            peer.settimeout(30)

    def silent(self):
        return self.open(secure=False)

    def trickle(self):
        peer = self.open()
        peer.sendall(b"G")
        return peer

    def trickle_on(self, peer):
        peer.sendall(b"E")

    def reader(self):
        peer = self.open()
        for _ in range(20):
            peer.sendall(f"GET /openapi.json HTTP/1.1\r\nHost: h\r\n{self.key}\r\n".encode())
        return peer

    def read_on(self, peer):
        if not peer.recv(1):
            raise ConnectionError

    def announcer(self):
        peer = self.open()
        peer.sendall(f"POST /v1/embeddings HTTP/1.1\r\nHost: h\r\n{self.key}Content-Type: application/json\r\nContent-Length: 2147483648\r\n\r\n".encode() + b"{" * 1000)
        return peer

    def announce_on(self, peer):
        peer.sendall(b" " * 10)


def measure(url, ca, key, seconds):
    """Milliseconds of each kind of request. Runs in a separate process, so that the threads of the peers do not delay it."""
    parts = urllib.parse.urlsplit(url)
    place = (parts.hostname, parts.port)
    context = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
    fields = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    times = {"health": [], "text": []}
    end, number, connection = time.monotonic() + seconds, 0, None
    while time.monotonic() < end:
        number += 1
        for kind in times:
            if connection is None:
                connection = http.client.HTTPSConnection(*place, context=context, timeout=60) if context else http.client.HTTPConnection(*place, timeout=60)
                connection.connect()
            began = time.monotonic()
            if kind == "health":
                connection.request("GET", "/health/live", headers=fields)
            else:
                connection.request("POST", "/v1/embeddings", json.dumps({"model": "clip", "input": f"house number {number} {began}"}), fields)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            times[kind].append((time.monotonic() - began) * 1000)
        time.sleep(0.005)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca")
    parser.add_argument("--key", default="")
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    parts = urllib.parse.urlsplit(arguments.url)
    place = (parts.hostname, parts.port)
    context = ssl.create_default_context(cafile=arguments.ca) if parts.scheme == "https" else None

    measuring = multiprocessing.get_context("spawn").Pool(1)
    measured = (arguments.url, arguments.ca, arguments.key)
    measuring.apply(measure, (*measured, 2))
    idle = measuring.apply(measure, (*measured, arguments.seconds))
    peers = Peers(place, context, f"Authorization: Bearer {arguments.key}\r\n" if arguments.key else "")
    kinds = [(500, peers.silent, peers.alive), (300, peers.trickle, peers.trickle_on), (200, peers.reader, peers.read_on), (100, peers.announcer, peers.announce_on)]
    threads = [threading.Thread(target=peers.keep, args=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    time.sleep(5)
    counts, sampling = [], threading.Event()

    def sample():
        while not sampling.wait(0.5):
            counts.append(peers.connected)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        meanwhile = measuring.apply(measure, (*measured, arguments.seconds))
    finally:
        measuring.terminate()
        sampling.set()
        peers.ended.set()
        for thread in [sampler, *threads]:
            thread.join()
    for kind in idle:
        def percentile(values, part):
            return sorted(values)[min(len(values) - 1, int(len(values) * part))]
        print(f"{kind:>7}  median {statistics.median(idle[kind]):6.2f} -> {statistics.median(meanwhile[kind]):6.2f} ms,"
              f"  p99 {percentile(idle[kind], .99):6.2f} -> {percentile(meanwhile[kind], .99):6.2f} ms ({percentile(meanwhile[kind], .99) / percentile(idle[kind], .99):.2f} x), {len(meanwhile[kind])} requests")
    print(f"peers connected: {statistics.mean(counts):.0f} on average")


if __name__ == "__main__":
    main()
