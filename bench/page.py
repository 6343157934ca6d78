#!/usr/bin/env python3
"""Measures the speed of the page in Chromium: first paint, bytes, a gallery of 10,000 pictures, a map, pictures after a search, a Cohere that hangs.

    .venv-es9/bin/python bench/page.py [--pictures 10000] [--runs 9] [--searches 10]

Starts a separate server (build/release/bin, or $SIGHTLINE_BIN) with the demo models, a program that imitates Cohere, and the
embedded store, and fills it. Measures:

- first contentful paint: each run in a fresh context, so nothing is cached; once without delay, and once with 40 ms of
  latency and 10 Mbit/s, like a connection from home. Bytes are those of the compressed bodies, as they were sent.
- scrolling: the wheel is turned through the gallery as fast as it goes, then the End key. A long task blocks the page for more than
  50 ms. Every picture is a different file (by a comment in the JPEG): no thumbnail is cached.
- map: frames of a map of 5,000 points on Compare, while it is zoomed.
- search: words typed into an open page; from the last byte of a column's embedding to all its pictures decoded; then with a Cohere
  that accepts requests and never answers.

Run nothing else on the machine. Needs what scripts/install_dependencies.sh --tests installs.
"""

import argparse
import base64
import json
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from conftest import DEMO, StandIn  # noqa: E402
from page_fixtures import DESKTOP, chromium, demo_site, map_frames, wait_for_pictures  # noqa: E402

ENDPOINTS = {"clip": "clip-search", "jina-clip": "jina-clip-search", "cohere": "cohere-search"}
DISTANT = {"offline": False, "latency": 40, "downloadThroughput": 1_250_000, "uploadThroughput": 1_250_000}

FIRST_PAINT = """() => new Promise((resolve) => {
  new PerformanceObserver((list) => {
    const paint = list.getEntriesByName("first-contentful-paint")[0]?.startTime;
    if (paint === undefined) return;
    const before = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].filter((one) => one.responseEnd <= paint);
    resolve({paint, files: before.length, bytes: before.reduce((sum, one) => sum + one.encodedBodySize, 0)});
  }).observe({type: "paint", buffered: true});
})"""

WATCH_TASKS = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => one.duration))).observe({type: "longtask"});
}"""

# For each column: when its embedding arrived, and when all its pictures were decoded.
COLUMN_TIMES = """(endpoints) => Promise.all(Object.entries(endpoints).map(async ([model, endpoint]) => {
  const frame = () => new Promise(requestAnimationFrame);
  let pictures;
  for (;;) {
    const column = document.querySelector(`.column[data-column="${model}"]`);
    pictures = [...(column?.querySelectorAll(".hit img") ?? [])];
    if (column?.dataset.state === "failed") throw new Error(column.textContent);
    if (column?.dataset.state === "done" && pictures.length > 0 && pictures.length === column.querySelectorAll(".hit").length) break;
    await frame();
  }
  await Promise.all(pictures.map((one) => one.decode()));
  const decoded = performance.now();
  const embedding = performance.getEntriesByType("resource").filter((one) => one.name.endsWith(`/_inference/text_embedding/${endpoint}`)).at(-1);
  return [model, {pictures: decoded - embedding.responseEnd, all: decoded - embedding.startTime}];
})).then(Object.fromEntries)"""


class Memory(threading.Thread):
    """Watches a process's resident memory until the end of the with block."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status = pathlib.Path(f"/proc/{pid}/status")
        self.ended = threading.Event()
        self.before = self.most = self.now()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.join()

    def now(self):
        return int(self.status.read_text().split("VmRSS:")[1].split()[0]) / 1024  # MiB

    def run(self):
        while not self.ended.wait(0.1):
            self.most = max(self.most, self.now())


def say(what, value):
    print(f"{what:<76} {value}", flush=True)


def spread(values, unit="ms"):
    return f"{statistics.median(values):7.0f} {unit}   (of {len(values)}: {min(values):.0f} to {max(values):.0f})"


# ---- first paint


def first_paints(browser, url, runs, network=None):
    seen = []
    for run in range(runs + 1):
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        if network:
            context.new_cdp_session(page).send("Network.emulateNetworkConditions", network)
        page.goto(url)
        if run > 0:  # the first run warms up the browser
            seen.append(page.evaluate(FIRST_PAINT))
        context.close()
    return seen


def packed_bytes(url):
    """Compressed bytes of all files of the page, used at once or later."""
    page, vendored = ROOT / "server/web/page", ROOT / "server/web/vendored"
    files = [file.relative_to(page) for file in page.rglob("*") if file.is_file()]
    files += ["vendored/" + file.name for file in vendored.glob("*") if file.suffix in (".js", ".css", ".woff2")]
    total = 0
    for file in files:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/page/{file}", headers={"Accept-Encoding": "gzip"})) as answer:
            total += len(answer.read())
    return len(files), total


def measure_first_paint(browser, url, runs):
    here, distant = first_paints(browser, url, runs), first_paints(browser, url, runs, DISTANT)
    say("first contentful paint, nothing cached", spread([one["paint"] for one in here]))
    say("the same with 40 ms of latency and 10 Mbit/s", spread([one["paint"] for one in distant]))
    say("files and bytes that were there by then, packed", f"{here[-1]['files']:7} files, {max(one['bytes'] for one in here) / 1024:.0f} KiB")
    files, total = packed_bytes(url)
    say("all files of the page, packed, those that views load later too", f"{files:7} files, {total / 1024:.0f} KiB")


