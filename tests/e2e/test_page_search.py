"""The search view, as a person uses it: words, pictures, both, and what the columns say."""

import base64
import contextlib
import json
import os
import re
import signal
import subprocess

import pytest
from playwright.sync_api import expect

from conftest import DEMO, ROOT, TEST_CLUSTER
from page_fixtures import PHONE, on_one_site, temporary_index, wait_for_pictures

QUERY = "a red house with a pool at night"
PICTURE = DEMO / "pictures" / "000116.jpg"
COLUMNS = ("clip", "jina-clip", "cohere")
INDEX = {"clip": "clip-images", "jina-clip": "jina-images", "cohere": "embed-images"}


def column(page, model):
    return page.locator(f".column[data-column='{model}']")


def wait_for_columns(page, models=COLUMNS, state="done"):
    for model in models:
        expect(column(page, model)).to_have_attribute("data-state", state)


def names(page, model):
    return column(page, model).locator(".hit-name").all_inner_texts()


def scores(page, model):
    return [float(text) for text in column(page, model).locator(".hit-score").all_inner_texts()]


def cosines(page, model):
    return [float(text.removeprefix("cos ")) for text in column(page, model).locator(".hit-cosine").all_inner_texts()]


def search_words(page, site, words=QUERY):
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").fill(words)
    page.keyboard.press("Enter")
    wait_for_columns(page)


def choose(page, file):
    page.get_by_label("Picture file").set_input_files(file)


def drop(page, name, content, kind="image/jpeg"):
    """Drops a file of these bytes onto the page, as from a folder."""
    page.evaluate("""([name, bytes, type]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
      for (const event of ["dragenter", "dragover", "drop"]) {
        document.querySelector(".search-box").dispatchEvent(new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }));
      }
    }""", [name, list(content), kind])


def test_words_find_pictures_in_three_columns(site, page, axe):
    search_words(page, site)
    for model in COLUMNS:
        assert len(names(page, model)) == 4
        assert wait_for_pictures(page, f".column[data-column='{model}'] .hit", 4) == 4
        status, answer = site.es("POST", f"/{INDEX[model]}/_search", {
            "knn": {"field": "image_embedding", "k": 5, "num_candidates": 100, "boost": 10,
                    "query_vector_builder": {"text_embedding": {"model_id": f"{model}-search", "model_text": QUERY}}},
            "size": 4, "_source": ["image_name"]})
        assert status == 200, answer
        hits = answer["hits"]["hits"]
        assert names(page, model) == [hit["_source"]["image_name"] for hit in hits]
        assert scores(page, model) == pytest.approx([hit["_score"] for hit in hits], abs=6e-4)
        # boost * (1 + cosine) / 2, Elasticsearch's documentation of dense_vector
        assert cosines(page, model) == pytest.approx([hit["_score"] / 5 - 1 for hit in hits], abs=6e-4)
        expect(column(page, model).locator(".column-times")).to_have_text(re.compile(r"embedding \d.* · search \d"))
    axe(page)


def test_the_same_picture_is_marked_across_columns(site, page):
    search_words(page, site)
    found = {model: dict(zip(names(page, model), column(page, model).locator(".hit").all())) for model in COLUMNS}
    common = set(found["clip"]) & set(found["cohere"])
    assert common, "the stand-in for Cohere embeds with the demo model: some hits are the same"
    for name in common:
        letters = {hits[name].locator(".hit-mark").inner_text()[-1] for hits in found.values() if name in hits}
        assert len(letters) == 1
    name = sorted(common)[0]
    found["clip"][name].hover()
    expect(found["cohere"][name]).to_have_class(re.compile("is-lit"))
    # A column that is taken away marks nothing.
    page.goto(page.url + "&column=clip-images%2Fimage_embedding")
    expect(page.locator(".column")).to_have_count(1)
    expect(page.locator(".hit-mark")).to_have_count(0)
    assert len(names(page, "clip")) == 4


