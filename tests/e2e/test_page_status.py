"""The status view: what runs, how it fares, what is not set up."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import expect

from page_fixtures import PHONE


def ask(site, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(site.url + path, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def chart(page, title):
    return page.get_by_role("figure").filter(has=page.get_by_role("heading", name=title, exact=True))


def value(page, title, name):
    """The value of now in a chart's legend, as text."""
    return chart(page, title).locator(".chart-legend li").filter(has_text=re.compile("^\\s*" + re.escape(name))).locator("b")


def open_status(site, page):
    page.goto(site.view("status"))
    expect(page.get_by_role("status").filter(has_text="Ready")).to_be_visible()
    expect(page.get_by_role("figure").first).to_be_visible()


def test_models_are_shown_with_what_the_server_says_of_them(site, page):
    open_status(site, page)
    for model in [one for one in ask(site, "/v1/models")["data"] if one["architecture"] != "cohere"]:
        card = page.locator(".model-card").filter(has=page.get_by_role("heading", name=model["id"], exact=True))
        for text in (model["fingerprint"], model["license"], "demo", model["state"], model["architecture"], f"{model['image_size']} × {model['image_size']} pixels", model["dtype"], f"{model['limits']['tokens']} tokens"):
            expect(card).to_contain_text(text)
    expect(page.get_by_role("region", name="Models at Cohere")).to_contain_text("embed-english-v3.0")


def test_charts_follow_what_the_server_does(site, page):
    open_status(site, page)
    expect(value(page, "Memory", "in RAM")).to_have_text(re.compile(r"^\d+ MB$"))
    for number in range(12):
        ask(site, "/v1/embeddings", {"model": "clip", "input": [f"a red house {number}", "a pool"], "input_type": "query"})
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError):
            ask(site, "/v1/embeddings", {"model": "no-such-model", "input": ["a"]})
    expect(value(page, "Requests per second", "Embedding")).to_have_text(re.compile(r"^(?!0$)[\d.]+$"))
    expect(value(page, "Embedded per second", "texts")).to_have_text(re.compile(r"^(?!0$)[\d.]+$"))
    expect(value(page, "Time to answer, embedding requests", "p99")).to_have_text(re.compile(r"^[\d,]+ ms$"))
    expect(chart(page, "Errors per second").locator(".chart-legend b").first).to_be_visible()
    expect(chart(page, "Errors per second")).to_contain_text("not_found")
    expect(chart(page, "Embedded per second").get_by_role("img")).to_have_attribute("aria-label", re.compile(r"texts now [\d.]+, at most [\d.]+"))


def ink(page, title):
    """How many pixels of a chart are drawn, and a sum over them."""
    return chart(page, title).locator("canvas").evaluate("""(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let drawn = 0, sum = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 0) { drawn += 1; sum += data[at] + 3 * data[at + 1] + 7 * data[at + 2]; }
      return [drawn, sum / drawn];
    }""")


def test_charts_are_drawn_again_for_another_theme_and_width(site, page):
    open_status(site, page)
    expect(value(page, "Memory", "in RAM")).to_have_text(re.compile("MB"))
    page.get_by_role("button", name="Pause").click()
    drawn, colour = ink(page, "Memory")
    assert drawn > 500
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    again, other = ink(page, "Memory")
    assert again > 500 and abs(other - colour) > 100, (colour, other)
    width = chart(page, "Memory").locator("canvas").bounding_box()["width"]
    page.set_viewport_size(PHONE)
    expect(chart(page, "Memory").locator("canvas")).not_to_have_css("width", f"{width}px")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_charts_are_there_as_tables(site, page):
    open_status(site, page)
    expect(value(page, "Memory", "in RAM")).to_have_text(re.compile("MB"))
    page.get_by_role("button", name="As tables").click()
    table = page.get_by_role("region", name="Memory as a table")
    expect(table.get_by_role("row").nth(1)).to_contain_text(re.compile(r"\d+ MB"))
    expect(chart(page, "Memory").get_by_role("img")).to_be_hidden()


