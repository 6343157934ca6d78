"""The page's frame in a real browser: navigation, state in the URL, colours, keys, servers that are missing or gone."""

import html.parser
import json
import posixpath
import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from conftest import ROOT, Sightline
from gate import eventually
from page_fixtures import PHONE, Site, on_one_site

VIEWS = {"search": "Search", "images": "All images", "compare": "Compare", "console": "Console", "status": "Status"}
PAGE = ROOT / "server/web/page"


def get(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def link_to(page, name):
    return page.get_by_role("navigation", name="Views").get_by_role("link", name=VIEWS[name])


def expect_view(page, name):
    """The view is there, is marked in the navigation, and is nothing but itself."""
    expect(page.locator(".shell-nav a[aria-current=page]")).to_have_text(re.compile(VIEWS[name]))
    expect(page).to_have_title(f"{VIEWS[name]} · Sightline")
    expect(page.locator("main").get_by_role("heading").first).to_be_visible()
    expect(page.get_by_text("This view cannot be shown")).to_have_count(0)


# ---- what the server sends


def test_a_browser_gets_the_page_and_a_program_the_routes(bare_site):
    status, headers, body = get(bare_site.url + "/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"<title>Sightline" in body
    status, headers, body = get(bare_site.url + "/", Accept="*/*")
    assert status == 200 and "POST /v1/embeddings" in json.loads(body)["routes"]


def page_files():
    """The path of each file of the page, as its URL has it."""
    own = [f"/page/{file.relative_to(PAGE)}" for file in PAGE.rglob("*") if file.is_file()]
    vendored = ROOT / "server/web/vendored"
    return sorted(own + [f"/page/vendored/{file.relative_to(vendored)}" for file in vendored.glob("*") if file.suffix in (".js", ".css", ".woff2")])


def test_every_file_of_the_page_comes_with_a_policy_that_forbids_inline_code_and_other_origins(bare_site):
    files = page_files()
    assert len(files) > 30
    for path in ["/", *files]:
        status, headers, body = get(bare_site.url + path, Accept="text/html")
        assert status == 200 and body, path
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'", path
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'", path
        assert set(" ".join(policy.values()).split()) <= {"'none'", "'self'", "blob:", "data:"}, path
        assert headers["X-Content-Type-Options"] == "nosniff", path


def imports_of(path):
    """What a module of ours imports before it runs, as paths of URLs."""
    text = (PAGE / path.removeprefix("/page/")).read_text()
    names = re.findall(r"""^(?:import|export)\s[^;]*?from\s+"([^"]+)";""", text, flags=re.M)
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in names]


def test_the_modules_of_the_first_paint_are_asked_for_at_once():
    """Each module names others: without the list in index.html a browser would learn of them step by step."""
    needed, found = ["/page/modules/main.js"], set()
    while needed:
        module = needed.pop()
        if module not in found:
            found.add(module)
            needed += [] if module.startswith("/page/vendored/") else imports_of(module)
    preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', (PAGE / "index.html").read_text())
    assert len(found) > 15
    assert sorted(found - {"/page/modules/main.js"}) == sorted(preloaded)


def test_every_module_of_the_page_loads(bare_site, page):
    """One that names what another does not have, breaks the view that loads it."""
    page.goto(bare_site.url)
    modules = [path for path in page_files() if path.startswith("/page/modules/") and path.endswith(".js")]
    failures = page.evaluate("""(modules) => Promise.all(modules.map((one) => import(one).then(() => "", (error) => `${one}: ${error.message}`)))""", modules)
    assert [failure for failure in failures if failure] == []


class Inline(html.parser.HTMLParser):
    """Collects what a policy without 'unsafe-inline' would refuse."""

    found, open_tag = (), ""

    def handle_starttag(self, tag, attributes):
        self.open_tag = tag
        self.found += tuple(f"{tag} {name}" for name, _ in attributes if name == "style" or name.startswith("on"))

    def handle_data(self, data):
        if self.open_tag in ("script", "style") and data.strip():
            self.found += (f"{self.open_tag}: {data.strip()[:80]}",)

    def handle_endtag(self, tag):
        self.open_tag = ""


def test_the_page_has_no_inline_script_or_style_and_writes_no_markup_from_text():
    inline = Inline()
    inline.feed((PAGE / "index.html").read_text())
    assert inline.found == ()
    for file in PAGE.rglob("*.js"):
        text = file.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "dangerouslySetInnerHTML", "document.write", "new Function", "eval("):
            assert forbidden not in text, f"{file.relative_to(ROOT)}: {forbidden}"
        assert not re.search(r"""setAttribute\(["']style|\sstyle=["']""", text), f"{file.relative_to(ROOT)}: a style as text"


