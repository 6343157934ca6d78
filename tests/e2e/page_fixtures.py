"""Fixtures of the page's tests: servers to open, and a real Chromium that watches over what the page does.

Tests do what a person would: click, type, and wait for what they would see. A page that asks anything of another origin,
breaks its Content-Security-Policy, throws, or logs an error fails its test, unless the test has allowed for that.
"""

import contextlib
import os
import re
import secrets
import shutil
import urllib.parse

import pytest

from conftest import BIN, DEMO, KINDS, TEST_CLUSTER, InferenceServer, Sightline, StandIn, run, running

# Debian's, and no browser of Playwright's own: scripts/install_dependencies.sh --tests.
CHROMIUM = os.environ.get("SIGHTLINE_TEST_BROWSER", "/usr/bin/chromium-headless-shell")
PATIENCE_MS = 60_000
INDICES = ("clip-images", "jina-images", "embed-images")
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
RUN = "page tests"
COHERE_KEY = "page-tests-cohere-key-90c1"


class Site:
    """A server to open in a browser: `url` is where the page is, `elasticsearch` the Elasticsearch port (None: it has none)."""

    def __init__(self, server, key=None):
        self.server = server
        self.key = key
        self.url = server.url
        self.elasticsearch = getattr(server, "elasticsearch", None)

    def es(self, method, path, body=None, **options):
        """Asks the Elasticsearch port; gives (status, parsed JSON)."""
        return self.server.es(method, path, body, **options)

    def view(self, name, query=""):
        """The address of a view: view("search", "q=a+red+house")."""
        return f"{self.url}/#/{name}" + (f"?{query}" if query else "")


# For tests that what lies behind the server makes no difference to.
on_one_site = pytest.mark.parametrize("site", KINDS[:1], indirect=True)


def ok(done):
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def demo_site(kind, folder):
    """A site with the demo pictures behind clip, jina-clip and Cohere; `cohere` is the stand-in for that."""
    (folder / "secret.key").write_text(secrets.token_hex(32))
    with contextlib.ExitStack() as stack:
        cohere = StandIn(folder / "cohere.log")
        stack.callback(cohere.stop)
        server = stack.enter_context(running(kind, folder, ["--cohere", "--cohere-url", cohere.url, "--secret-key-file", folder / "secret.key"]))
        server.settings = {"COHERE_API_KEY": COHERE_KEY, "COHERE_URL": cohere.url}
        ok(server.register("--models", "clip,jina-clip,cohere"))
        for index in INDICES:
            ok(server.ingest(DEMO / "pictures", "--index", index, "--attributes", DEMO / "attributes.csv"))
        served = Site(server)
        served.cohere = cohere
        yield served


