"""The view that compares: saved evaluations, maps of the pictures, texts against pictures."""

import math
import re
from base64 import b64encode
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from conftest import DEMO, call
from page_fixtures import PHONE, RUN, map_frames, settled, wait_for_pictures

INDEX = {"clip": "clip-images", "jina-clip": "jina-images"}


def embeddings(site, model, inputs, input_type):
    status, body = call("POST", f"{site.url}/v1/embeddings", {"model": model, "input": inputs, "input_type": input_type})
    assert status == 200, body
    return [one["embedding"] for one in body["data"]]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def cell_texts(page):
    return [[cell.locator("> span").first.inner_text() for cell in row.locator("td").all()] for row in page.locator(".matrix tbody tr").all()]


# ---- quality


def test_measures_are_those_that_were_saved_and_the_best_is_marked(site, report, page, axe):
    page.goto(site.view("compare", "task=text-to-image&set=captions"))
    rows = page.locator(".measure-table tbody tr")
    expect(rows.filter(has_text="recall@1right")).to_have_count(1)
    both = [report["text-to-image", "captions", model]["metrics"] for model in INDEX]
    assert both[0] != both[1]
    seen = 0
    for row in rows.all():
        name = row.locator("th").evaluate("(one) => one.firstChild.textContent")
        expected = [f"{metrics[name]:.3f}" for metrics in both]
        cells = row.locator("td").all()
        assert [re.search(r"\d\.\d+", cell.inner_text()).group() for cell in cells] == expected, name
        best = ["best" in (cell.text_content() or "") for cell in cells]
        assert best == ([False, False] if expected[0] == expected[1] else [value == max(expected) for value in expected]), name
        seen += 1
    assert seen == len(both[0])
    # The plots are drawn, and anew in other colours.
    colors = """() => [...document.querySelectorAll(".bars canvas")].map((one) => {
      const data = one.getContext("2d").getImageData(0, 0, one.width, one.height).data;
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      return seen;
    }).map((seen) => [seen.has(0xb93c0b), seen.has(0x1f6f8b), seen.has(0xff9d66), seen.has(0x6fc3dd)])"""
    page.wait_for_function(f"() => JSON.stringify(({colors})()) === '[[true,true,false,false],[true,true,false,false]]'")
    axe(page)
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function(f"() => JSON.stringify(({colors})()) === '[[false,false,true,true],[false,false,true,true]]'")
    axe(page)


def test_a_plot_fits_its_place_when_that_changes(site, report, page):
    page.goto(site.view("compare"))
    expect(page.locator(".bars canvas")).to_have_count(2)
    page.set_viewport_size(PHONE)
    page.wait_for_function("""() => [...document.querySelectorAll(".bars")].every((one) =>
      one.querySelector("canvas").getBoundingClientRect().width <= one.clientWidth + 1 && one.clientWidth < 390)""")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_sets_and_tasks_are_chosen_by_links(site, report, page):
    page.goto(site.view("compare"))
    page.get_by_role("navigation", name="Tasks").get_by_role("link", name="Image to image").click()
    expect(page.get_by_role("heading", name="pictures alike in kind and colour")).to_be_visible()
    page.get_by_role("navigation", name="Tasks").get_by_role("link", name="Text to image").click()
    page.get_by_role("link", name="hard negatives").click()
    expect(page.get_by_role("heading", name="hard negatives")).to_be_visible()
    threshold = report["text-to-image", "hard negatives", "clip"]["threshold"]
    card = page.locator(".threshold").first
    expect(card).to_contain_text(f"{threshold['cosine']:.3f}")
    expect(card).to_contain_text(f"Precision{threshold['precision'] * 100:.1f} %")
    expect(card).to_contain_text(f"min_score: {round(threshold['score'], 5):g}")
    cutoff = report["text-to-image", "hard negatives", "clip"]["direction_cutoff"]
    expect(page.get_by_role("heading", name="Cut-off for 1 % false positives")).to_be_visible()
    card = page.locator(".cutoffs .threshold").first
    expect(card).to_contain_text(f"{cutoff['cosine']:.3f} cosine, 95 % range {cutoff['lowest']:.3f} to {cutoff['highest']:.3f}")
    expect(card).to_contain_text(f"Wrong pairs{cutoff['wrong_pairs']:,}")
    expect(card).to_contain_text(f"similarity: {round(cutoff['cosine'], 4):g}")
    page.go_back()
    expect(page.get_by_role("heading", name="captions", exact=True)).to_be_visible()