@pytest.mark.parametrize("way", ["chooser", "drop", "paste"])
def test_a_picture_finds_itself_first(site, page, way):
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").wait_for()
    if way == "chooser":
        choose(page, PICTURE)
    elif way == "drop":
        drop(page, "mine.jpg", PICTURE.read_bytes())
    else:
        page.evaluate("""(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
          document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true }));
        }""", list(PICTURE.read_bytes()))
    wait_for_columns(page)
    for model in COLUMNS:
        assert names(page, model)[0] == PICTURE.name
        assert cosines(page, model)[0] == pytest.approx(1, abs=1e-3)
    wait_for_pictures(page, ".chosen-picture", 1)


def press_and_wait_for_hits(page, key):
    """The hits of a new search: those of the one before are shown until then."""
    with page.expect_response("**/clip-images/_search*"):
        page.keyboard.press(key)
    wait_for_columns(page)


def test_a_picture_and_words_are_fused_by_a_slider(site, page):
    page.goto(site.view("search"))
    choose(page, PICTURE)
    wait_for_columns(page)
    by_picture = names(page, "clip")
    page.get_by_label("Words to search for").fill("a kitchen with an island")
    press_and_wait_for_hits(page, "Enter")
    slider = page.get_by_label("Share of the words beside the picture")
    slider.focus()
    press_and_wait_for_hits(page, "End")
    expect(page).to_have_url(re.compile("mix=1"))
    by_words_alone = names(page, "clip")
    press_and_wait_for_hits(page, "Home")
    expect(page).to_have_url(re.compile("mix=0"))
    assert names(page, "clip") == by_picture
    page.goto(site.view("search", "q=a+kitchen+with+an+island"))
    expect(page.locator(".chosen-picture")).to_have_count(0)
    wait_for_columns(page)
    assert names(page, "clip") == by_words_alone


def hold_digests(page):
    """Pictures are read as slowly as the test says: the first that is chosen from now on waits for window.release()."""
    page.evaluate("""() => {
      const digest = crypto.subtle.digest.bind(crypto.subtle);
      const held = new Promise((resolve) => { window.release = resolve; });
      let count = 0;
      window.ended = 0;
      crypto.subtle.digest = async (...what) => {
        if (++count === 1) await held;
        const done = await digest(...what);
        window.ended += 1;
        return done;
      };
    }""")


def release_digest(page):
    """The picture that was held goes on, to the end of what the page does with it."""
    page.evaluate("""async () => {
      const before = window.ended;
      window.release();
      const { keptPicture } = await import("/page/modules/pictures/kept_pictures.js");
      while (window.ended === before) await new Promise((resolve) => setTimeout(resolve));
      for (let turn = 0; turn < 3; turn += 1) await keptPicture("00000000"); // after what is being kept
    }""")


def test_words_typed_while_a_picture_is_read_stay(site, page):
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").wait_for()
    hold_digests(page)
    choose(page, PICTURE)
    page.get_by_label("Words to search for").fill("at night")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=at\+night"))
    release_digest(page)
    expect(page).to_have_url(re.compile(r"q=at\+night.*picture="))
    expect(page.get_by_label("Words to search for")).to_have_value("at night")
    wait_for_columns(page)


def test_the_newest_choice_of_a_picture_counts(site, page):
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").wait_for()
    hold_digests(page)
    choose(page, DEMO / "pictures" / "000000.jpg")
    drop(page, "newer.jpg", PICTURE.read_bytes())
    wait_for_columns(page)
    newest = page.url
    assert names(page, "clip")[0] == PICTURE.name
    release_digest(page)
    assert page.url == newest
    # A hit that is searched with, or another view, is a newer choice, too.
    for leave in (lambda: column(page, "clip").locator(".hit-like").nth(1).click(), lambda: page.get_by_role("link", name="Status").click()):
        hold_digests(page)
        choose(page, DEMO / "pictures" / "000001.jpg")
        before = page.url
        leave()
        expect(page).not_to_have_url(before)
        after = page.url
        release_digest(page)
        assert page.url == after