# ---- navigation


@pytest.mark.parametrize("name", VIEWS)
def test_each_view_opens_by_a_click(site, page, watch, name):
    page.goto(site.url)
    expect_view(page, "search")
    link_to(page, name).click()
    expect_view(page, name)
    assert page.url.startswith(f"{site.url}/#/{name}")
    assert {request.url.split("/")[2] for request in watch.requests} == {site.url.split("/")[2]}


def focus(page):
    return page.evaluate("""() => {
      const one = document.activeElement;
      const style = getComputedStyle(one);
      return {text: one.textContent.trim(), visible: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0};
    }""")


@on_one_site
@pytest.mark.parametrize("name", VIEWS)
def test_each_view_opens_by_the_keyboard_alone_with_the_focus_in_sight(site, page, name):
    page.goto(site.url)
    expect_view(page, "search")
    page.locator("body").press("Tab")
    assert focus(page)["text"] == "Skip to the content"
    for _ in range(12):
        page.keyboard.press("Tab")
        now = focus(page)
        assert now["visible"], now
        if now["text"] == VIEWS[name]:
            break
    else:
        raise AssertionError(f"Tab does not reach {VIEWS[name]}")
    page.keyboard.press("Enter")
    expect_view(page, name)
    if name != "search":  # it was there
        expect(page.locator("main")).to_be_focused()


@on_one_site
def test_the_first_key_jumps_to_the_content(site, page):
    page.goto(site.url)
    expect_view(page, "search")
    page.locator("body").press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_back_forward_and_reload_keep_the_view(site, page):
    page.goto(site.url)
    for name in ("images", "compare", "status"):
        link_to(page, name).click()
        expect_view(page, name)
    page.go_back()
    expect_view(page, "compare")
    page.go_back()
    expect_view(page, "images")
    page.go_forward()
    expect_view(page, "compare")
    page.reload()
    expect_view(page, "compare")
    page.go_back()
    page.go_back()
    expect_view(page, "search")


@on_one_site
@pytest.mark.parametrize("hash", ["", "#", "#/", "#/nowhere", "#nowhere?q=1", "#/__proto__", "#/constructor", "#/search/../status", "#////"])
def test_an_unknown_place_is_the_search(site, page, hash):
    page.goto(f"{site.url}/{hash}")
    expect_view(page, "search")


# What someone may write into the address, for each name that the views read there, and for names that they do not.
NAMES = ["q", "k", "size", "page", "from", "min", "threshold", "model", "columns", "index", "collection", "open", "sort", "order", "near", "like",
         "f.kind", "f.color", "f.width.min", "f.width.max", "f.", "f.nothing", "m", "tab", "request", "metric", "x", "y", "zoom", "lambda", "without", "unheard-of"]
VALUES = {
    "numbers out of range": ["-1", "0", "1e309", "999999999999999999999", "NaN", "0x10", "1.5", "-0", "Infinity"],
    "long texts": ["x" * 10_000, "%F0%9F%8F%A0" * 900],
    "broken escapes": ["%ZZ", "%", "%E0%A4%A", "%00", "%u0041"],
    "markup": ["<img src=x onerror=alert(1)>", "%3Cscript%3Ealert(1)%3C/script%3E", "javascript:alert(1)", "\"onload=\"alert(1)", "${alert(1)}", "{{7*7}}"],
    "paths": ["../../etc/passwd", "clip-images/../_cluster", "%2e%2e%2f", "no-such-index/no-such-id", "clip-images/no-such-id", "/", ","],
    "JSON": ["{", "[[[[", "null", "{\"__proto__\":{\"x\":1}}", "[]", "true"],
}


