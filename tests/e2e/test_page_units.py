"""The cases of tests/web, which need no server, in the browser that the page runs in. Node runs them, too: node --test tests/web."""

import pytest

from conftest import ROOT

K_ORIGIN = "http://127.0.0.1:1"  # nobody listens: every answer is made here
SHIPPED = {path.name: path.read_text() for path in sorted((ROOT / "es_config/console").iterdir())}

# What the cases need of node:test and node:assert, and what became of each.
RUN = """async ([path, shipped]) => {
  const text = (value) => JSON.stringify(value, (key, one) => (one === undefined ? "undefined" : one));
  const fail = (message) => { throw new Error(message); };
  const assert = {
    ok: (value, message) => value || fail(message ?? "not so"),
    equal: (value, wanted, message) => Object.is(value, wanted) || fail(`${message ?? ""} ${text(value)} is not ${text(wanted)}`),
    deepEqual: (value, wanted, message) => text(value) === text(wanted) || fail(`${message ?? ""} ${text(value)} is not ${text(wanted)}`),
    match: (value, pattern, message) => pattern.test(value) || fail(`${message ?? ""} ${text(value)} does not match ${pattern}`),
  };
  const failures = [];
  let count = 0;
  (await import(path)).default((name, run) => {
    ++count;
    try { run(); } catch (error) { failures.push(`${name}: ${error.message}`); }
  }, assert, shipped);
  return { count, failures };
}"""


@pytest.mark.parametrize("cases, least", [("console_cases.mjs", 17), ("status_cases.mjs", 10), ("collections_cases.mjs", 9), ("exact_json_cases.mjs", 4)])
def test_the_modules_do_what_they_must(page, cases, least):
    def answer(route):
        path = ROOT / route.request.url.removeprefix(K_ORIGIN + "/")
        if path.suffix in (".js", ".mjs"):
            return route.fulfill(body=path.read_text(), content_type="text/javascript")
        return route.fulfill(body="<!doctype html><title>Cases</title>", content_type="text/html")

    page.route(K_ORIGIN + "/**", answer)
    page.goto(K_ORIGIN + "/")
    done = page.evaluate(RUN, [f"/tests/web/{cases}", SHIPPED])
    assert done["failures"] == []
    assert done["count"] >= least
