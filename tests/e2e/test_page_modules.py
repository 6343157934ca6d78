"""The page's small modules, called in the browser with values whose right answers are known."""

import json
import shlex

import pytest

from page_fixtures import Site


@pytest.fixture()
def module(bare_site: Site, page):
    """module("search/vectors.js", "(m) => m.fuse([1, 0], [0, 1], 0.5)"): what an expression over a module gives."""
    page.goto(bare_site.view("status"))
    return lambda path, expression: page.evaluate(f"async () => ({expression})(await import('/page/modules/{path}'))")


def test_fusion_weighs_unit_vectors(module):
    fused = module("search/vectors.js", "(m) => m.fuse([3, 0], [0, 0.1], 0.5)")
    assert fused == pytest.approx([0.5 ** 0.5, 0.5 ** 0.5])
    assert module("search/vectors.js", "(m) => m.fuse([3, 0], [0, 2], 0)") == pytest.approx([1, 0])
    assert module("search/vectors.js", "(m) => m.fuse([3, 0], [0, 2], 1)") == pytest.approx([0, 1])
    assert module("search/vectors.js", "(m) => m.cosine([0, 0], [1, 1])") == 0


def test_cosines_come_from_scores_only_where_they_are_in_them(module):
    assert module("search/vectors.js", "(m) => m.cosineOfScore(7.5, 'cosine', 10)") == pytest.approx(0.5)
    assert module("search/vectors.js", "(m) => m.cosineOfScore(0.75, 'dot_product')") == pytest.approx(0.5)
    assert module("search/vectors.js", "(m) => m.cosineOfScore(0.75, 'l2_norm') ?? null") is None


def test_a_searchs_address_says_what_it_is(module):
    round_trip = """(m) => {
      const parameters = new URLSearchParams("q=a%20b&like=clip-images%2Fa%2Fb&mix=0.25&size=7&mode=weighted&weight=3&hide=1&t.clip=0.2&column=a%2Fb");
      const state = m.readState(parameters);
      const again = new URLSearchParams();
      for (const [name, value] of Object.entries(m.writeState(state))) for (const one of [value].flat()) if (one !== undefined) again.append(name, one);
      return [state, m.readState(again)];
    }"""
    first, second = module("search/state.js", round_trip)
    assert first == second
    assert first["like"] == {"index": "clip-images", "id": "a/b"}, "ids may have slashes"
    assert (first["words"], first["share"], first["size"], first["mode"], first["weight"], first["hide"], first["thresholds"], first["columns"]) == (
        "a b", 0.25, 7, "weighted", 3, True, {"clip": 0.2}, ["a/b"])


@pytest.mark.parametrize("query, expected", [
    ("size=0", 4), ("size=101", 4), ("size=2.5", 4), ("size=1e1", 10), ("size=", 4), ("size=%20", 4), ("size=Infinity", 4), ("size=9", 9),
])
def test_numbers_in_an_address_are_checked(module, query, expected):
    assert module("search/state.js", f"(m) => m.readState(new URLSearchParams('{query}')).size") == expected


def test_requests_are_shown_as_people_write_them(module):
    text = module("search/request_text.js", """(m) => m.prettyJson({ knn: { field: "v", query_vector: [1, 2] }, _source: { excludes: ["a"] }, empty: {}, n: null })""")
    assert text == '{\n  "knn": {\n    "field": "v",\n    "query_vector": [1, 2]\n  },\n  "_source": {\n    "excludes": ["a"]\n  },\n  "empty": {},\n  "n": null\n}'


def test_a_quote_in_a_query_does_not_end_the_shells_text(module):
    command = module("search/request_text.js", """(m) => m.curlText(
      { index: "i", field: "v", fields: {}, searchEndpoint: "e" },
      { words: "it's $(here)", mode: "vectors", k: 1, candidates: 1, boost: 1, size: 1 }, [], undefined, "http://h")""")
    body = json.loads(shlex.split(command)[-1])
    assert body["knn"]["query_vector_builder"]["text_embedding"]["model_text"] == "it's $(here)"


def test_kinds_of_files_are_told_by_their_first_bytes(module):
    kinds = module("pictures/kinds.js", """(m) => [
      [0xff, 0xd8, 0xff, 0xe0], [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10], [...'GIF89a'].map((c) => c.charCodeAt(0)), [...'RIFF....WEBP'].map((c) => c.charCodeAt(0)),
      [0x42, 0x4d], [...'....ftypavif'].map((c) => c.charCodeAt(0)), [...'<svg xmlns='].map((c) => c.charCodeAt(0)), [], [0xff, 0xd8],
    ].map((bytes) => m.pictureKind(new Uint8Array(bytes)) ?? null)""")
    assert [kind and kind.get("type") for kind in kinds[:5]] == ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"]
    assert [kind["readable"] for kind in kinds[5:7]] == [False, False] and kinds[7:] == [None, None]


def test_errors_are_told_in_the_words_of_whoever_answered(module):
    elastic = '{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","root_cause":[{"reason":"outer"}],"caused_by":{"reason":"middle","caused_by":{"reason":"the true one"}}},"status":400}'
    assert module("server/request.js", f"(m) => m.errorOf(400, '/x', {elastic!r}).message") == "the true one"
    assert module("server/request.js", """(m) => m.errorOf(401, '/x', '{"error":{"message":"send a valid key","type":"unauthorized"}}').isKeyRefusal""") is True
    assert module("server/request.js", """(m) => m.errorOf(401, '/x', '{"error":{"type":"security_exception","reason":"missing credentials"}}').isKeyRefusal""") is False
    assert module("server/request.js", "(m) => m.errorOf(502, '/x', '<html>nginx</html>').message") == "the server answered 502"


def test_columns_are_found_by_what_the_mapping_and_the_endpoints_say(module):
    fields = module("server/collections.js", """(m) => Object.keys(m.flatFields({ a: { type: "text", fields: { keyword: { type: "keyword" } } }, o: { properties: { b: { type: "long" } } } }))""")
    assert fields == ["a", "a.keyword", "o.b"]
    assert module("server/collections.js", """(m) => m.standardCollections([{ id: 1, model: "clip" }, { id: 2, model: "clip" }, { id: 3 }, { id: 4, model: "x" }]).map((one) => one.id)""") == [1, 4]