def test_the_worst_queries_show_what_was_found_and_lead_to_a_search(site, report, page):
    page.goto(site.view("compare", "task=text-to-image&set=captions"))
    worst = report["text-to-image", "captions", "jina-clip"]["worst"]
    column = page.locator(".worst-column").nth(1)
    first = column.locator(".worst-item").first
    expect(first).to_contain_text(worst[0]["query"])
    first.scroll_into_view_if_needed()  # pictures are read when they come near
    assert wait_for_pictures(page, ".worst-column:nth-child(2) .worst-item:first-child .worst-picture", 6) == 6
    found = first.locator("ol.worst-pictures .worst-picture")
    for one, hit in zip(found.all(), worst[0]["found"]):
        label = one.get_attribute("aria-label")
        assert label.startswith("right" if hit["right"] else "wrong") and hit["name"] in label, (label, hit)
    # Each is the picture of that name in the model's own index.
    found.first.click()
    expect(page.get_by_role("dialog")).to_contain_text(worst[0]["found"][0]["name"])
    assert "open=jina-images%2F" in page.url
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(column.locator(".worst-item")).to_have_count(3)
    column.get_by_role("button", name=f"Show all {len(worst)}").click()
    expect(column.locator(".worst-item")).to_have_count(len(worst))
    first.get_by_role("link", name=worst[0]["query"]).click()
    expect(page.get_by_label("Words to search for")).to_have_value(worst[0]["query"])
    page.go_back()
    expect(page.locator(".worst-column")).to_have_count(2)


def test_pictures_that_ask_are_shown_and_so_are_the_texts_they_found(site, report, page, axe):
    page.goto(site.view("compare", "task=image-to-text"))
    worst = report["image-to-text", "pictures find their captions", "clip"]["worst"][0]
    first = page.locator(".worst-item").first
    wait_for_pictures(page, ".worst-item:first-child .worst-query .worst-picture", 1)
    assert [one.locator(".grow").inner_text() for one in first.locator("ol.worst-texts li").all()] == [hit["name"] for hit in worst["found"][:5]]
    expect(first.locator("ol.worst-texts li.is-right")).to_have_count(sum(hit["right"] for hit in worst["found"][:5]))
    axe(page)


def test_other_weights_than_those_measured_are_named(site, report, page):
    page.goto(site.view("compare", "run=" + RUN.replace(" ", "+")))
    expect(page.locator(".measured li")).to_have_count(2)
    expect(page.get_by_text("answers with other weights")).to_have_count(0)
    other = {**report["text-to-image", "captions", "clip"], "run": "older weights", "model_fingerprint": "0123456789abcdef", "date": "2024-05-01T00:00:00Z"}
    assert site.es("PUT", "/sightline-evaluations/_doc/older-weights?refresh=true", other)[0] == 201
    try:
        page.reload()
        page.get_by_label("Report").select_option("older weights")
        expect(page.get_by_text("CLIP answers with other weights now")).to_be_visible()
        expect(page.locator(".measured")).to_contain_text("0123456789abcdef")
        assert "run=older+weights" in page.url
    finally:
        site.es("DELETE", "/sightline-evaluations/_doc/older-weights?refresh=true")


def sign_in(page, site):
    page.get_by_label("Sightline's API key").fill(site.key)
    page.keyboard.press("Enter")


def test_without_a_report_the_page_says_how_to_make_one(keyed_site, page, watch, axe):
    watch.allow("status of 40[14]")
    page.goto(keyed_site.view("compare"))
    sign_in(page, keyed_site)
    expect(page.get_by_text("No evaluation is saved yet")).to_be_visible()
    expect(page.locator(".code-block")).to_contain_text(f"--server {keyed_site.url} --model clip --model jina-clip --save")
    axe(page)