def test_back_from_a_closed_hit_leads_to_what_was_before_the_search(site, page):
    page.goto(site.view("status"))
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_label("Words to search for").fill(QUERY)
    page.keyboard.press("Enter")
    wait_for_columns(page)
    found = page.url
    column(page, "clip").locator(".hit-open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(found)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(site.view("search"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_more_like_this_goes_on_from_a_hit_and_back(site, page):
    search_words(page, site)
    before = names(page, "clip")
    hit = column(page, "clip").locator(".hit").first
    hit.hover()
    hit.get_by_text("More like this").click()
    expect(page).to_have_url(re.compile("like=clip-images"))
    expect(column(page, "clip").locator(".hit-name").first).not_to_have_text(before[0])
    wait_for_columns(page)
    assert before[0] not in names(page, "clip"), "the picture itself is not like itself"
    wait_for_pictures(page, ".hit", 12)
    wait_for_pictures(page, ".chosen-picture", 1)
    page.go_back()
    expect(column(page, "clip").locator(".hit-name").first).to_have_text(before[0])
    wait_for_columns(page)
    assert names(page, "clip") == before
    expect(page.get_by_label("Words to search for")).to_have_value(QUERY)


def test_a_reload_and_a_shared_link_give_the_same_view(site, page, open_page):
    page.goto(site.view("search", "q=a+blue+house&size=6&k=6&column=jina-images%2Fimage_embedding"))
    wait_for_columns(page, ["jina-clip"])
    expect(page.locator(".column")).to_have_count(1)
    found = names(page, "jina-clip")
    assert len(found) == 6
    page.reload()
    wait_for_columns(page, ["jina-clip"])
    assert names(page, "jina-clip") == found
    other = open_page()
    other.goto(page.url)
    wait_for_columns(other, ["jina-clip"])
    assert names(other, "jina-clip") == found


def test_an_uploaded_picture_survives_a_reload_and_is_missed_elsewhere(site, page, open_page):
    page.goto(site.view("search"))
    choose(page, PICTURE)
    wait_for_columns(page)
    found = names(page, "clip")
    page.reload()
    wait_for_columns(page)
    assert names(page, "clip") == found
    other = open_page()
    other.goto(page.url)
    expect(other.get_by_text("The picture of this search is not in this browser")).to_be_visible()


def test_the_request_can_be_copied_and_gives_the_same_hits(site, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    search_words(page, site)
    page.get_by_label("Request of CLIP").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Copy").click()
    expect(dialog.get_by_text("Copied")).to_be_visible()
    text = page.evaluate("() => navigator.clipboard.readText()")
    line, body = text.split("\n", 1)
    assert line == "GET clip-images/_search"
    body = json.loads(body)
    assert body["knn"]["query_vector_builder"] == {"text_embedding": {"model_id": "clip-search", "model_text": QUERY}}
    assert (body["size"], body["knn"]["k"], body["knn"]["num_candidates"], body["knn"]["boost"]) == (4, 5, 100, 10)
    status, answer = site.es("POST", "/clip-images/_search", body)
    assert status == 200 and [hit["_source"]["image_name"] for hit in answer["hits"]["hits"]] == names(page, "clip")
    dialog.get_by_label("curl").check()
    dialog.get_by_text("Copy").click()
    expect(dialog.get_by_text("Copied")).to_be_visible()
    command = page.evaluate("() => navigator.clipboard.readText()")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert [hit["_source"]["image_name"] for hit in json.loads(done.stdout)["hits"]["hits"]] == names(page, "clip")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_numbers_of_the_request_can_be_changed(site, page, axe):
    search_words(page, site)
    page.get_by_role("button", name="Settings").click()
    settings = page.get_by_label("Settings", exact=True).last
    settings.locator("[name=size]").fill("8")
    settings.locator("[name=k]").fill("8")
    settings.locator("[name=boost]").fill("1")
    page.keyboard.press("Tab")
    expect(page).to_have_url(re.compile("size=8&k=8&boost=1"))
    expect(column(page, "clip").locator(".hit")).to_have_count(8)
    wait_for_columns(page)
    assert all(0 <= score <= 1 for score in scores(page, "clip"))
    axe(page)
    settings.locator("[name=k]").fill("nonsense")
    page.keyboard.press("Tab")
    expect(settings.locator("[name=k]")).to_have_value("8")
    settings.get_by_text("Back to the defaults").click()
    expect(column(page, "clip").locator(".hit")).to_have_count(4)


def test_words_and_vectors_together(site, page, watch):
    page.goto(site.view("search", f"q={QUERY.replace(' ', '+')}&mode=weighted&weight=2"))
    wait_for_columns(page)
    vectors_alone = [5 * (1 + cosine) for cosine in cosines(page, "clip")]
    assert all(score > alone + 0.5 for score, alone in zip(scores(page, "clip"), vectors_alone)), "BM25 adds to the score"
    # By rank: a cluster that has it answers; one that lacks it, or its licence, says so in each column.
    watch.allow("status of 4")
    with page.expect_response("**/clip-images/_search*") as answer:
        page.goto(site.view("search", "q=a+house&mode=rrf"))
    assert TEST_CLUSTER or answer.value.status == 400
    wait_for_columns(page, ["clip"], "done" if answer.value.ok else "failed")
    if answer.value.ok:
        assert len(names(page, "clip")) == 4
    else:
        expect(column(page, "clip").get_by_role("alert")).to_contain_text(re.compile("rrf|licen", re.I))


@contextlib.contextmanager
def own_index(page, site, name, documents, properties=None):
    """An index of clip's vectors with these documents, {id: source}."""
    vectors = {"type": "dense_vector", "dims": 128, "index": True, "similarity": "cosine"}
    status, answer = site.es("PUT", f"/{name}", {"mappings": {
        "_meta": {"sightline": {"image_embedding": {"model": "clip"}}},
        "properties": {"image_name": {"type": "keyword"}, "image_data": {"type": "binary"}, "caption": {"type": "text"}, "image_embedding": vectors, **(properties or {})}}})
    assert status == 200, answer
    with temporary_index(page, site, name):
        for id, source in documents.items():
            status, answer = site.es("PUT", f"/{name}/_doc/{id}?refresh=true", source)
            assert status == 201, answer
        yield name


def test_a_hit_by_its_text_alone_has_no_cosine(site, page, watch):
    watch.allow("status of 404")  # no pictures
    documents = {"text": {"image_name": "text.jpg", "caption": "zebra zebra quagga"},
                 "both": {"image_name": "both.jpg", "caption": "a zebra", "image_embedding": [1.0] + [0.0] * 127}}
    with own_index(page, site, "page-fused", documents) as index:
        place = f"q=zebra+quagga&mode=weighted&column={index}%2Fimage_embedding"
        page.goto(site.view("search", place))
        hit = {name: page.locator(".hit").filter(has_text=f"{name}.jpg") for name in documents}
        expect(hit["text"].locator(".hit-score")).to_have_text(re.compile(r"^\d"))
        expect(hit["text"].locator(".hit-cosine")).to_have_count(0)
        expect(hit["text"].locator(".hit-score")).to_have_attribute("title", re.compile("of the text alone"))
        assert -1 <= float(hit["both"].locator(".hit-cosine").inner_text().removeprefix("cos ")) <= 1
        # Its words were found: only what has a cosine can be below a threshold.
        page.goto(site.view("search", f"{place}&hide=1&t.clip=0.99"))
        expect(page.locator(".hits-hidden")).to_contain_text("1 of 2 hidden")
        expect(page.locator(".hit-name")).to_have_text(["text.jpg"])


def test_a_search_reads_no_pictures_and_no_vectors(site, page):
    vector = [1.0] + [0.0] * 127
    picture = "/9j/" + "A" * 4000
    document = {"image_name": "row.jpg", "image_data": picture, "kitchen_data": picture, "image_embedding": vector, "kitchen_embedding": vector,
                "parcel": 1234567890123456789}
    properties = {"kitchen_data": {"type": "binary"}, "kitchen_embedding": {"type": "dense_vector", "dims": 128}, "parcel": {"type": "long"}}
    with own_index(page, site, "page-rows", {"row": document}, properties) as index:
        page.route(f"**/pictures/{index}/**", lambda route: route.fulfill(path=PICTURE, content_type="image/jpeg"))
        with page.expect_response(f"**/{index}/_search*") as answer:
            page.goto(site.view("search", f"q=a+house&column={index}%2Fimage_embedding"))
        assert sorted(answer.value.json()["hits"]["hits"][0]["_source"]) == ["image_name", "parcel"]
        expect(page.locator(".hit-lead")).to_have_text("parcel 1234567890123456789")


def test_what_is_probably_wrong_can_be_hidden(site, page):
    search_words(page, site)
    page.goto(site.view("search", f"q={QUERY.replace(' ', '+')}&hide=1&t.clip=0.99&t.jina-clip=-1"))
    expect(column(page, "clip").locator(".hit")).to_have_count(0)
    expect(column(page, "clip").get_by_text("4 of 4 hidden: cosine below 0.99")).to_be_visible()
    expect(column(page, "jina-clip").locator(".hit")).to_have_count(4)


def test_thresholds_of_judged_queries_are_the_default(site, report, page):
    thresholds = {model: document["direction_threshold"]["cosine"] for (direction, _, model), document in report.items() if direction == "text-to-image"}
    page.goto(site.view("search", f"q={QUERY.replace(' ', '+')}&hide=1&size=20&k=20"))
    wait_for_columns(page)
    for model in ("clip", "jina-clip"):
        status, answer = site.es("POST", f"/{INDEX[model]}/_search", {
            "knn": {"field": "image_embedding", "k": 20, "num_candidates": 100,
                    "query_vector_builder": {"text_embedding": {"model_id": f"{model}-search", "model_text": QUERY}}}, "size": 20, "_source": False})
        assert status == 200
        good = sum(2 * hit["_score"] - 1 >= thresholds[model] for hit in answer["hits"]["hits"])
        assert 0 < good < 20, "the query has right and wrong hits among twenty"
        expect(column(page, model).locator(".hit")).to_have_count(good)
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_text(f"measured: {thresholds['clip']:.2f}")).to_be_visible()
    cutoff = next(document["direction_cutoff"]["cosine"] for (direction, _, model), document in report.items() if (direction, model) == ("text-to-image", "clip"))
    assert cutoff < thresholds["clip"], "it shows more than the threshold"
    page.get_by_role("button", name=f"clip: cut-off for 1 %, {cutoff:.2f}", exact=False).click()
    status, answer = site.es("POST", f"/{INDEX['clip']}/_search", {
        "knn": {"field": "image_embedding", "k": 20, "num_candidates": 100, "similarity": cutoff,
                "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": QUERY}}}, "size": 20, "_source": False})
    assert status == 200
    expect(column(page, "clip").locator(".hit")).to_have_count(len(answer["hits"]["hits"]))


