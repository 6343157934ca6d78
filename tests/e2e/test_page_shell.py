"""The page's frame in a real browser: navigation, state in the URL, colours, keys, servers that are missing or gone."""

import re

import pytest
from playwright.sync_api import expect

VIEWS = {"search": "Search", "images": "All images", "compare": "Compare", "console": "Console", "status": "Status"}


def current_view(page):
    """The link of the navigation that is marked as where one is."""
    return page.locator("nav a[aria-current=page]")


@pytest.mark.parametrize("name", VIEWS)
def test_each_view_opens_by_a_click(site, page, name):
    page.goto(site.url)
    page.get_by_role("navigation", name="Views").get_by_role("link", name=VIEWS[name]).click()
    expect(current_view(page)).to_have_text(re.compile(VIEWS[name]))
    assert page.url.split("#")[1].startswith(f"/{name}")
    expect(page).to_have_title(f"{VIEWS[name]} · Sightline")