# ---- the map


def projection(site, index):
    status, body = call("GET", f"{site.url}/v1/projections/{index}?field=image_embedding")
    assert status == 200, body
    return body["points"]


def open_map(page, site, query="", maps=1):
    page.goto(site.view("compare", "tab=map" + query))
    expect(page.locator(".map-frame canvas")).to_have_count(maps)
    page.wait_for_function("(maps) => document.querySelectorAll('.map-frame canvas[data-scale]').length === maps", arg=maps)


def scale(page):
    return float(page.locator(".map-frame canvas").first.get_attribute("data-scale"))


def pixel_of(page, points, point):
    """Where a point is on a map that shows everything, and has not been moved."""
    box = page.locator(".map-frame canvas").first.bounding_box()
    xs, ys = [one["x"] for one in points], [one["y"] for one in points]
    to_pixels = min((box["width"] - 96) / (max(xs) - min(xs)), (box["height"] - 96) / (max(ys) - min(ys)))
    return (box["x"] + box["width"] / 2 + (point["x"] - (max(xs) + min(xs)) / 2) * to_pixels,
            box["y"] + box["height"] / 2 + (point["y"] - (max(ys) + min(ys)) / 2) * to_pixels)


def loneliest(points):
    return max(points, key=lambda one: min(math.hypot(one["x"] - other["x"], one["y"] - other["y"]) for other in points if other is not one))


def test_a_point_shows_its_picture_and_opens_it(site, page):
    points = projection(site, "clip-images")
    open_map(page, site, "&dots=1")
    expect(page.get_by_role("application", name="Map of 400 pictures by CLIP")).to_be_visible()
    lone = loneliest(points)
    page.mouse.move(*pixel_of(page, points, lone))
    expect(page.locator(".map-card")).to_contain_text(lone["name"])
    wait_for_pictures(page, ".map-card")
    page.mouse.click(*pixel_of(page, points, lone))
    expect(page.get_by_role("dialog")).to_contain_text(lone["name"])
    assert lone["id"] in page.url
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.mouse.move(1, 1)
    expect(page.locator(".map-card")).to_have_count(0)
    assert "open=" not in page.url
    page.go_forward()  # closing was a step back
    expect(page.get_by_role("dialog")).to_contain_text(lone["name"])


def test_the_map_is_moved_by_wheel_buttons_and_keys(site, page):
    points = projection(site, "clip-images")
    open_map(page, site, "&dots=1")
    assert scale(page) == 1
    x, y = pixel_of(page, points, loneliest(points))
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_function("() => Number(document.querySelector('canvas').dataset.scale) > 1.5")
    expect(page.locator(".map-card")).to_contain_text(loneliest(points)["name"])  # what is under the pointer stays there
    page.mouse.down()
    page.mouse.move(x + 80, y + 30, steps=4)
    page.mouse.up()
    page.mouse.move(x + 81, y + 31)
    expect(page.locator(".map-card")).to_contain_text(loneliest(points)["name"])
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function("() => document.querySelector('canvas').dataset.scale === '1.00'")
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function("() => document.querySelector('canvas').dataset.scale === '1.60'")
    page.locator(".map-frame canvas").focus()
    for key, expected in (("0", "1.00"), ("+", "1.50"), ("-", "1.00")):
        page.keyboard.press(key)
        page.wait_for_function("(expected) => document.querySelector('canvas').dataset.scale === expected", arg=expected)
    page.keyboard.press("ArrowRight")
    said = page.locator(".map-frame [role=status]")
    expect(said).to_have_text(re.compile(r"\d{6}\.jpg"))
    name = said.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(name)


def test_pictures_appear_on_the_map_where_there_is_room(site, page):
    """A canvas of dots has the colours of the theme alone; pictures bring their own."""
    colours = """() => { const one = document.querySelector(".map-frame canvas");
      const data = one.getContext("2d").getImageData(0, 0, one.width, one.height).data; const seen = new Set();
      for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]); return seen.size; }"""
    open_map(page, site, "&dots=1")
    assert page.evaluate(colours) < 600
    page.get_by_label("Pictures", exact=True).check()
    page.wait_for_function(f"() => ({colours})() > 1000")