def test_nothing_is_requested_while_the_page_is_hidden(site, page, watch):
    page.clock.install()
    open_status(site, page)
    asked = lambda: sum(request.url.endswith("/metrics") for request in watch.requests)
    page.clock.run_for(2100)
    page.wait_for_function("() => true")
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    before = asked()
    page.clock.run_for(30000)
    assert asked() <= before + 1, "the one that was on its way"
    with page.expect_response(lambda response: response.url.endswith("/metrics")):
        page.evaluate(hide, False)


def test_the_elasticsearch_side_is_shown_as_it_is(site, page):
    open_status(site, page)
    section = page.get_by_role("region", name="Elasticsearch side")
    status, about = site.es("GET", "/")
    if status == 200:  # the bare core of Elasticsearch has no such route
        expect(section).to_contain_text(about["version"]["number"])
    for index in ("clip-images", "jina-images", "embed-images"):
        count = site.es("GET", f"/{index}/_count")[1]["count"]
        row = section.get_by_role("row").filter(has=page.get_by_role("link", name=index, exact=True)).first
        expect(row).to_contain_text(f"{count:,}")
    for endpoint in site.es("GET", "/_inference/_all")[1]["endpoints"]:
        if not endpoint["inference_id"].startswith("."):
            expect(section.get_by_role("link", name=endpoint["inference_id"], exact=True)).to_be_visible()
    section.get_by_role("link", name="clip-search", exact=True).click()
    expect(page.get_by_role("textbox", name=re.compile("^Requests of "))).to_have_text("GET _inference/clip-search")


def test_what_is_not_set_up_is_said_with_its_command(site, page):
    open_status(site, page)
    advice = page.get_by_role("region", name="To set up")
    expect(advice).to_contain_text("Only demo models are loaded")
    expect(advice).to_contain_text("scripts/download_model.sh siglip2-b16")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    advice.get_by_role("button", name="Copy: scripts/download_model.sh siglip2-b16").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()) === 'scripts/download_model.sh siglip2-b16'")


def test_a_server_without_elasticsearch_has_its_status_all_the_same(bare_site, page, axe):
    open_status(bare_site, page)
    expect(page.locator(".model-card")).to_have_count(1)
    expect(value(page, "Memory", "in RAM")).to_have_text(re.compile("MB"))
    expect(page.get_by_role("region", name="To set up")).to_contain_text("--embedded-elasticsearch")
    expect(page.get_by_role("heading", name="Elasticsearch side")).to_have_count(0)
    axe(page)


def test_a_server_that_is_not_ready_says_why(bare_site, page, watch):
    watch.allow("status of 503")
    page.route("**/health/ready", lambda route: route.fulfill(status=503, content_type="application/json", body='{"status":"not ready","reasons":["clip: the watchdog\'s vector is wrong"]}'))
    page.goto(bare_site.view("status"))
    expect(page.get_by_role("status").filter(has_text="Not ready")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("clip: the watchdog's vector is wrong")


def test_metrics_that_cannot_be_read_are_no_end(bare_site, page, watch):
    watch.allow("status of 500")
    page.route("**/metrics", lambda route: route.fulfill(status=500, body="no"))
    open_status(bare_site, page)
    expect(page.get_by_role("alert")).to_contain_text("The metrics cannot be read")
    page.unroute("**/metrics")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_nothing_moves_once_it_is_there(site, page):
    page.add_init_script("""window.moved = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value; }).observe({ type: "layout-shift", buffered: true });""")
    open_status(site, page)
    expect(value(page, "Memory", "in RAM")).to_have_text(re.compile("MB"))
    expect(page.get_by_role("region", name="Indices").first).to_be_visible()
    assert page.evaluate("window.moved") < 0.02


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_the_view_is_accessible(site, open_page, axe, colours, viewport):
    page = open_page(color_scheme=colours, **({"viewport": viewport} if viewport else {}))
    open_status(site, page)
    expect(page.get_by_role("region", name="Indices").first).to_be_visible()
    axe(page)
    page.get_by_role("button", name="As tables").click()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
