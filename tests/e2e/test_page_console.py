"""The console: requests to the Elasticsearch side, typed and run as a person does."""

import json
import pathlib
import re
import shlex
import subprocess

import pytest
from playwright.sync_api import expect

from gate import eventually
from page_fixtures import PHONE

INDEX = "page-console-test"
SEARCH = """GET clip-images/_search
{
  "knn": {
    "field": "image_embedding", "k": 3, "num_candidates": 50,
    "query_vector_builder": { "text_embedding": { "model_id": "clip-search", "model_text": "a red house" } }
  },
  "fields": ["image_embedding"], "_source": ["image_name", "image_data"]
}
"""


def editor(page):
    return page.get_by_role("textbox", name=re.compile("^Requests of "))


def open_console(site, page, query=""):
    page.goto(site.view("console", query))
    editor(page).wait_for()


def write(page, text):
    """Replaces what the editor holds."""
    editor(page).click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def answers(page):
    return page.locator(".answer")


def statuses(page):
    return page.locator(".answer-status")


def answer_text(page):
    """The whole answer as "Copy answer" gives it."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy answer").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def run(page, text, status):
    """Runs one request and waits for its answer."""
    write(page, text)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(statuses(page)).to_have_text([status])


def sent(watch, path):
    return [request for request in watch.requests if path in request.url]


def test_a_shipped_file_is_listed_opened_and_run_at_the_cursor(site, page):
    open_console(site, page)
    files = page.get_by_role("navigation", name="Requests")
    expect(files.get_by_role("link", name=re.compile(r"\.console$"))).to_have_count(4)
    files.get_by_role("link", name=re.compile(r"^clip\.console")).click()
    expect(editor(page)).to_contain_text("PUT _inference/text_embedding/clip-ingest")
    assert "file=clip.console" in page.url
    editor(page).click()
    page.keyboard.press("ControlOrMeta+f")
    page.keyboard.type('"a modern kitchen')
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(statuses(page)).to_have_text(["200"])
    expect(answers(page)).to_contain_text("clip-images/_search")
    assert len(json.loads(answer_text(page))["hits"]["hits"]) == 5


def test_an_answer_shows_status_time_size_and_folds_what_is_long(site, page, watch):
    open_console(site, page)
    run(page, SEARCH, "200")
    expect(page.locator(".answer-figures")).to_have_text(re.compile(r"^[\d.]+ m?s · [\d.]+ [kM]?B$"))
    folds = page.locator(".answer-text .cm-foldPlaceholder")
    expect(folds.first).to_have_text(re.compile(r"^… [\d,]+ more characters$"))
    expect(folds.filter(has_text=re.compile(r"^, … 126 more$")).first).to_be_visible()
    whole = json.loads(answer_text(page))
    hit = whole["hits"]["hits"][0]
    assert len(hit["fields"]["image_embedding"]) == 128 and len(hit["_source"]["image_data"]) > 1000, "a copy is whole"
    assert [request.method for request in sent(watch, "clip-images/_search")] == ["POST"]
    expect(page.get_by_text("Sent as POST")).to_be_visible()
    folds.first.click()
    expect(page.locator(".answer-text")).to_contain_text(hit["_source"]["image_data"][40:200])


def test_an_answer_can_be_searched(site, page):
    open_console(site, page)
    run(page, "GET clip-images/_mapping\n", "200")
    page.get_by_role("button", name="Search", exact=True).click()
    page.keyboard.type("dense_vector")
    page.keyboard.press("Enter")
    expect(page.locator(".answer-text .cm-searchMatch").first).to_have_text("dense_vector")


def test_requests_run_in_order_and_stop_at_the_first_failure(site, page, watch):
    watch.allow("status of 404")
    open_console(site, page)
    write(page, "GET _cat/indices?v\n\nHEAD clip-images\n\nGET no-such-index/_count\n\nGET clip-images/_count\n")
    page.get_by_role("button", name=re.compile("Run all")).click()
    expect(statuses(page)).to_have_text(["200", "200", "404", "not sent"])
    expect(page.locator(".answer.is-open")).to_contain_text("no such index [no-such-index]")
    page.get_by_label("Continue after failures").check()
    page.get_by_role("button", name=re.compile("Run all")).click()
    expect(statuses(page)).to_have_text(["200", "200", "404", "200"])
    answers(page).nth(0).get_by_role("button").first.click()
    expect(page.locator(".answer.is-open")).to_contain_text(re.compile(r"health\s+status\s+index"))
    answers(page).nth(1).get_by_role("button").first.click()
    expect(page.locator(".answer.is-open")).to_contain_text("200: it exists.")


def test_faults_are_named_at_their_line_and_nothing_is_sent(site, page, watch):
    open_console(site, page)
    write(page, 'GET clip-images/_search\n{\n  "size": 1\n  "from": 0\n}\n')
    problem = page.get_by_role("button", name="Line 4: expected ',' or '}'")
    expect(problem).to_be_visible()
    expect(page.locator(".console-editor .cm-lintRange-error")).to_have_count(1)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(statuses(page)).to_have_text(["not sent"])
    expect(answers(page)).to_contain_text("Line 4: expected ',' or '}'")
    assert not sent(watch, "clip-images/_search")
    problem.click()
    page.keyboard.type(",")
    expect(problem).to_have_count(0)


def test_a_get_whose_body_cannot_be_sent_says_so(site, page, watch):
    open_console(site, page)
    write(page, "GET clip-images/_mapping\n{}\n")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(statuses(page)).to_have_text(["not sent"])
    expect(answers(page)).to_contain_text("Browsers cannot send a body with GET")
    assert not sent(watch, "clip-images/_mapping?") and len(sent(watch, "clip-images/_mapping")) == 0


def test_bulks_long_texts_and_comments_are_sent_as_dev_tools_sends_them(site, page):
    open_console(site, page)
    try:
        run(page, f'POST {INDEX}/_bulk?refresh=true # two lines\n{{ "index": {{ "_id": "1" }} }}\n{{\n  "text": """a "quoted"\nGET b""", // a comment\n  "number": 9007199254740993\n}}\n', "200")
        run(page, f"GET {INDEX}/_doc/1\n", "200")
        text = answer_text(page)
        assert json.loads(text)["_source"] == {"text": 'a "quoted"\nGET b', "number": 9007199254740993}
        assert "9007199254740993" in text, "numbers stay as they are, whatever JavaScript's would be"
    finally:
        site.es("DELETE", f"/{INDEX}?ignore_unavailable=true")


def test_whole_indices_are_deleted_only_after_a_question(site, page):
    assert site.es("PUT", f"/{INDEX}")[0] == 200
    try:
        open_console(site, page)
        write(page, f"DELETE {INDEX[:-1]}*,-clip*\n")
        question = page.get_by_role("dialog", name="Delete whole indices")

        def names_indices():  # once the page has asked which there are
            page.get_by_role("button", name="Run", exact=True).click()
            expect(question).to_be_visible()
            if "has found no index" not in question.inner_text():
                return True
            page.keyboard.press("Escape")
            expect(question).to_have_count(0)
            return False

        eventually(names_indices)
        expect(question).to_contain_text(f"Deletes with all documents: {INDEX}.")
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Escape")
        expect(question).to_have_count(0)
        expect(answers(page)).to_have_count(0)
        assert site.es("GET", f"/{INDEX}")[0] == 200

        write(page, f"DELETE {INDEX}\n")
        page.keyboard.press("ControlOrMeta+Enter")
        question.get_by_role("button", name="Delete").click()
        expect(statuses(page)).to_have_text(["200"])
        assert site.es("GET", f"/{INDEX}")[0] == 404
    finally:
        site.es("DELETE", f"/{INDEX}?ignore_unavailable=true")


def test_what_is_offered_for_the_embedded_store_is_what_it_takes(bare_site, page):
    page.goto(bare_site.url)
    offers = page.evaluate("import('/page/modules/console/apis.js').then(({ k_offers }) => k_offers)")
    taken, section = {}, []
    for line in (pathlib.Path(__file__).resolve().parents[2] / "docs" / "store_requests.md").read_text().split("## Members of bodies")[0].splitlines():
        if line.startswith("###"):
            listed = re.findall(r"((?:[A-Z]+, )*[A-Z]+) `/([^`]*)`", line)
            section = [(method, path) for methods, path in listed for method in methods.split(", ")] or ["every request"]
            taken |= {one: set() for one in section}
        elif parameter := re.match(r"\| `(\w+)` \|", line):
            for one in section:
                taken[one].add(parameter[1])
    for offer in offers:
        path = "/".join(offer["segments"])
        if path.startswith(("_inference", "_ingest")):
            continue  # of the front, not of the store
        requests = [(method, path) for method in offer["methods"]]
        known = [one for one in requests if one in taken]
        assert known == ([] if offer["onlyCluster"] else requests), path
        parameters = set().union(taken["every request"], *(taken[one] for one in known))
        assert offer["onlyCluster"] or parameters >= set(offer["parameters"]), path
        assert not parameters & set(offer["clusterParameters"]), path


def test_completion_knows_methods_paths_members_fields_and_endpoints(site, page):
    open_console(site, page)
    page.wait_for_load_state("networkidle")  # it has asked for all that it completes
    write(page, " ")
    page.keyboard.press("Backspace")
    options = page.get_by_role("option")

    def choose(typed, name):
        page.keyboard.type(typed)
        expect(options.first).to_contain_text(name)
        # Choices are taken a moment after they appear, so that none is taken by mistake.
        expect(page.locator(".cm-tooltip-autocomplete")).to_be_visible()
        page.wait_for_function("() => new Promise((done) => setTimeout(() => done(true), 100))")
        page.keyboard.press("Enter")

    choose("PO", "POST")
    choose("clip", "clip-images")
    choose("/_sea", "_search")
    page.keyboard.press("Enter")
    page.keyboard.type("{")
    page.keyboard.press("Enter")
    choose('"kn', "knn")
    choose('"fie', "field")
    page.keyboard.press("ControlOrMeta+Space")
    choose("", "image_embedding")
    page.keyboard.press("End")
    page.keyboard.type(", ")
    choose('"query_vector_b', "query_vector_builder")
    choose('"text', "text_embedding")
    choose('"model_i', "model_id")
    choose("clip-s", "clip-search")
    page.keyboard.press("End")
    page.keyboard.type(", ")
    choose('"model_t', "model_text")
    page.keyboard.type("a house")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(statuses(page)).to_have_text(["200"])
    assert json.loads(answer_text(page))["hits"]["hits"]


def test_a_request_as_curl_does_the_same_in_a_shell(site, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_console(site, page)
    write(page, 'GET clip-images/_count\n{ "query": { "match": { "caption": "it\'s red" } } }\n')
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(shlex.split(command.replace("\\\n", "")), capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout)["count"] == site.es("POST", "/clip-images/_count", {"query": {"match": {"caption": "it's red"}}})[1]["count"]


def test_keys_are_not_in_what_is_copied(keyed_site, page, watch):
    watch.allow("status of 401")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(keyed_site.view("console"))
    page.get_by_label("Sightline's API key").fill(keyed_site.key)
    page.keyboard.press("Enter")
    editor(page).wait_for()
    run(page, "GET clip-images/_count\n", "200")
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    assert keyed_site.key not in command
    assert command.startswith("# Add your own: -H 'Sightline-Key: YOUR_KEY'\n")


def test_scratches_are_kept_renamed_deleted_and_brought_back(site, page):
    open_console(site, page)
    hostile = "<img src=x onerror=alert(1)>"
    page.get_by_role("button", name="New").click()
    expect(page.get_by_role("heading", name="Scratch 2")).to_be_visible()
    write(page, "GET _cat/health\n")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill(hostile)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=hostile)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name=hostile)).to_be_visible()
    expect(editor(page)).to_have_text("GET _cat/health")
    page.get_by_role("button", name="Delete this scratch").click()
    expect(page.get_by_role("heading", name=hostile)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(editor(page)).to_have_text("GET _cat/health")


def test_edits_of_a_file_are_kept_and_the_original_comes_back(site, page):
    open_console(site, page, "file=clip.console")
    expect(editor(page)).to_contain_text("PUT _inference")
    write(page, "GET /\n")
    files = page.get_by_role("navigation", name="Requests")
    expect(files.get_by_role("link", name=re.compile(r"^clip\.console"))).to_contain_text("edited")
    page.reload()
    expect(editor(page)).to_have_text("GET /")
    page.get_by_role("button", name="Restore the original").click()
    expect(editor(page)).to_contain_text("PUT _inference")
    expect(files.get_by_role("link", name=re.compile(r"^clip\.console"))).not_to_contain_text("edited")


def test_a_scratch_goes_out_as_a_file_and_comes_in_again(site, page, tmp_path):
    open_console(site, page)
    write(page, "GET _license\n")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export").click()
    path = tmp_path / "mine.console"
    waiting.value.save_as(path)
    assert path.read_text() == "GET _license\n"
    page.locator("input[type=file]").set_input_files(path)
    expect(page.get_by_role("heading", name="mine")).to_be_visible()
    expect(editor(page)).to_have_text("GET _license")


def test_a_link_opens_its_request_in_a_scratch_and_runs_nothing(site, page, watch):
    open_console(site, page)
    link = page.evaluate("""async () => (await import("/page/modules/console/link.js")).consoleLink('DELETE _all\\n# caf\\u00e9 \\u{1F3E0}\\n')""")
    page.goto(site.url + "/" + link)
    expect(page.get_by_role("heading", name="Opened request")).to_be_visible()
    expect(editor(page)).to_contain_text("café 🏠")
    expect(answers(page)).to_have_count(0)
    assert all(request.method != "DELETE" for request in watch.requests)
    page.goto(site.view("console", "request=%25%25"))
    expect(page.get_by_role("status").filter(has_text="no valid request")).to_be_visible()
    page.goto(site.url + "/" + link)
    expect(page.get_by_role("link", name=re.compile("Opened request"))).to_have_count(1)


def test_the_request_of_a_search_opens_here_and_finds_the_same(site, page):
    page.goto(site.view("search", "q=a+red+house"))
    page.get_by_label("Request of CLIP").click()
    page.get_by_role("link", name="Open in the console").click()
    expect(editor(page)).to_contain_text("a red house")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(statuses(page)).to_have_text(["200"])
    assert len(json.loads(answer_text(page))["hits"]["hits"]) >= 4


def test_a_large_answer_leaves_the_page_light(site, page):
    open_console(site, page)
    run(page, 'GET clip-images/_search\n{ "size": 400, "fields": ["image_embedding"] }\n', "200")
    expect(page.locator(".answer-figures")).to_contain_text("MB")
    elements = page.evaluate("document.querySelector('.answer-text').shadowRoot.querySelectorAll('*').length")
    assert elements < 3000, elements
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    with open(waiting.value.path(), encoding="utf-8") as file:
        assert len(json.load(file)["hits"]["hits"]) == 400


def test_a_running_request_can_be_stopped(site, page):
    held = []
    page.route("**/elasticsearch/clip-images/_count", lambda route: held.append(route))
    open_console(site, page)
    write(page, "GET clip-images/_count\n\nGET _license\n")
    page.get_by_role("button", name=re.compile("Run all")).click()
    expect(statuses(page)).to_have_text(["running", "waiting"])
    page.get_by_role("button", name="Stop").click()
    expect(statuses(page)).to_have_text(["stopped", "not sent"])
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()


def test_the_keyboard_runs_and_leaves_the_editor(site, page):
    open_console(site, page)
    write(page, "GET _cluster/health\n")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(statuses(page)).to_have_text(["200"])
    page.keyboard.press("Tab")
    expect(editor(page)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor(page)).not_to_be_focused()


def test_a_click_beside_a_request_runs_it(site, page):
    open_console(site, page)
    write(page, "GET _license\n\nGET _cluster/health\n")
    page.locator(".console-editor .run-mark").nth(1).click()
    expect(statuses(page)).to_have_text(["200"])
    expect(answers(page)).to_contain_text("_cluster/health")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_the_view_is_accessible(site, open_page, axe, colours, viewport):
    page = open_page(color_scheme=colours, **({"viewport": viewport} if viewport else {}))
    open_console(site, page, "file=clip.console")
    expect(editor(page)).to_contain_text("PUT _inference")
    axe(page)
    page.get_by_role("link", name="Scratch", exact=True).click()
    expect(editor(page)).to_contain_text("Your own requests")
    run(page, SEARCH, "200")
    axe(page)
    page.get_by_role("button", name="Search", exact=True).click()
    page.keyboard.type("image_name")
    expect(page.locator(".answer-text .cm-searchMatch").first).to_be_visible()
    axe(page)
    write(page, "GET clip-images/_search\n{ \"size\": }\n\nDELETE *\n")
    expect(page.get_by_role("button", name=re.compile("^Line 2"))).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_second_tab_keeps_what_the_first_one_stored(site, page):
    open_console(site, page)
    other = page.context.new_page()
    open_console(site, other)
    page.get_by_role("button", name="New").click()
    write(page, "GET _cat/health\n")
    write(other, "GET _cat/nodes\n")
    open_console(site, other, "file=clip.console")
    write(other, "GET _cat/indices\n")
    open_console(site, page, "file=jina-clip.console")
    write(page, "GET _cat/shards\n")
    for query, text in (("scratch=Scratch+2", "GET _cat/health"), ("scratch=Scratch", "GET _cat/nodes"), ("file=clip.console", "GET _cat/indices"), ("file=jina-clip.console", "GET _cat/shards")):
        page.goto("about:blank")
        open_console(site, page, query)
        expect(editor(page)).to_have_text(text)
    other.close()


def test_going_back_closes_the_question_for_a_name(site, page):
    open_console(site, page, "file=clip.console")
    page.get_by_role("button", name="New").click()
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="clip.console")).to_be_visible()