@pytest.fixture(scope="session", params=KINDS)
def site(request, tmp_path_factory):
    """demo_site() with each kind of store behind it; tests must leave its indices as they are."""
    with demo_site(request.param, tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.fixture(scope="session")
def report(site):
    """What sightline-eval saved of two models: the documents, by (direction, set, model)."""
    done = run([BIN / "sightline-eval", DEMO / "attributes.csv", "--sets", DEMO / "eval/sets.json", "--server", site.url, "--model", "clip", "--model", "jina-clip",
                "--env-file", "/dev/null", "--save", RUN, "--elasticsearch", site.elasticsearch], site.server.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    status, body = site.es("POST", "/sightline-evaluations/_search", {"size": 200, "query": {"term": {"run": RUN}}})
    assert status == 200, body
    yield {(one["_source"]["direction"], one["_source"]["set"], one["_source"]["model"]): one["_source"] for one in body["hits"]["hits"]}
    site.es("DELETE", "/sightline-evaluations")


@pytest.fixture(scope="session")
def bare_site(tmp_path_factory):
    """The inference API alone: no Elasticsearch side."""
    server = InferenceServer(tmp_path_factory.mktemp("bare_site") / "server.log")
    yield Site(server)
    assert server.stop() == 0, server.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def keyed_site(tmp_path_factory, demo_pictures):
    """The embedded store with 24 of the demo pictures, behind an API key: `keyed_site.key`."""
    folder = tmp_path_factory.mktemp("keyed_site")
    key = "page-tests-key-" + secrets.token_hex(8)
    (folder / "keys").write_text(f"# the page's tests\n{key}\n")
    (folder / "secret.key").write_text(secrets.token_hex(32))
    (folder / "pictures").mkdir()
    for picture in demo_pictures[:24]:
        shutil.copy(picture, folder / "pictures")
    server = Sightline(folder / "data", folder / "server.log", options=["--api-key-file", folder / "keys", "--secret-key-file", folder / "secret.key"])
    server.settings = {"SIGHTLINE_API_KEY": key, "ELASTICSEARCH_API_KEY": key}
    ok(server.register("--models", "clip"))
    ok(server.ingest(folder / "pictures", "--index", "clip-images"))
    yield Site(server, key)
    assert server.stop() == 0, server.log.read_text()[-3000:]


# ---- the browser


@contextlib.contextmanager
def chromium():
    """A Chromium that can reach this machine alone."""
    from playwright.sync_api import sync_playwright

    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # which Chromium refuses to root
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as started:
        yield started


# Runs before the page's own scripts. Chromium reports violations on the console, too, but not all of those of workers and frames.
WATCH_VIOLATIONS = """document.addEventListener("securitypolicyviolation",
  (event) => console.error(`CSP violation: ${event.effectiveDirective} of ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));"""


class Watch:
    """What went wrong in the pages of a test: requests to other origins, broken policies, exceptions, errors on the console."""

    def __init__(self):
        self.troubles = []
        self.requests = []  # of all pages: playwright.sync_api.Request
        self.allowed_ = []

    def allow(self, pattern):
        """Troubles that match this regular expression belong to the test."""
        self.allowed_.append(re.compile(pattern))

    def follow(self, page, origin):
        """`origin`: the one that the page may talk to; None: the one that it opens first."""
        origins = [origin] if origin else []

        def requested(request):
            address = urllib.parse.urlsplit(request.url)
            if address.scheme in ("data", "blob", "about"):
                return
            own = f"{address.scheme}://{address.netloc}"
            self.requests.append(request)
            if not origins:
                origins.append(own)
            if own != origins[0]:
                self.troubles.append(f"request to another origin: {request.method} {request.url}")

        page.on("request", requested)
        page.on("pageerror", lambda error: self.troubles.append(f"exception: {error}\n{getattr(error, 'stack', '')}"))
        page.on("console", lambda message: message.type == "error" and self.troubles.append(
            f"console: {message.text} ({message.location.get('url')}:{message.location.get('lineNumber')})"))
        page.on("crash", lambda: self.troubles.append("the page crashed"))

    def unexpected(self):
        return [trouble for trouble in self.troubles if not any(pattern.search(trouble) for pattern in self.allowed_)]


@pytest.fixture()
def watch():
    """What the pages of this test do wrong; with watch.allow("status of 401") that is no failure."""
    watching = Watch()
    if TEST_CLUSTER:
        watching.allow(r"status of 40[05] .*/elasticsearch/(_license)?:")  # the bare core of Elasticsearch has neither
    yield watching
    if watching.unexpected():
        pytest.fail("the page did what it must not:\n" + "\n".join(watching.unexpected()), pytrace=False)


@pytest.fixture()
def open_page(browser, watch):
    """open_page(color_scheme="dark", viewport=PHONE, ...): a page in a context of its own, with the options of Playwright's new_context."""
    contexts = []

    def make(origin=None, **options):
        context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", "locale": "en-GB", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH_VIOLATIONS)
        context.on("page", lambda page: watch.follow(page, origin))
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture()
def page(open_page):
    """A page of a fresh context, 1440 by 900, light: nothing is kept from other tests."""
    return open_page(color_scheme="light")


# Draws a map of `count` points 60 times, and between any two frames a copy of a mark for each point.
MAP_FRAMES = """async (count) => {
  const { draw, paletteNow, sceneOf } = await import("/page/modules/compare/map/drawing.js");
  const { boxOf, cameraOf } = await import("/page/modules/compare/map/camera.js");
  const xs = new Float64Array(count), ys = new Float64Array(count);
  for (let i = 0, seed = 1; i < count; i += 1) {
    seed = (seed * 48271) % 2147483647; xs[i] = seed / 2147483647;
    seed = (seed * 48271) % 2147483647; ys[i] = seed / 2147483647;
  }
  const points = { xs, ys, ids: Array.from(xs, (_, i) => String(i)), names: [] };
  const groups = { of: Uint8Array.from(xs, (_, i) => i % 8), field: "f", values: [], legend: Array.from({ length: 8 }, (_, i) => ({ series: i, shape: i, title: String(i) })) };
  const size = { width: 1280, height: 640 };
  const contextOf = () => Object.assign(document.createElement("canvas"), size).getContext("2d", { alpha: false });
  const [context, other] = [contextOf(), contextOf()];
  let calls = 0;
  const counting = new Proxy(context, {
    get(target, name) {
      const value = target[name];
      return typeof value === "function" ? (...given) => { calls += 1; return value.apply(target, given); } : value;
    },
    set(target, name, value) { target[name] = value; return true; },
  });
  const scene = sceneOf(points, groups, paletteNow(), 1);
  const camera = cameraOf(boxOf(points), size);
  const stamp = new OffscreenCanvas(11, 11);
  stamp.getContext("2d").fillRect(2, 2, 7, 7);
  const shown = { pictures: true, ranks: new Map(), hovered: 0 };
  draw(counting, scene, camera, size, shown, { get() {} });
  const timed = (target, work) => {
    const start = performance.now();
    work();
    target.getImageData(0, 0, 1, 1); // until it is drawn, not only ordered
    return performance.now() - start;
  };
  const [frames, copies] = [[], []];
  for (let i = 0; i < 60; i += 1) {
    const zoomed = { ...camera, scale: camera.scale * (1 + i / 100) };
    frames.push(timed(context, () => draw(context, scene, zoomed, size, { ...shown, hovered: i % count }, { get() {} })));
    copies.push(timed(other, () => { for (let j = 0; j < count; j += 1) other.drawImage(stamp, Math.round(xs[j] * size.width), Math.round(ys[j] * size.height)); }));
  }
  return { calls, frames, copies };
}"""


def map_frames(page, count):
    """Of a map of so many points on Compare: calls on its canvas in one frame; milliseconds of 60 frames, and of copying a mark to each point."""
    return page.evaluate(MAP_FRAMES, count)


@contextlib.contextmanager
def temporary_index(page, site, name):
    """Deletes the index at the end of the block. The page is left first: what it still asks for would be answered 404."""
    try:
        yield name
    finally:
        try:
            page.goto("about:blank")
        finally:
            site.es("DELETE", f"/{name}?ignore_unavailable=true")


# ---- what is seen


def settled(page):
    """Waits until nothing moves that comes to an end: colours in the middle of a fade have contrasts that nobody sees."""
    page.wait_for_function("""() => document.getAnimations().every((one) =>
      one.playState !== "running" || one.effect?.getComputedTiming().iterations === Infinity)""")


def axe_findings(page, context=None):
    """What axe-core finds on the page as it is now: a line each, with where, what is wrong and what to do."""
    from axe_playwright_python.sync_playwright import Axe

    settled(page)
    found = Axe().run(page, context=context, options={"resultTypes": ["violations", "incomplete"]})
    return [f"{finding['id']} ({finding['impact']}): {' '.join(node['target'][0] if isinstance(node['target'][0], list) else node['target'])}"
            f"\n    {node['html'][:200]}\n    {' '.join((node.get('failureSummary') or '').split())}"
            for finding in found.response["violations"] for node in finding["nodes"]]


@pytest.fixture()
def axe():
    """axe(page): asserts that axe-core finds no violation on the page as it is now."""

    def check(page, context=None):
        findings = axe_findings(page, context)
        if findings:
            pytest.fail(f"axe-core: {len(findings)} violations at {page.url}\n" + "\n".join(findings))

    return check


def wait_for_pictures(page, selector, count=1):
    """Waits until at least `count` pictures in (or at) elements of that selector are decoded; gives how many are.

    Pictures out of sight load only when scrolled to.
    """
    decoded = """([selector, count]) => {
      const all = [...document.querySelectorAll(selector)].flatMap((one) => one.matches("img") ? [one] : [...one.querySelectorAll("img")]);
      const there = new Set(all.filter((one) => one.complete && one.naturalWidth > 0)).size;
      return there >= count && there;
    }"""
    return page.wait_for_function(decoded, arg=[selector, count]).json_value()