def test_words_number_the_nearest_pictures(site, page, axe):
    open_map(page, site)
    page.get_by_label("Nearest to words").fill("a pink bathroom")
    page.keyboard.press("Enter")
    expect(page.get_by_text("the 12 nearest to “a pink bathroom” are numbered")).to_be_visible()
    status, answer = site.es("POST", "/clip-images/_search", {"size": 12, "_source": ["image_name"], "knn": {
        "field": "image_embedding", "k": 12, "num_candidates": 100, "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": "a pink bathroom"}}}})
    assert status == 200, answer
    hits = answer["hits"]["hits"]
    listed = page.locator(".map-item")
    expect(listed).to_have_count(12)
    for i, (item, hit) in enumerate(zip(listed.all(), hits)):
        expect(item).to_contain_text(f"{i + 1}. {hit['_source']['image_name']}")
        expect(item).to_contain_text(f"cosine {2 * hit['_score'] - 1:.3f}")
    assert wait_for_pictures(page, ".map-item", 1) >= 1
    axe(page)
    page.reload()
    expect(listed).to_have_count(12)


def test_a_field_colours_the_map_and_names_are_found(site, page, axe):
    open_map(page, site)
    page.get_by_label("Colour by").select_option(label="Kind")
    status, answer = site.es("POST", "/clip-images/_search", {"size": 0, "aggs": {"kinds": {"terms": {"field": "kind.keyword", "size": 20}}}})
    assert status == 200, answer
    expected = sorted(f"{one['key']} {one['doc_count']}" for one in answer["aggregations"]["kinds"]["buckets"])
    legend = page.get_by_role("list", name="Legend").locator("li")
    expect(legend).to_have_count(len(expected))
    assert sorted(re.sub(r"\s*(\d+)$", r" \1", text) for text in legend.all_inner_texts()) == expected
    # Each has a shape of its own, or one that others have in another colour.
    marks = legend.locator("path").evaluate_all("(all) => all.map((one) => one.getAttribute('d'))")
    assert len(set(marks)) == len(marks)
    names = sorted(one["name"] for one in projection(site, "clip-images") if "00012" in one["name"])
    page.get_by_label("Name contains").fill("00012")
    expect(page.get_by_text(f"{len(names)} names match")).to_be_visible()
    page.get_by_text(f"List of the {len(names)} highlighted pictures").click()
    expect(page.locator(".map-item")).to_have_count(len(names))
    axe(page)
    page.locator(".map-item").nth(1).click()
    expect(page.get_by_role("dialog")).to_contain_text(names[1])


def test_two_models_stand_side_by_side(site, page):
    open_map(page, site)
    page.get_by_role("button", name="jina-clip").click()
    page.wait_for_function("() => document.querySelectorAll('.map-frame canvas[data-scale]').length === 2")
    left, right = (one.bounding_box() for one in page.locator(".map-frame").all())
    assert left["y"] == right["y"] and left["x"] + left["width"] < right["x"]
    assert page.get_by_role("application").evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))") == [
        "Map of 400 pictures by CLIP", "Map of 400 pictures by jina-clip"]
    page.reload()
    expect(page.locator(".map-frame canvas")).to_have_count(2)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_maps_have_the_same_colours_and_a_count_for_each(site, page):
    kinds = [{one["key"]: one["doc_count"] for one in site.es("POST", f"/{index}/_search", {"size": 0, "aggs": {"kinds": {"terms": {"field": "kind.keyword", "size": 20}}}})[1]
             ["aggregations"]["kinds"]["buckets"]} for index in ("clip-images", "jina-images")]
    page.goto(site.view("compare", "tab=map&map=clip-images%2Fimage_embedding&map=jina-images%2Fimage_embedding&color=kind.keyword"))
    legend = page.get_by_role("list", name="Legend").locator("li")
    expect(legend.first).to_contain_text("·")
    expected = sorted(f"{kind} {count} · {kinds[1][kind]}" for kind, count in kinds[0].items())
    assert sorted(re.sub(r"\s*(\d+ · \d+)$", r" \1", text) for text in legend.all_inner_texts()) == expected


