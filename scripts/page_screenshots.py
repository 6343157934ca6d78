#!/usr/bin/env python3
"""Makes the pictures of the page that the documentation shows: docs/images/page_VIEW.webp, page_VIEW_dark.webp, page_VIEW_phone.webp.

    .venv-es9/bin/python scripts/page_screenshots.py [VIEW...]

Starts a server of its own (build/release/bin, or $SIGHTLINE_BIN) with the demo pictures and models, opens each view in Chromium and
keeps what it looks like as WebP of at most 150 kB. The column "Cohere" comes from the stand-in, whose vectors are the demo model's.
Needs what scripts/install_dependencies.sh --tests installs. Look at the pictures before you commit them.
"""

import argparse
import base64
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from conftest import BIN, DEMO, run  # noqa: E402
from page_fixtures import DESKTOP, PHONE, chromium, demo_site, ok, settled, wait_for_pictures  # noqa: E402

FOLDER = ROOT / "docs/images"
MOST_BYTES = 150_000
LOOKS = {"": {"viewport": DESKTOP}, "_dark": {"viewport": DESKTOP, "color_scheme": "dark"}, "_phone": {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}}


def search(page):
    for model in ("clip", "jina-clip", "cohere"):
        page.locator(f".column[data-column='{model}'][data-state='done']").wait_for()
        wait_for_pictures(page, f".column[data-column='{model}'] .hit", 4)


def images(page):
    wait_for_pictures(page, ".gallery", 6)


def picture(page):
    wait_for_pictures(page, "dialog", 2)


def console(page):
    page.get_by_role("button", name="Run all").click()
    page.locator(".answer-status").nth(1).wait_for()
    other(page)


def other(page):
    page.locator("main h1").wait_for()
    page.wait_for_load_state("networkidle")


# view: (its name in the address, its parameters, what to wait for)
VIEWS = {
    "search": ("search", "q=a+red+house+with+a+pool+at+night", search),
    "images": ("images", "", images),
    "picture": ("images", "open=clip-images%2F{id}", picture),
    "compare": ("compare", "", other),
    "map": ("compare", "tab=map", other),
    "console": ("console", "", console),
    "status": ("status", "", other),
}


def webp_of(page):
    """The window as WebP, in the best quality that is small enough."""
    devtools = page.context.new_cdp_session(page)
    for quality in range(90, 30, -10):
        shot = base64.b64decode(devtools.send("Page.captureScreenshot", {"format": "webp", "quality": quality})["data"])
        if len(shot) <= MOST_BYTES:
            return shot
    raise SystemExit(f"{page.url}: more than {MOST_BYTES} bytes in any quality")


def take(browser, site, view, look, document):
    name, parameters, wait = VIEWS[view]
    context = browser.new_context(**{"color_scheme": "light", "reduced_motion": "reduce", "locale": "en-GB", **LOOKS[look]})
    page = context.new_page()
    page.goto(site.view(name, parameters.replace("{id}", document)))
    wait(page)
    page.wait_for_function("""() => [...document.querySelectorAll(".skeleton")].every((one) => one.getBoundingClientRect().top > innerHeight)""")
    settled(page)
    if alert := page.locator("[role=alert]").all_inner_texts():
        raise SystemExit(f"{page.url} says: {' '.join(alert)}")
    file = FOLDER / f"page_{view}{look}.webp"
    file.write_bytes(webp_of(page))
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} kB")
    context.close()


def evaluate(site):
    """What the view "Compare" shows: a report on the demo's queries."""
    ok(run([BIN / "sightline-eval", "demo/attributes.csv", "--sets", "demo/eval/sets.json", "--server", site.url, "--model", "clip", "--model", "jina-clip",
            "--save", "--elasticsearch", site.elasticsearch], site.server.environment()))


def main():
    os.chdir(ROOT)  # the page shows the path of what was measured
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("views", nargs="*", choices=[[], *VIEWS], help="default: all")
    views = parser.parse_args().views or VIEWS
    with tempfile.TemporaryDirectory() as folder, demo_site("embedded", pathlib.Path(folder)) as site, chromium() as browser:
        if "compare" in views:
            evaluate(site)
        found = site.es("POST", "/clip-images/_search", {"size": 1, "_source": False, "query": {"term": {"image_name.keyword": "000116.jpg"}}})[1]
        for view in views:
            for look in LOOKS:
                take(browser, site, view, look, found["hits"]["hits"][0]["_id"])


if __name__ == "__main__":
    main()