# ---- the gallery


def distinct(jpeg, number):
    """The same picture as a different file: with a comment after the start marker."""
    text = f"picture {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def fill(site, count):
    """Puts `count` pictures into clip-images, with random vectors: no model is run for this."""
    jpegs = [file.read_bytes() for file in sorted((DEMO / "pictures").glob("*.jpg"))]
    dims = site.es("GET", "/clip-images/_mapping")[1]["clip-images"]["mappings"]["properties"]["image_embedding"]["dims"]
    chance = random.Random(1)
    for start in range(0, count, 500):
        lines = []
        for number in range(start, min(start + 500, count)):
            data = base64.b64encode(distinct(jpegs[number % len(jpegs)], number)).decode()
            vector = [round(chance.gauss(0, 1), 4) for _ in range(dims)]
            lines += [json.dumps({"index": {"_id": f"bench-{number}"}}), json.dumps({"image_name": f"{number:06}.jpg", "image_data": data, "image_embedding": vector})]
        status, answer = site.es("POST", "/clip-images/_bulk?pipeline=_none&refresh=true", "\n".join(lines) + "\n", content_type="application/x-ndjson")
        if status != 200 or answer["errors"]:
            sys.exit(f"bulk: {status} {json.dumps(answer)[:500]}")


def scroll_through(page):
    """Turns the wheel for some time; returns (pixels, seconds)."""
    page.mouse.move(900, 600)
    begun = time.perf_counter()
    for _ in range(300):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(16)
    wait_for_pictures(page, ".gallery img", 10)
    return page.evaluate("scrollY"), time.perf_counter() - begun


def jump_to_end(page, count):
    """Seconds from the End key to the last picture decoded."""
    page.locator(".gallery a").first.focus()
    begun = time.perf_counter()
    page.keyboard.press("End")
    wait_for_pictures(page, f'.gallery [aria-posinset="{count}"]')
    return time.perf_counter() - begun


def measure_gallery(browser, site, count):
    fill(site, count)
    count = site.es("GET", "/clip-images/_count")[1]["count"]
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    answers = []
    page.on("response", lambda response: "/pictures/" in response.url and answers.append(response.status))
    with Memory(site.server.process.pid) as memory:
        page.goto(site.view("images"))
        wait_for_pictures(page, ".gallery img", 10)
        page.evaluate(WATCH_TASKS)
        pixels, took = scroll_through(page)
        end = jump_to_end(page, count)
    tasks = page.evaluate("longTasks")
    elements = page.evaluate("document.querySelectorAll('*').length")
    say(f"gallery of {count:,}: the wheel through {pixels:,.0f} pixels", f"{took:7.1f} s, {len(answers)} thumbnails, {elements} elements at the end")
    say("long tasks meanwhile", f"{len(tasks):7}, the longest {max(tasks, default=0):.0f} ms, together {sum(tasks):.0f} ms")
    say("End key to the last picture decoded", f"{end * 1000:7.0f} ms")
    say("server's resident memory before, and at most meanwhile", f"{memory.before:7.0f} MiB, {memory.most:.0f} MiB")
    if set(answers) - {200, 304}:
        say("thumbnails refused", sorted(set(answers) - {200, 304}))
    context.close()


# ---- the map


def measure_map(browser, site, points=5000):
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(site.view("status"))
    frames = map_frames(page, points)["frames"]
    say(f"map of {points:,} points: one frame", f"{statistics.median(frames):7.1f} ms   (of {len(frames)}: {min(frames):.1f} to {max(frames):.1f}; a 60th of a second is 16.7)")
    context.close()


# ---- searches


def column_times(browser, site, queries, endpoints):
    seen = []
    for query in queries:
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        page.goto(site.view("search"))
        wait_for_pictures(page, ".start-pictures li", 12)
        page.get_by_label("Words to search for").fill(query)
        page.keyboard.press("Enter")
        seen.append(page.evaluate(COLUMN_TIMES, endpoints))
        context.close()
    return seen


def measure_searches(browser, site, queries, folder):
    times = column_times(browser, site, queries, ENDPOINTS)
    say("first column: embedding answered to all its pictures decoded", spread([min(model["pictures"] for model in one.values()) for one in times]))
    for model in ENDPOINTS:
        say(f"{model}: embedding answered to all its pictures decoded", spread([one[model]["pictures"] for one in times]))
    site.cohere.stop()
    hanging = StandIn(folder / "hanging.log", "--port", site.cohere.url.rsplit(":", 1)[1], "--silent", "1")
    others = {model: endpoint for model, endpoint in ENDPOINTS.items() if model != "cohere"}
    try:
        hung = column_times(browser, site, queries, others)
    finally:
        hanging.kill()
    for model in others:
        say(f"{model}: query sent to pictures decoded", spread([one[model]["all"] for one in times]))
        say("  the same while Cohere hangs", spread([one[model]["all"] for one in hung]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=9, help="of the first paint")
    parser.add_argument("--searches", type=int, default=10)
    options = parser.parse_args()
    queries = [query["query"] for query in json.loads((DEMO / "queries.json").read_text())][: options.searches]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        with demo_site("embedded", folder) as site, chromium() as browser:
            measure_first_paint(browser, site.url, options.runs)
            measure_searches(browser, site, queries, folder)
            measure_map(browser, site)
            measure_gallery(browser, site, options.pictures)


if __name__ == "__main__":
    main()