def test_a_map_that_cannot_be_made_says_so_and_is_asked_for_again(site, page, watch):
    watch.allow("status of 503")
    failing = {"on": True}
    page.route("**/v1/projections/**", lambda route: route.fulfill(status=503, json={"error": {"message": "8 maps are being made: retry later"}}) if failing["on"] else route.continue_())
    page.goto(site.view("compare", "tab=map"))
    expect(page.get_by_role("alert")).to_contain_text("8 maps are being made: retry later")
    failing["on"] = False
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".map-frame canvas")).to_have_count(1)


def test_a_key_is_sent_with_a_maps_pictures(keyed_site, page, watch):
    watch.allow("status of 401")
    page.goto(keyed_site.view("compare", "tab=map"))
    sign_in(page, keyed_site)
    expect(page.get_by_role("application", name="Map of 24 pictures by CLIP")).to_be_visible()
    page.wait_for_function("""() => { const one = document.querySelector(".map-frame canvas");
      const data = one.getContext("2d").getImageData(0, 0, one.width, one.height).data; const seen = new Set();
      for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]); return seen.size > 1000; }""")
    assert not [request.url for request in watch.requests if "key" in request.url.lower()]


def test_a_frame_of_5000_points_is_drawn_at_once_and_faster_than_point_by_point(bare_site, page):
    page.goto(bare_site.view("status"))
    many, few = map_frames(page, 5000), map_frames(page, 50)
    assert many["calls"] == few["calls"]
    assert min(many["frames"]) < min(many["copies"]) / 2  # copies take a canvas without a graphics card more than a 60th of a second


# ---- the matrix


def column_vectors(site, model, index, ids):
    status, body = site.es("POST", f"/{index}/_search", {"size": len(ids), "query": {"ids": {"values": ids}}, "_source": False, "fields": ["image_embedding"]})
    assert status == 200, body
    stored = {hit["_id"]: hit["fields"]["image_embedding"] for hit in body["hits"]["hits"]}
    vectors = [stored[one] for one in ids]
    return [one[0] if isinstance(one[0], list) else one for one in vectors]


def open_matrix(page, site, texts, pictures, more=""):
    query = "".join(f"&t={quote(text)}" for text in texts) + "".join(f"&p={quote(picture, safe='')}" for picture in pictures)
    page.goto(site.view("compare", "tab=matrix" + query + more))


def wait_for_cells(page, count):
    expect(page.locator(".matrix-cell.number")).to_have_count(count)


@pytest.mark.parametrize("model", INDEX)
def test_cells_are_the_cosines_of_stored_vectors_and_texts(site, page, axe, model):
    ids = [one["_id"] for one in site.es("POST", "/clip-images/_search", {"size": 3, "_source": False, "sort": ["_doc"]})[1]["hits"]["hits"]]
    texts = ["a blue house in the snow", "a garden with a bench", "a pink bathroom"]
    open_matrix(page, site, texts, [f"clip-images/{one}" for one in ids], f"&model={model}")
    wait_for_cells(page, 9)
    assert wait_for_pictures(page, ".matrix-head", 3) == 3
    # The other model's index holds the same files under the same ids.
    pictures = column_vectors(site, model, INDEX[model], ids)
    cosines = [[dot(text, picture) for picture in pictures] for text in embeddings(site, model, texts, "query")]
    shown = cell_texts(page)
    for row, expected in zip(shown, cosines):
        assert [float(one) for one in row] == pytest.approx(expected, abs=6e-4)
    for row, expected in enumerate(cosines):
        marked = page.locator(".matrix tbody tr").nth(row).locator("td").filter(has_text="best picture for this text")
        expect(marked).to_have_count(1)
        expect(marked.locator("> span").first).to_have_text(shown[row][expected.index(max(expected))])
    axe(page)
    scale_of = {one["id"]: one.get("logit_scale") for one in call("GET", f"{site.url}/v1/models")[1]["data"]}[model]
    page.get_by_role("radio", name="Which text fits").check()
    expect(page.locator(".matrix-cell.number").first).to_contain_text("%")
    for column in range(3):
        powers = [math.exp(scale_of * row[column]) for row in cosines]
        shares = [100 * power / sum(powers) for power in powers]
        assert [float(row[column].removesuffix(" %")) for row in cell_texts(page)] == pytest.approx(shares, abs=0.6)
    assert "show=texts" in page.url
    axe(page)