@on_one_site
@pytest.mark.parametrize("name", VIEWS)
def test_a_place_made_up_by_hand_breaks_nothing(site, page, watch, name):
    # A document or an index that is not there is asked for, and answered so.
    watch.allow(r"status of 40[04] .*/(elasticsearch|pictures|v1/projections)/")
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(site.view(name))
    expect_view(page, name)
    for value in (value for values in VALUES.values() for value in values):
        page.evaluate("hash => { location.hash = hash; }", f"/{name}?" + "&".join(f"{one}={value}" for one in NAMES))
        expect_view(page, name)
    # A reload begins with it, and the other views are still there.
    page.reload()
    expect_view(page, name)
    page.keyboard.press("Escape")
    link_to(page, "status").click()
    expect_view(page, "status")
    assert not dialogs and page.evaluate("({}).x") is None


# ---- colours


def theme(page):
    return page.evaluate("() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]")


@on_one_site
def test_the_colours_follow_the_system_until_the_user_chooses_and_stay_chosen(site, open_page):
    page = open_page(color_scheme="dark")
    page.goto(site.url)
    dark = theme(page)
    assert dark[0] == "dark"
    page.emulate_media(color_scheme="light")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'light'")
    light = theme(page)
    assert light[1] != dark[1]
    page.get_by_role("button", name="Dark colours").click()
    assert theme(page) == dark
    page.reload()
    page.get_by_role("button", name="Light colours").wait_for()
    assert theme(page) == dark
    other = page.context.new_page()
    other.goto(site.view("status"))
    other.get_by_role("button", name="Light colours").click()
    assert theme(other) == light


# ---- keys


def key_dialog(page):
    return page.get_by_role("dialog", name="Keys and credentials")


def enter_key(page, key):
    key_dialog(page).get_by_label("Sightline's API key").fill(key)
    page.keyboard.press("Enter")


def test_a_key_is_asked_for_tried_and_kept_for_the_session_alone(keyed_site, open_page, watch, axe):
    watch.allow("status of 401")
    page = open_page()
    page.goto(keyed_site.url)
    expect(key_dialog(page).get_by_label("Sightline's API key")).to_be_focused()
    axe(page)
    enter_key(page, "not-the-key")
    expect(key_dialog(page).get_by_role("alert")).to_contain_text("refuses this key")
    axe(page)
    # Copied with what no header field takes: browsers would not even send it.
    for stray, code in (("\u200b", "200B"), ("ключ", "43A"), ("\U0001f511", "1F511")):
        enter_key(page, keyed_site.key[:4] + stray + keyed_site.key[4:])
        expect(key_dialog(page).get_by_role("alert")).to_contain_text(f"Character 5 (U+{code.rjust(4, '0')}) cannot be part of a key")
    enter_key(page, f"  {keyed_site.key} ")
    expect(key_dialog(page)).to_have_count(0)
    expect_view(page, "search")
    page.reload()
    expect_view(page, "search")
    expect(key_dialog(page)).to_have_count(0)
    assert keyed_site.key not in page.evaluate("JSON.stringify(localStorage) + document.cookie")
    assert not [request.url for request in watch.requests if keyed_site.key in request.url]

    another_day = open_page()
    another_day.goto(keyed_site.view("images"))
    expect(key_dialog(another_day)).to_be_visible()
    another_day.keyboard.press("Escape")
    expect(another_day.get_by_role("heading", name="This server requires a key")).to_be_visible()
    axe(another_day)
    another_day.get_by_role("button", name="Enter a key").click()
    enter_key(another_day, keyed_site.key)
    expect_view(another_day, "images")


def test_a_key_can_be_forgotten(keyed_site, page, watch):
    watch.allow("status of 401")
    page.goto(keyed_site.view("status"))
    enter_key(page, keyed_site.key)
    expect_view(page, "status")
    page.get_by_role("button", name="Keys and credentials").click()
    key_dialog(page).get_by_role("button", name="Remove it").click()
    expect(key_dialog(page).get_by_label("Sightline's API key")).to_have_value("")
    assert keyed_site.key not in page.evaluate("JSON.stringify(sessionStorage)")


def test_without_a_key_the_server_gives_the_page_and_nothing_else(keyed_site):
    assert get(keyed_site.url + "/page/index.html")[0] == 200
    for path in ("/v1/page", "/v1/models", "/elasticsearch/_mapping", "/elasticsearch/", "/elasticsearch/clip-images/_search"):
        assert get(keyed_site.url + path)[0] == 401, path
        assert get(keyed_site.url + path, **{"Sightline-Key": "wrong"})[0] in (401, 429), path
        assert get(keyed_site.url + path, **{"Sightline-Key": keyed_site.key})[0] == 200, path