def test_filters_narrow_every_column(site, page):
    page.goto(site.view("search", "q=a+house&f.color.keyword=blue"))
    wait_for_columns(page)
    for model in COLUMNS:
        assert len(names(page, model)) == 4
        colors = column(page, model).locator(".hit-attributes").all_inner_texts()
        assert all("color blue" in one for one in colors), colors
    page.get_by_role("button", name=re.compile("Filters")).click()
    expect(page.get_by_text("blue", exact=True).first).to_be_visible()


def test_files_that_are_no_pictures_are_refused_in_words(site, page):
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").wait_for()
    for name, content, reason in [
        ("notes.txt", b"no picture at all", "is not a supported picture"),
        ("empty.jpg", b"", "is empty"),
        ("clip.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "is a video"),
        ("scan.tif", b"II*\0\x08\0\0\0", "is a TIFF picture"),
    ]:
        drop(page, name, content)
        expect(page.get_by_role("status").get_by_text(reason).last).to_be_visible()
    page.evaluate("""() => {
      const transfer = new DataTransfer();
      const bytes = new Uint8Array(31457280); bytes.set([0xff, 0xd8, 0xff]);
      const { arrayBuffer } = Blob.prototype; // browsers do not read files of gigabytes at once
      Blob.prototype.arrayBuffer = function () { return this.size > 1e6 ? Promise.reject(new DOMException("", "NotReadableError")) : arrayBuffer.call(this); };
      transfer.items.add(new File([bytes], "huge.jpg", { type: "image/jpeg" }));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }""")
    expect(page.get_by_text("“huge.jpg” has 30 MB; the limit is 20 MB")).to_be_visible()
    expect(page.locator(".chosen-picture")).to_have_count(0)


@pytest.mark.parametrize("name", ["heif_420.heic", "heif_12bit.avif"])
def test_a_phones_picture_is_searched_with_even_if_this_browser_cannot_show_it(site, page, name):
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").wait_for()
    drop(page, name, (ROOT / "tests/fixtures/images" / name).read_bytes(), "")
    wait_for_columns(page)
    for model in COLUMNS:
        assert len(names(page, model)) == 4
    expect(page.locator(".chosen-picture")).to_have_count(1)


def test_a_cut_picture_fails_in_the_models_words_and_the_page_goes_on(site, page, watch):
    watch.allow("status of 400")
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").wait_for()
    drop(page, "cut.jpg", PICTURE.read_bytes()[:3000])
    wait_for_columns(page, state="failed")
    expect(column(page, "clip").get_by_role("alert")).to_contain_text("JPEG ends after 3,000")
    page.get_by_label("Remove the picture").click()
    page.get_by_label("Words to search for").fill(QUERY)
    page.keyboard.press("Enter")
    wait_for_columns(page)


def test_a_column_that_hangs_leaves_the_others_whole(site, page):
    pid = site.cohere.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        page.goto(site.view("search", "q=a+house+nobody+asked+for+yet"))
        wait_for_columns(page, ["clip", "jina-clip"])
        wait_for_pictures(page, ".column[data-column='clip'] .hit", 4)
        wait_for_pictures(page, ".column[data-column='jina-clip'] .hit", 4)
        assert column(page, "cohere").get_attribute("data-state") == "loading"
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for_columns(page, ["cohere"])


def test_markup_in_names_is_text(site, page, watch):
    watch.allow("status of 404.*pictures/page-hostile")  # it has no picture
    name = "<img src=x onerror=alert(1)><b>bold</b>.jpg"
    vector = [1.0] + [0.0] * 127
    status, _ = site.es("PUT", "/page-hostile", {"mappings": {
        "_meta": {"sightline": {"image_embedding": {"model": "clip"}}},
        "properties": {"image_name": {"type": "keyword"}, "image_embedding": {"type": "dense_vector", "dims": 128, "index": True, "similarity": "cosine"}}}})
    assert status == 200
    with temporary_index(page, site, "page-hostile"):
        status, _ = site.es("PUT", "/page-hostile/_doc/a%2Fb%20%3Ci%3E?refresh=true", {"image_name": name, "caption": "<script>alert(2)</script>", "image_embedding": vector})
        assert status == 201
        page.goto(site.view("search", "q=a+house&column=page-hostile%2Fimage_embedding"))
        expect(page.locator(".hit-name")).to_have_text(name)
        expect(page.locator(".hit-lead")).to_have_text("<script>alert(2)</script>")
        expect(page.locator(".picture-missing")).to_be_visible()


def test_another_index_of_a_model_does_not_replace_its_column(site, page):
    with own_index(page, site, "a-page-clip", {}) as index:
        search_words(page, site)
        head = column(page, "clip").get_by_role("heading")
        expect(head).to_contain_text("clip-images")
        assert len(names(page, "clip")) == 4
        expect(column(page, "cohere").get_by_role("heading")).not_to_contain_text("embed-images")
        page.goto(site.view("search", f"q=a+house&column={index}%2Fimage_embedding"))
        expect(head).to_contain_text(index)
        expect(column(page, "clip").get_by_text("No hits")).to_be_visible()


def test_an_index_of_another_model_says_so(site, page):
    status, _ = site.es("PUT", "/page-other-dims", {"mappings": {
        "_meta": {"sightline": {"image_embedding": {"model": "clip"}}},
        "properties": {"image_embedding": {"type": "dense_vector", "dims": 64, "index": True, "similarity": "cosine"}}}})
    assert status == 200
    with temporary_index(page, site, "page-other-dims"):
        page.goto(site.view("search", "q=a+house&column=page-other-dims%2Fimage_embedding"))
        expect(page.get_by_role("alert")).to_contain_text(re.compile("no endpoint|dims"))


def test_by_keyboard_alone(site, page):
    page.goto(site.view("search"))
    page.get_by_label("Words to search for").wait_for()
    page.keyboard.press("/")
    page.keyboard.type(QUERY)
    page.keyboard.press("Enter")
    wait_for_columns(page)
    first = column(page, "clip").locator(".hit-open").first
    for _ in range(100):
        if first.evaluate("(one) => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert first.evaluate("(one) => one === document.activeElement"), "the focus is where it was"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("like="))
    wait_for_columns(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_start_and_the_columns_are_accessible(site, open_page, axe, scheme):
    page = open_page(color_scheme=scheme, viewport=PHONE)
    page.goto(site.view("search"))
    wait_for_pictures(page, ".start-pictures li", 12)
    axe(page)
    page.get_by_role("link", name="a kitchen with an island").click()
    wait_for_columns(page)
    wait_for_pictures(page, ".hit", 12)
    axe(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out of a phone's screen"


def test_state_made_up_by_hand_is_read_as_far_as_it_makes_sense(site, page):
    page.goto(site.view("search", "q=a+house&size=-3&k=1e9&candidates=NaN&boost=&mix=7&mode=%3Cb%3E&t.clip=nine&column=no%2Fsuch&like=&picture=../../x&open="))
    wait_for_columns(page)
    assert len(names(page, "clip")) == 4


def test_long_words_are_not_cut_within_a_character(site, page):
    page.goto(site.view("search", "q=" + "a" * 4095 + "%F0%9F%98%80&column=clip-images%2Fimage_embedding"))
    wait_for_columns(page, ["clip"])
    assert page.get_by_label("Words to search for").input_value() == "a" * 4095


def houses(site, front, kitchen):
    """Documents of a front and a kitchen (docs/ingest.md): {id: source} and the mapping of what own_index() has not."""
    def vector(content):
        status, answer = site.es("POST", "/_inference/text_embedding/clip-ingest", {"input": ["data:image/jpeg;base64," + base64.b64encode(content).decode()]})
        assert status == 200, answer
        return answer["text_embedding"][0]["embedding"]

    source = {"image_name": "one", "image_data": base64.b64encode(front).decode(), "kitchen_data": base64.b64encode(kitchen).decode(),
              "image_embedding": vector(front), "kitchen_embedding": vector(kitchen)}
    return ({"one": source, "two": {**source, "image_name": "two"}},
            {"kitchen_data": {"type": "binary"}, "kitchen_embedding": {"type": "dense_vector", "dims": 128, "index": True, "similarity": "cosine"}})


def test_a_column_shows_the_pictures_of_its_vectors_and_asks_for_others_like_them(site, page):
    documents, properties = houses(site, PICTURE.read_bytes(), PICTURE.with_name("000117.jpg").read_bytes())
    with own_index(page, site, "page-houses", documents, properties) as index:
        site.es("PUT", f"/{index}/_mapping", {"_meta": {"sightline": {"image_embedding": {"model": "clip"}, "kitchen_embedding": {"model": "clip"}}}})
        fields = ("image_embedding", "kitchen_embedding")
        shown = "&".join(f"column={index}%2F{field}" for field in fields)
        page.goto(site.view("search", f"q=a+house&{shown}"))
        columns = page.locator(".column")
        expect(columns).to_have_count(2)
        fronts, kitchens = columns.nth(0).locator(".hit"), columns.nth(1).locator(".hit")
        expect(fronts.first.locator("img")).not_to_have_attribute("src", re.compile("field="))
        expect(kitchens.first.locator("img")).to_have_attribute("src", re.compile("field=kitchen_data"))
        kitchens.filter(has_text="one").get_by_text("More like this").click()
        expect(page).to_have_url(re.compile(f"like={index}%2Fone&like.field=kitchen_data"))
        page.goto(f"{page.url}&{shown}")
        page.reload()
        expect(page.locator(".chosen-picture img")).to_have_attribute("src", re.compile("field=kitchen_data"))
        for column_ in columns.all():
            expect(column_).to_have_attribute("data-state", "done")
            expect(column_.locator(".hit-name")).to_have_text(["two"])
        # The stored vector of a kitchen is not what a front's column is searched with: the two have the same kitchen, not the same front.
        assert float(kitchens.locator(".hit-cosine").inner_text().removeprefix("cos ")) == pytest.approx(1, abs=2e-3)
        assert float(fronts.locator(".hit-cosine").inner_text().removeprefix("cos ")) < 0.99
        kitchens.locator(".hit-open").click()
        expect(page).to_have_url(re.compile("open.field=kitchen_data"))
        expect(page.locator(".detail-picture img")).to_have_attribute("src", re.compile("field=kitchen_data"))


def test_a_link_to_a_document_finds_its_only_field_of_pictures(site, page):
    picture = {"photo_data": base64.b64encode(PICTURE.read_bytes()).decode()}
    status, answer = site.es("PUT", "/page-photos", {"mappings": {
        "_meta": {"sightline": {"photo_embedding": {"model": "clip"}}},
        "properties": {"photo_data": {"type": "binary"}, "photo_embedding": {"type": "dense_vector", "dims": 128, "index": True, "similarity": "cosine"}}}})
    assert status == 200, answer
    with temporary_index(page, site, "page-photos"):
        assert site.es("PUT", "/page-photos/_doc/one?refresh=true", picture)[0] == 201
        page.goto(site.view("search", "like=page-photos%2Fone"))
        wait_for_columns(page, ("clip", "jina-clip"))
        wait_for_pictures(page, ".chosen-picture", 1)


@on_one_site
def test_endpoints_that_cannot_be_read_are_named_and_asked_for_again(site, page, watch):
    watch.allow("status of 503")
    page.route("**/_inference/_all", lambda route: route.fulfill(status=503, body='{"error":{"type":"x","reason":"no shard of .inference"},"status":503}'), times=1)
    page.goto(site.view("search", "q=a+house"))
    note = page.locator(".search-note")
    expect(note).to_contain_text("no shard of .inference")
    expect(column(page, "clip").get_by_role("alert")).to_contain_text("the inference endpoints cannot be read")
    note.get_by_role("button", name="Try again").click()
    wait_for_columns(page)
    expect(note).to_have_count(0)


@on_one_site
def test_a_provider_that_refuses_its_key_fails_in_its_column_alone(site, page, watch):
    watch.allow("status of 401")
    reason = "Received an authentication error status code for request from inference entity id [cohere-search] status [401]. Error message: [invalid api token]"
    page.route("**/_inference/text_embedding/cohere-search", lambda route: route.fulfill(
        status=401, body=json.dumps({"error": {"type": "status_exception", "reason": reason}, "status": 401})))
    page.goto(site.view("search", "q=a+house"))
    expect(column(page, "cohere").get_by_role("alert")).to_contain_text("invalid api token")
    wait_for_columns(page, ("clip", "jina-clip"))
    expect(page.get_by_role("dialog")).to_have_count(0)


@on_one_site
def test_going_back_closes_the_request_of_a_search(site, page):
    page.goto(site.view("search"))
    choose(page, PICTURE)
    wait_for_columns(page)
    page.goto(site.view("search", "q=a+blue+house"))
    wait_for_columns(page)
    column(page, "clip").get_by_role("button", name="Request of CLIP").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()  # no hits until the picture is read again
    expect(page.get_by_role("dialog")).to_have_count(0)
    wait_for_pictures(page, ".chosen-picture", 1)
    wait_for_columns(page)