def test_an_example_fits_and_its_pictures_can_be_changed(site, page, axe):
    page.goto(site.view("compare", "tab=matrix"))
    expect(page.get_by_role("button", name="Fill in an example")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Fill in an example").click()
    wait_for_cells(page, 25)
    # The captions of the pictures: the best are on the diagonal, for the most part.
    on_diagonal = sum("best text" in row.locator("td").nth(i).text_content() for i, row in enumerate(page.locator(".matrix tbody tr").all()))
    assert on_diagonal >= 4
    page.locator(".matrix-head").first.get_by_role("button", name=re.compile("^Remove")).click()
    wait_for_cells(page, 20)
    page.get_by_role("button", name="Choose pictures").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Nearest to words").fill("a swimming pool")
    page.keyboard.press("Enter")
    wait_for_pictures(page, ".choice", 1)
    status, answer = site.es("POST", "/clip-images/_search", {"size": 1, "_source": ["image_name"], "knn": {
        "field": "image_embedding", "k": 36, "num_candidates": 100, "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": "a swimming pool"}}}})
    name = answer["hits"]["hits"][0]["_source"]["image_name"]
    expect(dialog.locator(".choice").first).to_contain_text(name)
    axe(page)
    dialog.locator(".choice").first.click()
    expect(dialog.locator(".choice").first).to_have_attribute("aria-pressed", "true")
    dialog.get_by_role("button", name="Done").click()
    wait_for_cells(page, 25)
    expect(page.locator(".matrix-name").last).to_contain_text(name)
    page.reload()
    wait_for_cells(page, 25)


def test_own_pictures_and_words_need_no_elasticsearch(bare_site, page, axe):
    page.goto(bare_site.view("compare", "tab=matrix"))
    files = [DEMO / "pictures" / name for name in ("000000.jpg", "000010.jpg")]
    page.get_by_label("Picture file").first.set_input_files(files)
    expect(page.locator(".matrix-head")).to_have_count(2)
    hostile = "<img src=x onerror=alert(1)>"
    page.get_by_label("Texts, one per line").fill(f"a blue house in the snow\n\n  a pink bathroom \na pink bathroom\n{hostile}")
    wait_for_cells(page, 6)
    texts = ["a blue house in the snow", "a pink bathroom", hostile]
    assert page.locator(".matrix tbody th").all_inner_texts() == texts
    assert wait_for_pictures(page, ".matrix-head", 2) == 2
    pictures = embeddings(bare_site, "clip", ["data:image/jpeg;base64," + b64encode(one.read_bytes()).decode() for one in files], "document")
    for row, text in zip(cell_texts(page), embeddings(bare_site, "clip", texts, "query")):
        assert [float(one) for one in row] == pytest.approx([dot(text, picture) for picture in pictures], abs=6e-4)
    axe(page)
    page.reload()  # the pictures are this browser's, their digests in the address
    wait_for_cells(page, 6)
    expect(page.locator(".matrix-name").first).to_contain_text("000000.jpg")
    for tab, says in (("quality", "No Elasticsearch side"), ("map", "No pictures to map")):
        page.goto(bare_site.view("compare", f"tab={tab}"))
        expect(page.get_by_text(says)).to_be_visible()


