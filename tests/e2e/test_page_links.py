"""Pictures that only links lead to, as the page shows them: the server fetches them, the browser never does."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from conftest import KINDS, running
from page_fixtures import Site, ok, wait_for_pictures
from test_picture_urls import Pictures

COUNT = 6
IN_SIGHT = 2  # of these, surely


@pytest.fixture(scope="module")
def host(demo_pictures):
    served = Pictures(demo_pictures[:COUNT])
    yield served
    served.close()


@pytest.fixture(scope="module", params=KINDS)
def linked_site(request, tmp_path_factory, demo_pictures, host):
    """An index without pictures: only their vectors, and links to `host`."""
    folder = tmp_path_factory.mktemp("links")
    (folder / "pictures").mkdir()
    for picture in demo_pictures[:COUNT]:
        shutil.copy(picture, folder / "pictures")
    with running(request.param, folder, ["--allow-picture-urls", "--picture-url-addresses", "127.0.0.1"]) as server:
        ok(server.register("--models", "clip", "--drop-image-data"))
        ok(server.ingest(folder / "pictures", "--index", "clip-images", "--image-url", host.url + "/"))
        yield Site(server)


def column(page):
    return page.locator(".column[data-column='clip']")


def test_hits_are_shown_and_lead_to_others_like_them(linked_site, host, page):
    page.goto(linked_site.view("search"))
    page.get_by_label("Words to search for").fill("a red house")
    page.keyboard.press("Enter")
    expect(column(page)).to_have_attribute("data-state", "done")
    wait_for_pictures(page, ".hit", IN_SIGHT)
    expect(column(page).locator(".picture-missing")).to_have_count(0)
    assert len(set(host.reached) & {f"/{name}" for name in host.pictures}) >= IN_SIGHT
    hit = column(page).locator(".hit").first
    name = hit.locator(".hit-name").inner_text()
    hit.hover()
    with page.expect_response("**/clip-images/_search*"):
        hit.get_by_text("More like this").click()
    expect(page).to_have_url(re.compile("like=clip-images"))
    expect(column(page)).to_have_attribute("data-state", "done")
    assert column(page).locator(".hit-name").all_inner_texts() == nearest_to(linked_site, name)[:4]
    wait_for_pictures(page, ".hit", IN_SIGHT)


def nearest_to(site, name):
    """The names of the other documents, by the cosine of their vectors and that one's."""
    status, found = site.es("POST", "/clip-images/_search", {"size": COUNT, "_source": ["image_name"], "fields": ["image_embedding"]})
    assert status == 200 and len(found["hits"]["hits"]) == COUNT, found
    vectors = {hit["_source"]["image_name"]: hit["fields"]["image_embedding"] for hit in found["hits"]["hits"]}
    vectors = {one: vector[0] if isinstance(vector[0], list) else vector for one, vector in vectors.items()}
    wanted = vectors.pop(name)
    return sorted(vectors, key=lambda one: -sum(a * b for a, b in zip(vectors[one], wanted, strict=True)))


def test_a_link_that_leads_nowhere_shows_no_picture(linked_site, host, page, watch):
    watch.allow(r"status of 422")
    status, _ = linked_site.es("PUT", "/clip-images/_doc/gone?refresh=true", {"image_name": "gone.jpg", "image_url": host.url + "/gone.jpg",
                                                                             "image_embedding": [1.0] + [0.0] * 127})
    assert status == 201
    try:
        page.goto(linked_site.view("images", "index=clip-images"))
        expect(page.get_by_role("link", name="No picture gone.jpg")).to_be_visible()
    finally:
        linked_site.es("DELETE", "/clip-images/_doc/gone?refresh=true")