# ---- servers that are missing or gone


@pytest.mark.parametrize("name", ["search", "images", "console"])
def test_without_an_elasticsearch_side_the_page_says_how_to_connect_one(bare_site, page, axe, name):
    page.goto(bare_site.view(name))
    expect(page.get_by_role("heading", name="No Elasticsearch is connected")).to_be_visible()
    expect(page.locator("main")).to_contain_text("--embedded-elasticsearch")
    expect(page.locator("main")).to_contain_text("--elasticsearch-gateway")
    axe(page)
    link_to(page, "status").click()
    expect_view(page, "status")


def test_a_server_that_stops_is_missed_and_found_again(tmp_path, page, watch, reserve_port):
    watch.allow("Failed to load resource|Failed to fetch dynamically imported module")
    ports = {"port": reserve_port(), "elasticsearch_port": reserve_port()}
    server = Sightline(tmp_path / "data", tmp_path / "server.log", **ports)
    site = Site(server)
    page.goto(site.view("search"))
    expect_view(page, "search")
    server.stop()
    link_to(page, "status").click()
    expect(page.get_by_text("The server does not answer.")).to_be_visible()
    server = Sightline(tmp_path / "data", tmp_path / "server.log", **ports)
    try:
        expect(page.get_by_text("The server does not answer.")).to_have_count(0)
        expect_view(page, "status")
        expect(page.get_by_role("alert")).to_have_count(0)
    finally:
        server.stop()


def searches_of(watch):
    return sum("/clip-images/_search" in request.url and "q=" in request.frame.url for request in watch.requests)


@on_one_site
def test_a_broken_answer_of_a_server_that_is_there_is_not_asked_for_again(site, page, watch):
    watch.allow("Failed to load resource")
    page.clock.install()
    page.route("**/clip-images/_search*", lambda route: route.abort("connectionreset"))
    with page.expect_response("**/health/live"):
        page.goto(site.view("search", "q=a+house"))
    expect(page.get_by_role("alert").first).to_be_visible()
    before = searches_of(watch)
    page.clock.run_for(60_000)
    expect(page.get_by_text("This page continues when it is back")).to_have_count(0)
    assert searches_of(watch) == before == 1


def tick_until(page, condition):
    """Lets the page's clock, which stands still, go on by a few frames at a time until that is so."""

    def tick():
        if condition():
            return True
        page.clock.run_for(50)
        return False

    eventually(tick)


@on_one_site
def test_a_request_that_ends_the_server_is_repeated_once(site, page, watch):
    watch.allow("Failed to load resource")
    gone = [True, False, True, False]  # what each look at the server finds
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    searches_failed = lambda: sum("/clip-images/_search" in url for url in failed)
    page.clock.install(time=0)
    page.clock.pause_at(1000)  # the server is looked at when the test says so, however long this machine takes
    page.route("**/clip-images/_search*", lambda route: route.abort("connectionreset"))
    page.route("**/health/live", lambda route: route.abort("connectionrefused") if gone.pop(0) else route.continue_())
    banner = page.get_by_text("This page continues when it is back")
    page.goto(site.view("search", "q=a+house"))
    tick_until(page, lambda: searches_failed() == 1 and banner.is_visible())
    # It is back: the view begins anew, its search fails, and the server is gone again.
    page.clock.run_for(2100)
    tick_until(page, lambda: searches_failed() == 2 and banner.is_visible())
    with page.expect_response("**/health/live"):
        page.clock.run_for(3100)
    tick_until(page, lambda: banner.count() == 0)
    page.clock.run_for(60_000)
    assert (gone, searches_of(watch)) == ([], 2)


# ---- for everyone


@on_one_site
@pytest.mark.parametrize("how", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "light", "viewport": PHONE}], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", VIEWS)
def test_axe_finds_nothing_in_any_view(site, open_page, axe, name, how):
    page = open_page(**how)
    page.goto(site.view(name))
    expect_view(page, name)
    page.wait_for_load_state("networkidle")
    axe(page)
    # Nothing sticks out at the side.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
