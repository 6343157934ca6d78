"""All pictures of an index, one picture, adding and deleting, as a person does them."""

import base64
import contextlib
import hashlib
import json
import re
import secrets
import shutil
import urllib.request

import pytest
from playwright.sync_api import expect

from conftest import DEMO, KINDS, running
from page_fixtures import PHONE, Site, ok, temporary_index, wait_for_pictures

PICTURES = 30
INDICES = ("clip-images", "jina-images")


@pytest.fixture(scope="module", params=KINDS)
def shelf(request, tmp_path_factory, demo_pictures):
    """Thirty drawings in two indices. Tests put back what they take, and delete indices of their own."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "pictures").mkdir()
    for picture in demo_pictures[:PICTURES]:
        shutil.copy(picture, folder / "pictures")
    with running(request.param, folder) as server:
        ok(server.register("--models", "clip,jina-clip"))
        for index in INDICES:
            ok(server.ingest(folder / "pictures", "--index", index, "--attributes", DEMO / "attributes.csv"))
        yield Site(server)


def es(site, method, path, body=None, **options):
    status, answer = site.es(method, path, body, **options)
    assert status < 300, answer
    return answer


def bulk(site, lines, query=""):
    body = "".join(json.dumps(line) + "\n" for line in lines)
    answer = es(site, "POST", f"/_bulk?refresh=true{query}", body, content_type="application/x-ndjson")
    assert not answer["errors"], [item for item in answer["items"] if item["index"].get("error")][:1]


def search(site, index, body):
    return es(site, "POST", f"/{index}/_search", body)["hits"]


@contextlib.contextmanager
def own_index(page, site, documents, properties=None):
    """An index of a name of its own with these documents, {id: source}; without a field for pictures, or with `properties`, and no pipeline."""
    index = "shelf-" + secrets.token_hex(4)
    fields = {"image_name": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}, "image_embedding": {"type": "dense_vector", "dims": 4}}
    es(site, "PUT", f"/{index}", {"mappings": {"properties": {**fields, **(properties or {})}}})
    with temporary_index(page, site, index):
        lines = [line for key, source in documents.items() for line in ({"index": {"_index": index, "_id": key}}, source)]
        for start in range(0, len(lines), 4000):
            bulk(site, lines[start:start + 4000])
        yield index


def tiles(page):
    return page.locator(".tile-link")


def names(page):
    """The names below the pictures, once no tile waits for its document."""
    shown = page.locator(".tile-name")
    expect(shown.filter(has_not_text=re.compile(r"\S"))).to_have_count(0)
    return shown.all_inner_texts()


def count(page):
    return page.locator(".gallery-head [role=status]")


def open_gallery(page, site, query=""):
    page.goto(site.view("images", query))
    expect(tiles(page).first).to_be_visible()


def detail(page):
    return page.locator(".detail-dialog")


def facet(page, name):
    return page.locator(".gallery-side").get_by_role("group", name=name, exact=True)


def stored_picture(site, index, id):
    return base64.b64decode(es(site, "GET", f"/{index}/_doc/{id}")["_source"]["image_data"])


def any_picture(site, index="clip-images", **query):
    return search(site, index, {"size": 1, "sort": [{"image_name.keyword": "asc"}], "_source": ["image_name"], **query})["hits"][0]


# ---- the gallery


def test_all_pictures_five_across(page, shelf):
    open_gallery(page, shelf)
    expect(count(page)).to_have_text(f"{PICTURES} pictures")
    wait_for_pictures(page, ".tile", 10)
    tops = [tiles(page).nth(at).bounding_box()["y"] for at in range(6)]
    assert tops[:5] == [tops[0]] * 5 and tops[5] > tops[0]
    expected = [hit["_source"]["image_name"] for hit in search(shelf, "clip-images", {"size": 15, "sort": [{"image_name.keyword": "asc"}], "_source": ["image_name"]})["hits"]]
    assert names(page)[:15] == expected


def test_a_phone_shows_two_across_and_filters_in_a_drawer(open_page, shelf):
    page = open_page(viewport=PHONE)
    open_gallery(page, shelf)
    tops = [tiles(page).nth(at).bounding_box()["y"] for at in range(3)]
    assert tops[0] == tops[1] < tops[2]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Filters").click()
    drawer = page.get_by_role("dialog", name="Filters")
    drawer.get_by_role("checkbox", name="house").check()
    houses = search(shelf, "clip-images", {"size": 0, "query": {"term": {"kind.keyword": "house"}}})["total"]["value"]
    drawer.get_by_role("button", name=f"Show {houses} picture").click()
    expect(drawer).to_be_hidden()
    expect(count(page)).to_have_text(re.compile(rf"^{houses} pictures?$"))


def test_facets_narrow_the_pictures_and_count_what_they_would_leave(page, shelf):
    open_gallery(page, shelf)
    counts = es(shelf, "POST", "/clip-images/_search", {"size": 0, "aggs": {"kinds": {"terms": {"field": "kind.keyword", "size": 50}}}})
    kinds = {bucket["key"]: bucket["doc_count"] for bucket in counts["aggregations"]["kinds"]["buckets"]}

    def expect_counts():
        expect(facet(page, "Kind").locator(".facet-value")).to_have_count(len(kinds))
        for kind, number in kinds.items():
            row = facet(page, "Kind").locator(".facet-value").filter(has=page.get_by_text(kind, exact=True))
            expect(row.locator(".facet-count")).to_have_text(str(number))

    expect_counts()
    facet(page, "Kind").get_by_role("checkbox", name="house").check()
    expect(count(page)).to_have_text(re.compile(rf"^{kinds['house']} pictures?$"))
    expect_counts()  # a facet's own choice leaves its counts
    assert "f.kind.keyword=house" in page.url

    colors = es(shelf, "POST", "/clip-images/_search", {"size": 0, "query": {"term": {"kind.keyword": "house"}},
                                                     "aggs": {"colors": {"terms": {"field": "color.keyword"}}}})["aggregations"]["colors"]["buckets"]
    color = colors[0]
    row = facet(page, "Color").locator(".facet-value", has_text=color["key"])
    expect(row.locator(".facet-count")).to_have_text(str(color["doc_count"]))

    page.get_by_role("button", name="Remove the filter Kind: house").click()
    expect(count(page)).to_have_text(f"{PICTURES} pictures")
    page.go_back()
    expect(count(page)).to_have_text(re.compile(rf"^{kinds['house']} pictures?$"))
    expect(facet(page, "Kind").get_by_role("checkbox", name="house")).to_be_checked()


def test_fields_that_name_each_document_are_no_facets(page, shelf):
    open_gallery(page, shelf)
    expect(facet(page, "Kind")).to_be_visible()
    titles = page.locator(".gallery-side .facet > summary").all_inner_texts()
    assert "Kind" in titles and "Caption" not in titles and "Image name" not in titles


def test_a_range_of_numbers(page, shelf):
    with own_index(page, shelf, {str(n): {"image_name": f"{n}.jpg", "price": n * 1.5, "taken": f"2026-01-{n + 1:02d}", "sold": n % 2 == 0} for n in range(20)}) as index:
        open_gallery(page, shelf, f"index={index}")
        price = facet(page, "Price")
        expect(price).to_contain_text("0 to 28.5")
        price.get_by_label("From").fill("6")
        price.get_by_label("From").press("Enter")
        expect(count(page)).to_have_text("16 pictures")
        price.get_by_label("To").fill("9")
        price.get_by_label("To").press("Enter")
        expect(count(page)).to_have_text("3 pictures")
        facet(page, "Sold").get_by_role("checkbox", name="true").check()
        expect(count(page)).to_have_text("2 pictures")
        assert names(page) == ["4.jpg", "6.jpg"]
        page.get_by_role("button", name="Clear all").click()
        expect(count(page)).to_have_text("20 pictures")
        facet(page, "Taken").get_by_label("From").fill("2026-01-19")
        facet(page, "Taken").get_by_label("From").press("Tab")
        expect(count(page)).to_have_text("2 pictures")


def test_what_is_typed_into_a_range_stays_while_the_counts_are_renewed(page, shelf):
    with own_index(page, shelf, {str(n): {"image_name": f"{n}.jpg", "price": n} for n in range(20)}) as index:
        open_gallery(page, shelf, f"index={index}")
        price = facet(page, "Price")
        held = []
        page.route("**/_msearch*", lambda route: held.append(route))
        price.get_by_label("From").fill("6")
        with page.expect_request("**/_msearch*"):
            price.get_by_label("From").press("Enter")
        expect(count(page)).to_have_text("14 pictures")
        price.get_by_label("To").fill("9")
        page.route("**/_msearch*", lambda route: route.continue_())
        for route in held:
            route.continue_()
        expect(page.locator(".facets")).to_have_attribute("aria-busy", "false")
        expect(price.get_by_label("To")).to_have_value("9")
        price.get_by_label("To").press("Enter")
        expect(count(page)).to_have_text("4 pictures")
        page.get_by_role("button", name="Remove the filter Price: 6 to 9").click()
        expect(price.get_by_label("From")).to_have_value("")
        expect(price.get_by_label("To")).to_have_value("")


def test_a_facet_with_many_values_shows_ten_and_more_on_demand(page, shelf):
    with own_index(page, shelf, {str(n): {"image_name": f"{n}.jpg", "street": f"street {n % 14:02d}"} for n in range(56)}) as index:
        open_gallery(page, shelf, f"index={index}")
        values = facet(page, "Street").locator(".facet-value")
        expect(values).to_have_count(10)
        facet(page, "Street").get_by_role("button", name="4 more").click()
        expect(values).to_have_count(14)


def test_search_by_name(page, shelf):
    open_gallery(page, shelf)
    page.get_by_label("Search by name").fill("00001")
    expect(count(page)).to_have_text("10 pictures")
    expect(page).to_have_url(re.compile("q=00001"))
    page.get_by_label("Search by name").fill("no-such-name")
    expect(page.get_by_role("heading", name="No matching pictures")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(count(page)).to_have_text(f"{PICTURES} pictures")
    expect(page.get_by_label("Search by name")).to_have_value("")


def test_the_order(page, shelf):
    open_gallery(page, shelf)
    first = names(page)[0]
    page.get_by_role("button", name="Ascending. Change to descending").click()
    expect(page.locator(".tile-name").first).not_to_have_text(first)
    assert names(page) == sorted(names(page), reverse=True)
    page.get_by_label("Sort by").select_option("trees")
    expect(page).to_have_url(re.compile("sort=trees"))
    expected = search(shelf, "clip-images", {"size": 5, "sort": [{"trees": "desc"}, {"image_name.keyword": "asc"}], "_source": ["image_name"]})["hits"]
    expect(page.locator(".tile-name").first).to_have_text(expected[0]["_source"]["image_name"])
    page.reload()
    expect(page.locator(".tile-name").first).to_have_text(expected[0]["_source"]["image_name"])
    assert names(page)[:5] == [hit["_source"]["image_name"] for hit in expected]


def test_the_keyboard_moves_between_pictures(page, shelf):
    open_gallery(page, shelf)
    tiles(page).first.focus()
    for key, place in (("ArrowRight", 1), ("ArrowDown", 6), ("ArrowLeft", 5), ("ArrowUp", 0), ("End", PICTURES - 1), ("ArrowRight", PICTURES - 1), ("Home", 0)):
        page.keyboard.press(key)
        expect(page.locator(f"[data-at='{place}']")).to_be_focused()
    assert page.locator(".tile-link[tabindex='0']").count() == 1
    page.keyboard.press("ArrowRight")
    name = names(page)[1]
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=name)).to_be_visible()
    page.keyboard.press("Escape")
    expect(detail(page)).to_be_hidden()
    expect(page.locator("[data-at='1']")).to_be_focused()
    assert "open=" not in page.url


def test_the_place_is_there_again_after_going_back(page, shelf):
    with own_index(page, shelf, {f"{n:04d}": {"image_name": f"{n:04d}.jpg"} for n in range(600)}) as index:
        open_gallery(page, shelf, f"index={index}")
        page.evaluate("scrollTo(0, 5000)")
        page.wait_for_function("() => history.state?.scroll === 5000")
        expect(page.locator("[data-at='150']")).to_have_text(re.compile(r"\S"))
        seen = page.locator("[data-at='150']").inner_text()
        page.get_by_role("link", name="Status").click()
        expect(page.locator(".gallery")).to_have_count(0)
        page.go_back()
        expect(page.locator("[data-at='150']")).to_have_text(seen)
        page.wait_for_function("() => scrollY === 5000")


@pytest.mark.parametrize("picture_field", [True, False])
def test_ten_thousand_documents_and_more_without_pictures(page, shelf, watch, picture_field):
    watch.allow("status of 404")  # documents without pictures
    total = 10_350
    properties = {"image_data": {"type": "binary"}} if picture_field else {}
    with own_index(page, shelf, {f"{n:05d}": {"image_name": f"{n:05d}.jpg", "group": n % 7} for n in range(total)}, properties) as index:
        open_gallery(page, shelf, f"index={index}")
        expect(count(page)).to_have_text("10,350 pictures")
        rows = total // 5
        height = page.evaluate("document.querySelector('.gallery').offsetHeight / document.querySelector('.gallery-row').offsetHeight")
        assert rows < height < rows * 1.2, "the scroll bar is true to the total"
        tiles(page).first.focus()
        page.keyboard.press("End")
        expect(page.locator(f"[data-at='{total - 1}'] .tile-name")).to_have_text(f"{total - 1:05d}.jpg")
        expect(page.locator(f"[data-at='{total - 1}']")).to_be_focused()
        assert page.locator(".tile").count() < 100
        page.keyboard.press("PageUp")
        page.keyboard.press("Home")
        expect(page.locator("[data-at='0'] .tile-name")).to_have_text("00000.jpg")

        # in the order of a number, descending, beyond the 10,000th
        page.goto(shelf.view("images", f"index={index}&sort=group&order=desc"))
        expect(page.locator("[data-at='0'] .tile-name")).to_have_text("00006.jpg")
        page.locator("[data-at='0']").focus()
        page.keyboard.press("End")
        last = max(n for n in range(total) if n % 7 == 0)
        expect(page.locator(f"[data-at='{total - 1}'] .tile-name")).to_have_text(f"{last:05d}.jpg")
        # and with the order reversed, those are first
        page.goto(shelf.view("images", f"index={index}&sort=group"))
        expect(page.locator("[data-at='0'] .tile-name")).to_have_text("00000.jpg")


def test_documents_that_lack_the_field_of_the_order_come_last_beyond_10000(page, shelf):
    total = 10_250
    with own_index(page, shelf, {f"{n:05d}": {"image_name": f"{n:05d}.jpg", **({"stars": n} if n < 50 else {})} for n in range(total)},
                   {"stars": {"type": "long"}}) as index:
        open_gallery(page, shelf, f"index={index}&sort=stars")
        tiles(page).first.focus()
        page.keyboard.press("End")
        expect(page.locator(f"[data-at='{total - 1}'] .tile-name")).to_have_text(f"{total - 1:05d}.jpg")


def test_numbers_longer_than_javascripts_keep_the_order_beyond_10000(page, shelf):
    total = 10_250
    with own_index(page, shelf, {f"{n:05d}": {"image_name": f"{n:05d}.jpg", "parcel": 1234567890123456789 + n} for n in range(total)},
                   {"parcel": {"type": "long"}}) as index:
        open_gallery(page, shelf, f"index={index}&sort=parcel")
        tiles(page).first.focus()
        page.keyboard.press("End")
        for place in (total - 1, total - 10, total - 20):
            expect(page.locator(f"[data-at='{place}'] .tile-name")).to_have_text(f"{place:05d}.jpg")


def test_rows_of_a_list_higher_than_a_browser_draws(page, shelf):
    open_gallery(page, shelf)
    found = page.evaluate("""async () => {
      const { heightsOf, layoutOf, rowsInSight, scrollFor, topOf } = await import("/page/modules/images/geometry.js");
      const [layout, view] = [layoutOf(1100), 800];
      const heights = heightsOf(1000000, layout, view);
      const end = heights.height - view;
      const sight = rowsInSight(end, view, layout, heights, 0);
      const middle = scrollFor(100000, layout, heights);
      return { height: heights.height, rows: heights.rows, last: sight.last, bottom: topOf(sight.last, end, layout, heights) + layout.rowHeight,
               middle: rowsInSight(middle, view, layout, heights, 0).first, drawn: topOf(100000, middle, layout, heights) - middle };
    }""")
    assert found["rows"] == 200_000 and found["height"] <= 15e6
    assert found["last"] == found["rows"] - 1 and abs(found["bottom"] - found["height"]) < 2
    assert found["middle"] in (99_999, 100_000) and abs(found["drawn"]) < 2


HOSTILE = ['<img src=x onerror="document.title=\'owned\'">.jpg', '"><script>document.title="owned"</script>', "&lt;b&gt; \u202egpj.exe", "a" * 300]


def test_names_and_attributes_are_text(page, shelf):
    picture = stored_picture(shelf, "clip-images", any_picture(shelf)["_id"])
    data = base64.b64encode(picture).decode()
    documents = {f'id"<b>/{at}': {"image_name": name, "image_data": data, "note": name, "<i>field</i>": "<u>value</u>", "long": "word " * 200}
                 for at, name in enumerate(HOSTILE)}
    with own_index(page, shelf, documents, {"image_data": {"type": "binary"}}) as index:
        open_gallery(page, shelf, f"index={index}")
        wait_for_pictures(page, ".tile", len(HOSTILE))
        assert sorted(page.locator(".tile-name").evaluate_all("all => all.map((one) => one.title)")) == sorted(HOSTILE)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator(".tile-link", has_text="<img").click()
        expect(page.get_by_role("heading", name=HOSTILE[0])).to_be_visible()
        expect(detail(page).locator(".attribute", has_text="<u>value</u>")).to_be_visible()
        long = detail(page).locator(".attribute", has_text="Long")
        assert len(long.locator("dd").inner_text()) < 400
        long.get_by_role("button", name="Show all").click()
        assert len(long.locator("dd").inner_text()) > 900
        wait_for_pictures(page, ".detail-picture")
        assert page.title() == "All images · Sightline"


def test_an_empty_index_says_how_to_fill_it(page, shelf):
    with own_index(page, shelf, {}) as index:
        page.goto(shelf.view("images", f"index={index}"))
        expect(page.get_by_role("heading", name=f"{index} is empty")).to_be_visible()
        expect(page.locator(".empty").get_by_role("button", name="Add pictures")).to_be_visible()


def test_a_store_that_does_not_answer(page, shelf, watch):
    watch.allow("status of (404|503)")
    refusal = json.dumps({"error": {"type": "unavailable", "reason": "all shards failed"}, "status": 503})
    page.route("**/elasticsearch/**/_search?*", lambda route: route.fulfill(status=503, body=refusal))
    page.goto(shelf.view("images"))
    expect(page.get_by_role("alert")).to_contain_text("The pictures of clip-images cannot be listed")
    expect(page.get_by_role("alert")).to_contain_text("all shards failed")
    page.unroute("**/elasticsearch/**/_search?*")
    page.get_by_role("button", name="Try again").click()
    expect(count(page)).to_have_text(f"{PICTURES} pictures")


# ---- one picture


def test_one_picture_with_all_that_is_known_of_it(page, shelf):
    hit = any_picture(shelf)
    source = es(shelf, "GET", f"/clip-images/_doc/{hit['_id']}")["_source"]
    open_gallery(page, shelf)
    tiles(page).first.click()
    expect(detail(page).get_by_role("heading", name=hit["_source"]["image_name"])).to_be_visible()
    wait_for_pictures(page, ".detail-picture")
    size = page.evaluate("""async (data) => { const one = new Image(); one.src = data; await one.decode(); return `${one.naturalWidth} × ${one.naturalHeight} pixels`; }""",
                         "data:image/jpeg;base64," + source["image_data"])
    expect(detail(page).get_by_text(size)).to_be_visible()
    for field in ("caption", "kind", "color"):
        expect(detail(page).locator(".attribute", has=page.locator(f"dt[title='{field}']")).locator("dd")).to_have_text(str(source[field]))
    expect(detail(page).locator(".detail-id code")).to_have_text(hit["_id"])
    text = detail(page).inner_text()
    assert source["image_data"][:40] not in text and "image_embedding" not in text
    with page.expect_download() as download:
        detail(page).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == hit["_source"]["image_name"]
    assert open(download.value.path(), "rb").read() == base64.b64decode(source["image_data"])
    detail(page).get_by_role("link", name="More like this").click()
    expect(page).to_have_url(re.compile(r"#/search\?like=clip-images%2F" + hit["_id"]))


def test_neighbours_are_those_of_each_model(page, shelf):
    hit = any_picture(shelf)
    open_gallery(page, shelf)
    tiles(page).first.click()
    for index, title in (("clip-images", "CLIP"), ("jina-images", "jina-clip")):
        vector = search(shelf, index, {"query": {"ids": {"values": [hit["_id"]]}}, "fields": ["image_embedding"], "_source": False})["hits"][0]["fields"]["image_embedding"]
        vector = vector[0] if isinstance(vector[0], list) else vector
        nearest = search(shelf, index, {"knn": {"field": "image_embedding", "query_vector": vector, "k": 7, "num_candidates": 100}, "size": 7, "_source": False})["hits"]
        nearest = [one for one in nearest if one["_id"] != hit["_id"]][:6]
        shown = detail(page).get_by_role("list", name=f"Nearest by {title}", exact=True)
        expect(shown).to_have_attribute("aria-busy", "false")
        expect(shown.locator(".neighbour-cosine")).to_have_count(6)
        assert [float(text) for text in shown.locator(".neighbour-score").all_inner_texts()] == pytest.approx([one["_score"] for one in nearest], abs=6e-5)
        cosines = [float(text.removeprefix("cosine ")) for text in shown.locator(".neighbour-cosine").all_inner_texts()]
        assert cosines == pytest.approx([2 * one["_score"] - 1 for one in nearest], abs=6e-4)
    wait_for_pictures(page, ".neighbours", 6)
    first = detail(page).get_by_role("list", name="Nearest by CLIP", exact=True).get_by_role("link").first
    name = first.get_attribute("title")
    first.click()
    expect(detail(page).get_by_role("heading", name=name)).to_be_visible()


def test_labels_and_their_probabilities(page, shelf):
    hit = any_picture(shelf)
    open_gallery(page, shelf)
    tiles(page).first.click()
    labels = detail(page).get_by_role("region", name="Labels")
    bars = labels.get_by_role("list", name="Probabilities by CLIP", exact=True)
    expect(bars.locator(".bar")).to_have_count(5)
    labels.get_by_label("Another label").fill("a <b>red</b> boat")
    labels.get_by_label("Another label").press("Enter")
    expect(bars.locator(".bar")).to_have_count(6)
    labels.get_by_role("button", name="Remove the label a kitchen").click()
    expect(bars.locator(".bar")).to_have_count(5)
    names_ = bars.locator(".bar-label").all_inner_texts()
    assert "a <b>red</b> boat" in names_ and "a kitchen" not in names_
    expect(bars).to_have_attribute("aria-busy", "false")
    picture = "data:image/jpeg;base64," + base64.b64encode(stored_picture(shelf, "clip-images", hit["_id"])).decode()
    asked = page.evaluate("""async ([picture, labels]) => {
      const { classify } = await import("/page/modules/server/sightline.js");
      return Object.fromEntries((await classify("clip", picture, labels)).map((one) => [one.label, one.probability]));
    }""", [picture, names_])
    shown = dict(zip(names_, (float(text.rstrip("%")) / 100 for text in bars.locator(".bar-number").all_inner_texts())))
    assert shown == pytest.approx(asked, abs=6e-3)
    page.reload()
    expect(bars.locator(".bar-label").nth(4)).to_have_text("a <b>red</b> boat")


def test_one_label_alone_is_not_asked_for(page, shelf, watch):
    open_gallery(page, shelf)
    tiles(page).first.click()
    labels = detail(page).get_by_role("region", name="Labels")
    for left in (4, 3, 2, 1):
        expect(labels.locator(".bars").first.locator(".bar")).to_have_count(left + 1)
        labels.get_by_role("button", name="Remove the label").first.click()
    expect(labels.get_by_role("status")).to_have_text("Add a label: at least 2 are compared.")
    expect(labels.get_by_role("alert")).to_have_count(0)
    expect(labels.locator(".bars")).to_have_count(0)
    labels.get_by_label("Another label").fill("a boat")
    labels.get_by_label("Another label").press("Enter")
    expect(labels.locator(".bars").first).to_have_attribute("aria-busy", "false")
    asked = [len(request.post_data_json["labels"]) for request in watch.requests if request.url.endswith("/v1/classify")]
    assert asked and min(asked) == 2


def test_steps_through_the_list(page, shelf):
    open_gallery(page, shelf)
    order = names(page)
    tiles(page).nth(1).click()
    heading = detail(page).get_by_role("heading", level=2)
    expect(heading).to_have_text(order[1])
    expect(detail(page).locator(".detail-position")).to_have_text(f"2 of {PICTURES}")
    page.keyboard.press("ArrowRight")
    expect(heading).to_have_text(order[2])
    detail(page).get_by_role("button", name="Previous picture").click()
    expect(heading).to_have_text(order[1])
    page.keyboard.press("ArrowLeft")
    expect(heading).to_have_text(order[0])
    expect(detail(page).get_by_role("button", name="Previous picture")).to_be_disabled()
    page.reload()
    expect(heading).to_have_text(order[0])
    page.go_back()
    expect(detail(page)).to_be_hidden()
    assert "open=" not in page.url


def test_a_step_that_arrives_late_does_not_open_what_was_closed(page, shelf, watch):
    watch.allow("status of 404")  # no pictures
    with own_index(page, shelf, {f"{n:04d}": {"image_name": f"{n:04d}.jpg"} for n in range(400)}) as index:
        open_gallery(page, shelf, f"index={index}")
        held = []
        page.route("**/_search*", lambda route: held.append(route) if '"from":100' in (route.request.post_data or "") else route.continue_())
        page.locator("[data-at='0']").focus()
        page.evaluate("""async ([index]) => {
          const { openDocument } = await import("/page/modules/images/opened.js");
          openDocument({ index, id: "0099" });
        }""", [index])
        with page.expect_request(lambda request: '"from":100' in (request.post_data or "")):
            detail(page).get_by_role("button", name="Next picture").click()
        page.keyboard.press("Escape")
        expect(detail(page)).to_be_hidden()
        with page.expect_response(lambda response: '"from":100' in (response.request.post_data or "")):
            held[0].continue_()
        expect(page.locator(".gallery")).to_be_visible()
        page.evaluate("() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
        expect(detail(page)).to_be_hidden()
        assert "open=" not in page.url


def test_a_picture_deleted_elsewhere(page, shelf, watch):
    watch.allow("status of 404")
    with own_index(page, shelf, {"one": {"image_name": "one.jpg"}, "two": {"image_name": "two.jpg"}}) as index:
        open_gallery(page, shelf, f"index={index}")
        es(shelf, "DELETE", f"/{index}/_doc/one?refresh=true")
        tiles(page).first.click()
        expect(page.get_by_role("heading", name="This picture no longer exists")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Refresh").click()
        expect(count(page)).to_have_text("1 picture")


# ---- adding and deleting


def new_picture(number):
    """A picture that no index holds: one of the drawings with bytes behind its end, which decoders leave alone."""
    return (DEMO / "pictures" / f"{number:06d}.jpg").read_bytes() + b"sightline " + secrets.token_bytes(8)


def delete(shelf, ids):
    for index in INDICES:
        for one in ids:
            shelf.es("DELETE", f"/{index}/_doc/{one}?refresh=true")


def add_dialog(page):
    return page.get_by_role("dialog", name="Add pictures")


def choose_files(page, files):
    page.locator(".gallery-head").get_by_role("button", name="Add pictures").click()
    add_dialog(page).get_by_label("Picture files").set_input_files(files)


def add(page):
    add_dialog(page).get_by_role("button", name=re.compile("^Add")).click()


@pytest.mark.parametrize("subtle", [True, False])
def test_add_pictures_to_both_indices(page, shelf, subtle):
    if not subtle:  # as on http, but for localhost
        page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined })")
    contents = [new_picture(100), new_picture(101), new_picture(102)]
    ids = [hashlib.sha256(content).hexdigest() for content in contents]
    files = [{"name": f"added-{at}.jpg", "mimeType": "image/jpeg", "buffer": content} for at, content in enumerate(contents)]
    broken = {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": contents[0][:2000]}
    text = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"these are words"}
    ids_of_all = [hashlib.sha256(file["buffer"]).hexdigest() for file in (*files, broken, text)]
    try:
        open_gallery(page, shelf)
        choose_files(page, [*files, broken, text])
        expect(add_dialog(page)).to_contain_text("5 files")
        add(page)
        expect(add_dialog(page).locator("[data-phase='finished']")).to_contain_text("6 documents added, 4 failed.")
        failures = add_dialog(page).locator("tbody tr")
        expect(failures).to_have_count(4)
        rows = [row.split("\t") for row in failures.all_inner_texts()]
        assert {(row[0], row[1]) for row in rows} == {(name, index) for name in ("broken.jpg", "notes.jpg") for index in INDICES}
        assert all(row[2].startswith("input 0: JPEG") for row in rows if row[0] == "broken.jpg"), rows
        assert all("not a supported picture" in row[2] for row in rows if row[0] == "notes.jpg"), rows
        add_dialog(page).locator(".dialog-body").get_by_role("button", name="Close").click()
        expect(count(page)).to_have_text(f"{PICTURES + 3} pictures")
        page.get_by_label("Search by name").fill("added-")
        expect(count(page)).to_have_text("3 pictures")
        wait_for_pictures(page, ".tile", 3)
        for index in INDICES:
            for one, content in zip(ids, contents):
                source = es(shelf, "GET", f"/{index}/_doc/{one}?_source_exclude_vectors=false")["_source"]
                assert base64.b64decode(source["image_data"]) == content
                assert len(source["image_embedding"]) == 128 and source["model_id"]
        choose_files(page, files[:2])
        add(page)
        expect(add_dialog(page).locator("[data-phase='finished']")).to_contain_text("0 documents added, 4 already there.")
    finally:
        page.close()
        delete(shelf, ids_of_all)


def test_a_folder_keeps_the_paths_below_it(page, shelf, tmp_path):
    folder = tmp_path / "holiday"
    (folder / "beach" / ".hidden").mkdir(parents=True)
    contents = {"beach/a.jpg": new_picture(103), "b.jpg": new_picture(104)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "beach" / ".hidden" / "c.jpg").write_bytes(new_picture(105))
    ids = [hashlib.sha256(content).hexdigest() for content in contents.values()]
    try:
        open_gallery(page, shelf)
        page.locator(".gallery-head").get_by_role("button", name="Add pictures").click()
        add_dialog(page).get_by_label("Folder of pictures").set_input_files(folder)
        expect(add_dialog(page)).to_contain_text("2 files")
        add_dialog(page).get_by_role("checkbox", name="jina-images").uncheck()
        add(page)
        expect(add_dialog(page).locator("[data-phase='finished']")).to_contain_text("2 documents added.")
        stored = [es(shelf, "GET", f"/clip-images/_doc/{one}?_source_includes=image_name")["_source"]["image_name"] for one in ids]
        assert stored == list(contents)
        assert shelf.es("GET", f"/jina-images/_doc/{ids[0]}")[0] == 404
    finally:
        page.close()
        delete(shelf, ids)


def test_a_folder_dropped_onto_the_gallery(page, shelf, tmp_path):
    folder = tmp_path / "dropped"
    (folder / "inside").mkdir(parents=True)
    contents = {"inside/d.jpg": new_picture(106), "e.jpg": new_picture(107)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    ids = [hashlib.sha256(content).hexdigest() for content in contents.values()]
    try:
        open_gallery(page, shelf)
        devtools = page.context.new_cdp_session(page)
        dragged = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 900, "y": 500, "data": dragged})
            if kind == "dragOver":
                expect(page.get_by_text("Drop pictures or folders to add them")).to_be_visible()
        expect(add_dialog(page)).to_contain_text("2 files")
        add(page)
        expect(add_dialog(page).locator("[data-phase='finished']")).to_contain_text("4 documents added.")
        assert es(shelf, "GET", f"/clip-images/_doc/{ids[0]}?_source_includes=image_name")["_source"]["image_name"] == "inside/d.jpg"
    finally:
        page.close()
        delete(shelf, ids)


def test_a_busy_cluster_is_asked_again(page, shelf, watch):
    watch.allow("status of 429")
    content = new_picture(108)
    id = hashlib.sha256(content).hexdigest()
    refused = []

    def refuse_once(route):
        if refused:
            return route.continue_()
        refused.append(route.request.url)
        return route.fulfill(status=429, body=json.dumps({"error": {"type": "es_rejected_execution_exception", "reason": "too many requests"}, "status": 429}))

    try:
        page.route("**/elasticsearch/_bulk*", refuse_once)
        open_gallery(page, shelf)
        choose_files(page, [{"name": "busy.jpg", "mimeType": "image/jpeg", "buffer": content}])
        add(page)
        expect(add_dialog(page).locator("[data-phase='finished']")).to_contain_text("2 documents added.")
        assert len(refused) == 1
    finally:
        page.close()
        delete(shelf, [id])


def test_pause_go_on_and_cancel(page, shelf):
    contents = [new_picture(110 + at) for at in range(12)]
    ids = [hashlib.sha256(content).hexdigest() for content in contents]
    held = []
    state = {"hold": True}
    try:
        page.route("**/elasticsearch/_bulk*", lambda route: held.append(route) if state["hold"] else route.continue_())
        open_gallery(page, shelf)
        choose_files(page, [{"name": f"many-{at:02d}.jpg", "mimeType": "image/jpeg", "buffer": content} for at, content in enumerate(contents)])
        add(page)
        page.wait_for_function("() => performance.getEntriesByType('resource').some((one) => one.name.includes('_mget'))")
        add_dialog(page).get_by_role("button", name="Pause").click()
        expect(add_dialog(page).get_by_role("status")).to_contain_text("Paused")
        state["hold"] = False
        for route in held:
            route.continue_()
        expect(add_dialog(page).get_by_role("status")).to_contain_text(re.compile(r"[48] of 24"))
        page.keyboard.press("Escape")
        strip = page.locator(".add-strip")
        expect(strip).to_contain_text("Paused")
        strip.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("24 documents added.")).to_be_visible()
        expect(count(page)).to_have_text(f"{PICTURES + 12} pictures")

        page.get_by_label("Search by name").fill("many-")
        expect(count(page)).to_have_text("12 pictures")
        wait_for_pictures(page, ".tile", 12)
        delete(shelf, ids)
        state["hold"] = True
        choose_files(page, [{"name": f"many-{at:02d}.jpg", "mimeType": "image/jpeg", "buffer": content} for at, content in enumerate(contents)])
        add(page)
        add_dialog(page).get_by_role("button", name="Cancel").click()
        expect(add_dialog(page).get_by_role("status")).to_contain_text("Cancelled")
    finally:
        page.close()
        delete(shelf, ids)


def press_delete(page, with_picture=True):
    """Once all is there that the page asks of the document: an answer 404 would be an error on the console."""
    if with_picture:
        wait_for_pictures(page, ".detail-picture")
        expect(detail(page).locator(".bars[aria-busy=false]")).to_have_count(len(INDICES))
    expect(detail(page).locator("[aria-busy=true]")).to_have_count(0)
    detail(page).get_by_role("button", name="Delete").click()


def test_delete_and_undo(page, shelf):
    hit = any_picture(shelf)
    before = {index: es(shelf, "GET", f"/{index}/_doc/{hit['_id']}?_source_exclude_vectors=false")["_source"] for index in INDICES}
    assert all(len(source["image_embedding"]) == 128 for source in before.values())
    open_gallery(page, shelf)
    tiles(page).first.click()
    press_delete(page)
    question = detail(page).get_by_role("group", name="Delete", exact=True)
    expect(question.get_by_role("checkbox", name="jina-images")).to_be_checked()
    question.get_by_role("button", name="Delete").click()
    expect(detail(page)).to_be_hidden()
    expect(count(page)).to_have_text(f"{PICTURES - 1} pictures")
    expect(page.locator(".tile-name").first).not_to_have_text(hit["_source"]["image_name"])
    assert [shelf.es("GET", f"/{index}/_doc/{hit['_id']}")[0] for index in INDICES] == [404, 404]
    page.get_by_role("button", name="Undo").click()
    expect(count(page)).to_have_text(f"{PICTURES} pictures")
    expect(page.locator(".tile-name").first).to_have_text(hit["_source"]["image_name"])
    after = {index: es(shelf, "GET", f"/{index}/_doc/{hit['_id']}?_source_exclude_vectors=false")["_source"] for index in INDICES}
    assert after == before


def stored_text(site, index, id):
    """The source as it is stored, byte for byte."""
    with urllib.request.urlopen(f"{site.elasticsearch}/{index}/_source/{id}?_source_exclude_vectors=false", timeout=30) as answer:
        return answer.read()


def delete_open_picture(page):
    press_delete(page, with_picture=False)
    detail(page).get_by_role("group", name="Delete", exact=True).get_by_role("button", name="Delete").click()
    expect(detail(page)).to_be_hidden()


def test_undo_keeps_the_digits_of_numbers_and_the_page_shows_them(page, shelf, watch):
    watch.allow("status of 404")  # no pictures
    properties = {"parcel": {"type": "long"}, "raw": {"type": "object", "enabled": False}}
    with own_index(page, shelf, {}, properties) as index:
        texts = {"one": '{"image_name":"one.jpg","parcel":1234567890123456789,"raw":{"price":1.50,"digits":0.12345678901234567890}}',
                 "two": '{"image_name":"two.jpg","parcel":9223372036854775807,"image_embedding":[0.5,0.5,0.5,0.5]}'}
        for id, text in texts.items():
            es(shelf, "PUT", f"/{index}/_doc/{id}?refresh=true", text)
            before = stored_text(shelf, index, id)
            open_gallery(page, shelf, f"index={index}&open={index}%2F{id}")
            expect(detail(page).locator(".attributes").first).to_contain_text(str(json.loads(text)["parcel"]))
            delete_open_picture(page)
            assert shelf.es("GET", f"/{index}/_doc/{id}")[0] == 404
            page.get_by_role("button", name="Undo").click()
            expect(page.get_by_text(f"{id}.jpg is back in {index}.")).to_be_visible()
            assert stored_text(shelf, index, id) == before
            page.goto("about:blank")


def test_what_cannot_be_put_back_can_be_tried_again(page, shelf, watch):
    watch.allow("status of (404|503)")
    with own_index(page, shelf, {"one": {"image_name": "one.jpg", "image_embedding": [0.5, 0.5, 0.5, 0.5]}, "two": {"image_name": "two.jpg"}}) as index:
        before = stored_text(shelf, index, "one")
        open_gallery(page, shelf, f"index={index}&open={index}%2Fone")
        delete_open_picture(page)
        page.route(re.compile("/_create/|/_bulk"), lambda route: route.fulfill(status=503, body='{"error":{"reason":"no primary shard"},"status":503}'), times=1)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("one.jpg could not be put back.")).to_contain_text("no primary shard")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text(f"one.jpg is back in {index}.")).to_be_visible()
        assert stored_text(shelf, index, "one") == before


def test_a_cluster_that_leaves_no_vectors_out_needs_no_parameter_for_them(page, shelf, watch):
    watch.allow("status of 40[04]")
    reason = "request [/x/_source/one] contains unrecognized parameter: [_source_exclude_vectors]"
    with own_index(page, shelf, {"one": {"image_name": "one.jpg"}}) as index:
        page.route("**/_source/**_source_exclude_vectors**", lambda route: route.fulfill(
            status=400, body=json.dumps({"error": {"type": "illegal_argument_exception", "reason": reason}, "status": 400})))
        open_gallery(page, shelf, f"index={index}&open={index}%2Fone")
        before = stored_text(shelf, index, "one")
        delete_open_picture(page)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text(f"one.jpg is back in {index}.")).to_be_visible()
        assert stored_text(shelf, index, "one") == before


def test_delete_from_one_index_and_keep_it(page, shelf):
    hit = any_picture(shelf)
    open_gallery(page, shelf)
    tiles(page).first.click()
    press_delete(page)
    question = detail(page).get_by_role("group", name="Delete", exact=True)
    question.get_by_role("button", name="Keep it").click()
    expect(question).to_be_hidden()
    detail(page).get_by_role("button", name="Delete").click()
    question.get_by_role("checkbox", name="jina-images").uncheck()
    question.get_by_role("button", name="Delete").click()
    expect(count(page)).to_have_text(f"{PICTURES - 1} pictures")
    assert shelf.es("GET", f"/jina-images/_doc/{hit['_id']}")[0] == 200
    page.get_by_role("button", name="Undo").click()
    expect(count(page)).to_have_text(f"{PICTURES} pictures")


def test_sha256_in_plain_script_is_that_of_the_browser(page, shelf):
    open_gallery(page, shelf)
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 70_000]
    found = page.evaluate("""async (lengths) => {
      const { sha256InScript } = await import("/page/modules/pictures/sha256.js");
      return Promise.all(lengths.map((length) => sha256InScript(Uint8Array.from({ length }, (_, at) => (at * 31 + length) & 255))));
    }""", lengths)
    assert found == [hashlib.sha256(bytes((at * 31 + length) & 255 for at in range(length))).hexdigest() for length in lengths]


# ---- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1440, "height": 900}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(open_page, shelf, axe, scheme, viewport):
    page = open_page(color_scheme=scheme, viewport=viewport)
    open_gallery(page, shelf, "f.kind.keyword=house")
    wait_for_pictures(page, ".tile", 2)
    axe(page)
    if viewport == PHONE:
        page.get_by_role("button", name="Filters").click()
        expect(page.locator(".drawer .facet-value").first).to_be_visible()
        axe(page)
        page.keyboard.press("Escape")
    page.locator(".gallery-head").get_by_role("button", name="Add pictures").click()
    expect(add_dialog(page).get_by_role("checkbox", name="clip-images")).to_be_visible()
    axe(page)
    page.keyboard.press("Escape")
    tiles(page).first.click()
    expect(detail(page).locator(".neighbour-cosine").last).to_be_visible()
    expect(detail(page).locator(".bars").last).to_have_attribute("aria-busy", "false")
    axe(page)
    detail(page).get_by_role("button", name="Delete").click()
    expect(detail(page).get_by_role("group", name="Delete", exact=True)).to_be_visible()
    axe(page)


def test_what_was_deleted_before_a_failure_can_be_put_back(page, shelf, watch):
    watch.allow("status of (404|503)")
    hit = any_picture(shelf)
    open_gallery(page, shelf)
    tiles(page).first.click()
    refuse = lambda route: route.fulfill(status=503, body='{"error":{"reason":"no primary shard"},"status":503}') if route.request.method == "DELETE" else route.continue_()
    page.route("**/jina-images/_doc/**", refuse)
    detail(page).get_by_role("button", name="Delete").click()
    detail(page).get_by_role("group", name="Delete", exact=True).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("was deleted from clip-images.")).to_contain_text("The rest was not deleted: no primary shard")
    assert [shelf.es("GET", f"/{index}/_doc/{hit['_id']}")[0] for index in INDICES] == [404, 200]
    page.get_by_role("button", name="Undo").click()  # no dialog covers it
    expect(page.get_by_text("is back in clip-images.")).to_be_visible()
    assert shelf.es("GET", f"/clip-images/_doc/{hit['_id']}")[0] == 200


def test_a_picture_opened_while_a_name_is_typed_stays_open(page, shelf):
    name = any_picture(shelf)["_source"]["image_name"]
    open_gallery(page, shelf)
    page.get_by_label("Search by name").fill(name)
    page.evaluate("document.querySelector('.tile-link').click()")
    expect(count(page)).to_have_text("1 picture")
    expect(detail(page)).to_be_visible()
    expect(page).to_have_url(re.compile(r"open=.*q=|q=.*open="))