def test_a_picture_that_cannot_be_read_fails_alone(bare_site, page, watch, tmp_path):
    watch.allow("status of 400")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((DEMO / "pictures" / "000010.jpg").read_bytes()[:600])
    page.goto(bare_site.view("compare", "tab=matrix&t=a+house"))
    page.get_by_label("Picture file").first.set_input_files([DEMO / "pictures" / "000000.jpg", broken])
    expect(page.locator(".matrix-error")).to_contain_text("JPEG")
    wait_for_cells(page, 1)
    # What is no picture at all is not sent.
    (tmp_path / "notes.txt").write_text("not a picture")
    page.get_by_label("Picture file").first.set_input_files(tmp_path / "notes.txt")
    expect(page.get_by_text("“notes.txt” is not a supported picture")).to_be_visible()
    expect(page.locator(".matrix-head")).to_have_count(2)


def test_a_picture_that_comes_while_a_text_is_typed_stays(bare_site, page):
    page.goto(bare_site.view("compare", "tab=matrix"))
    page.get_by_label("Picture file").first.set_input_files(DEMO / "pictures" / "000000.jpg")
    expect(page.locator(".matrix-head")).to_have_count(1)
    page.get_by_label("Texts, one per line").fill("a house")
    page.evaluate("""() => {
      history.replaceState(null, "", location.hash + "&p=own%3A0123456789abcdef");
      dispatchEvent(new Event("sightline:location"));
    }""")
    expect(page.locator(".matrix tbody th")).to_have_text(["a house"])
    expect(page.locator(".matrix-head")).to_have_count(2)


def test_the_newest_pictures_of_the_user_outlast_a_reload(bare_site, page):
    page.goto(bare_site.view("status"))
    digests = page.evaluate("""async () => {
      const { keepPicture } = await import("/page/modules/pictures/kept_pictures.js");
      const digests = Array.from({ length: 60 }, (_, i) => i.toString(16).padStart(8, "0"));
      for (const digest of digests) {
        await keepPicture({ digest, name: digest, blob: new Blob([digest]), dataUrl: "data:" });
        await new Promise((done) => setTimeout(done, 2)); // of another time
      }
      return digests;
    }""")
    look = """async (digests) => {
      const { keptPicture } = await import("/page/modules/pictures/kept_pictures.js");
      return (await Promise.all(digests.map(keptPicture))).map((one) => (one ? (one.dataUrl ? "here" : "stored") : "gone"));
    }"""
    assert page.evaluate(look, digests) == 10 * ["gone"] + 46 * ["stored"] + 4 * ["here"]
    page.reload()
    assert page.evaluate(look, digests) == 10 * ["gone"] + 50 * ["stored"]


def test_several_pictures_are_dropped_at_once(bare_site, page):
    page.goto(bare_site.view("compare", "tab=matrix&t=a+house"))
    expect(page.get_by_text("Texts against pictures")).to_be_visible()
    page.evaluate("""(files) => {
      const transfer = new DataTransfer();
      for (const [name, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
      for (const event of ["dragenter", "dragover", "drop"]) {
        document.querySelector("main").dispatchEvent(new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }));
      }
    }""", [[name, list((DEMO / "pictures" / name).read_bytes())] for name in ("000001.jpg", "000002.jpg", "000003.jpg")])
    wait_for_cells(page, 3)


def test_a_model_without_a_scale_has_cosines_alone(site, page):
    ids = [one["_id"] for one in site.es("POST", "/clip-images/_search", {"size": 2, "_source": False, "sort": ["_doc"]})[1]["hits"]["hits"]]
    open_matrix(page, site, ["a house", "a garden"], [f"clip-images/{one}" for one in ids], "&model=cohere&show=texts")
    wait_for_cells(page, 4)
    assert all("%" not in text for row in cell_texts(page) for text in row)
    expect(page.get_by_role("radio", name="Which text fits")).to_be_disabled()
    expect(page.get_by_text("Cohere has no logit scale")).to_be_visible()


def test_the_matrix_scrolls_inside_a_phone(site, open_page, axe):
    page = open_page(color_scheme="dark", viewport=PHONE)
    page.goto(site.view("compare", "tab=matrix"))
    page.get_by_role("button", name="Fill in an example").click()
    wait_for_cells(page, 25)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("() => { const one = document.querySelector('.matrix-scroll'); return one.scrollWidth > one.clientWidth; }")
    axe(page)
