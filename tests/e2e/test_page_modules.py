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
      [0x42, 0x4d], [...'....ftypavif'].map((c) => c.charCodeAt(0)), [...'....ftypheic'].map((c) => c.charCodeAt(0)),
      [...'\\0\\0\\0\\x18ftypmif1\\0\\0\\0\\0miafavif'].map((c) => c.charCodeAt(0)), [...'\\0\\0\\0\\x18ftypmif1\\0\\0\\0\\0miafheic'].map((c) => c.charCodeAt(0)),
      [...'....ftypmp42'].map((c) => c.charCodeAt(0)), [...'<svg xmlns='].map((c) => c.charCodeAt(0)), [], [0xff, 0xd8],
    ].map((bytes) => m.pictureKind(new Uint8Array(bytes)) ?? null)""")
    assert [kind and kind.get("type") for kind in kinds[:9]] == ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/avif", "image/heic", "image/avif", "image/heic"]
    assert [kind["readable"] for kind in kinds[9:11]] == [False, False] and kinds[11:] == [None, None]


def test_errors_show_the_message_of_the_answering_server(module):
    elastic = '{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","root_cause":[{"reason":"outer"}],"caused_by":{"reason":"middle","caused_by":{"reason":"the true one"}}},"status":400}'
    assert module("server/request.js", f"(m) => m.errorOf(400, '/x', {elastic!r}).message") == "the true one"
    assert module("server/request.js", "(m) => m.errorOf(502, '/x', '<html>nginx</html>').message") == "the server answered 502"


@pytest.mark.parametrize("error, of_key, of_cluster", [
    ({"message": "send a valid key", "type": "authentication_error", "code": "unauthorized"}, True, False),
    ({"type": "sightline_key_exception", "reason": "send a valid key"}, True, False),
    ({"type": "security_exception", "reason": "missing credentials"}, False, True),
    ({"type": "status_exception", "reason": "Received an authentication error status code for request from inference entity id [cohere-search] status [401]"}, False, False),
    ({"message": "Cohere answered 401", "type": "authentication_error", "code": "upstream_error"}, False, False),
])
def test_a_provider_that_refuses_its_key_asks_the_user_for_none(module, error, of_key, of_cluster):
    text = json.dumps(json.dumps({"error": error}))
    assert module("server/request.js", f"(m) => {{ const e = m.errorOf(401, '/x', {text}); return [e.isKeyRefusal, e.isClusterRefusal]; }}") == [of_key, of_cluster]


def test_messages_with_an_action_stay_until_their_time_has_passed(module):
    shown = module("parts/toasts.js", """(m) => [{ id: 1, action: {} }, { id: 2 }, { id: 3 }, { id: 4 }, { id: 5 }, { id: 6, action: {} }]
      .reduce(m.withToast, []).map((one) => one.id)""")
    assert shown == [1, 3, 4, 5, 6]


def test_the_newest_report_of_a_model_gives_its_threshold(module):
    found = module("search/thresholds.js", """(m) => {
      const saved = (model, cosine, more = {}) => ({ direction: "text-to-image", model, direction_threshold: { cosine }, ...more });
      const documents = [saved("embed-v4.0", 0.3), saved("clip", 0.9, { model_fingerprint: "other" }), saved("clip", 0.25, { model_fingerprint: "now" }), saved("clip", 0.1),
        { direction: ["text-to-image"], model: "clip" }];
      const collections = [{ model: "clip", served: { id: "clip" } }, { model: "cohere", served: { id: "embed-v4.0" } }, {}];
      const all = m.thresholdsOf(documents, [{ id: "clip", fingerprint: "now" }, { id: "embed-v4.0" }], collections);
      return Object.entries(all["text-to-image"]).map(([model, { best }]) => [model, best]);
    }""")
    assert found == [["cohere", 0.3], ["clip", 0.25]]


def test_errors_without_json_show_their_status(module):
    assert module("server/request.js", "(m) => m.errorOf(502, '/x', '<html>nginx</html>').message") == "the server answered 502"


def test_columns_are_found_by_what_the_mapping_and_the_endpoints_say(module):
    fields = module("server/collections.js", """(m) => Object.keys(m.flatFields({ a: { type: "text", fields: { keyword: { type: "keyword" } } }, o: { properties: { b: { type: "long" } } } }))""")
    assert fields == ["a", "a.keyword", "o.b"]
    assert module("server/collections.js", """(m) => m.standardCollections([{ id: 1, model: "clip" }, { id: 2, model: "clip" }, { id: 3 }, { id: 4, model: "x" }]).map((one) => one.id)""") == [1, 4]


def test_the_best_is_marked_only_where_it_differs_as_shown(module):
    best = "compare/quality/measures.js"
    assert module(best, "(m) => m.bestOf([0.5, 0.7, undefined])") == [False, True, False]
    assert module(best, "(m) => m.bestOf([0.7, 0.7, 0.1])") == [True, True, False]
    assert module(best, "(m) => m.bestOf([0.70001, 0.70002])") == [False, False], "both are shown as 0.700"
    assert module(best, "(m) => m.bestOf([0.7])") == [False]


def test_ranks_of_first_right_answers_are_differences_of_hits(module):
    ranks = module("compare/quality/measures.js", "(m) => m.firstRightRanks({ 'hit@1': 0.5, 'hit@5': 0.75, 'hit@10': 0.875 })")
    assert ranks == [0.5, 0.25, 0.125, 0.125]
    assert module("compare/quality/measures.js", "(m) => m.firstRightRanks({ accuracy: 1 }) ?? null") is None


def test_a_softmax_leaves_out_what_is_not_known(module):
    similarity = "compare/matrix/similarity.js"
    assert module(similarity, "(m) => m.softmax([0, Math.log(3) / 10], 10)") == pytest.approx([0.25, 0.75])
    assert module(similarity, "(m) => m.softmax([1, undefined, 1], 100).map((one) => one ?? null)") == [0.5, None, 0.5]
    assert module(similarity, "(m) => m.softmax([-1, 1], 1000)") == [0, 1]
    by_text = module(similarity, "(m) => m.shownValues([[1, 0], [0, 0]], 'texts', { scale: Math.log(3) })")
    assert by_text[0] == pytest.approx([0.75, 0.5]) and by_text[1] == pytest.approx([0.25, 0.5])
    by_picture = module(similarity, "(m) => m.shownValues([[1, 0], [0, 0]], 'pictures', { scale: Math.log(3) })")
    assert by_picture[0] == pytest.approx([0.75, 0.25]) and by_picture[1] == pytest.approx([0.5, 0.5])
    assert module(similarity, "(m) => m.shownValues([[0.5]], 'pairs', { scale: 4, bias: -2 })") == [[0.5]]


def test_pictures_on_a_map_do_not_overlap_and_come_by_and_by(module):
    expression = """(m) => {
      const count = 600, xs = new Float64Array(count), ys = new Float64Array(count);
      for (let i = 0, seed = 7; i < count; i += 1) { seed = (seed * 48271) % 2147483647; xs[i] = seed / 2147483647 - 0.5; seed = (seed * 48271) % 2147483647; ys[i] = seed / 2147483647 - 0.5; }
      return [8, 18, 24, 40].map((level) => {
        const placed = m.placedAt({ xs, ys }, level), room = m.k_side / m.scaleOf(level);
        let overlaps = 0;
        for (const a of placed) for (const b of placed) if (a < b && Math.abs(xs[a] - xs[b]) < room && Math.abs(ys[a] - ys[b]) < room) overlaps += 1;
        return [placed.length, overlaps];
      });
    }"""
    found = module("compare/map/layout.js", expression)
    assert [overlaps for _, overlaps in found] == [0, 0, 0, 0]
    counts = [count for count, _ in found]
    assert counts == sorted(counts) and counts[0] < 10 and counts[-1] == 600


def test_zooming_keeps_what_is_under_the_pointer(module):
    expression = """(m) => {
      const size = { width: 800, height: 400 }, camera = { x: 3, y: -2, scale: 50 };
      const nearer = m.zoomed(camera, size, 2.5, 700, 90);
      const at = (one) => [one.x + (700 - 400) / one.scale, one.y + (90 - 200) / one.scale];
      return [at(camera), at(nearer), nearer.scale];
    }"""
    before, after, scale = module("compare/map/camera.js", expression)
    assert after == pytest.approx(before) and scale == 125


def test_points_with_one_place_or_none_have_a_map(module):
    shown = module("compare/map/camera.js", """(m) => [[[], []], [[5], [7]], [[1, 1], [0, 4]]].map(([xs, ys]) => {
      const camera = m.cameraOf(m.boxOf({ xs, ys }), { width: 300, height: 200 });
      return [camera.x, camera.y, Number.isFinite(camera.scale) && camera.scale > 0];
    })""")
    assert shown == [[0, 0, True], [5, 7, True], [1, 2, True]]


def test_rare_values_share_a_group(module):
    grouped = module("compare/map/groups.js", """(m) => {
      const values = []; for (let i = 0; i < 12; i += 1) for (let n = 0; n < 12 - i; n += 1) values.push("v" + i); values.push(undefined);
      const { of, legend } = m.groupsOf(values);
      return [legend.map((one) => [one.title, one.count]), of[0], of[values.length - 1], new Set(legend.map((one) => one.shape)).size];
    }""")
    legend, first, last, shapes = grouped
    assert module("compare/map/groups.js", """(m) => {
      const all = [["a", "a", "a", "b"], ["b", "b", "b", undefined]];
      return all.map((values) => { const { of, legend } = m.groupsOf(values, all); return [legend.map((one) => `${one.title} ${one.count}`), [...of]]; });
    }""") == [[["b 1", "a 3", "No value 0"], [1, 1, 1, 0]], [["b 3", "a 0", "No value 1"], [0, 0, 0, 2]]], "a value has one place in both maps"
    assert legend == [["v0", 12], ["v1", 11], ["v2", 10], ["v3", 9], ["v4", 8], ["v5", 7], ["v6", 6], ["v7", 5], ["Other or no value", 11]]
    assert (first, last, shapes) == (0, 8, 9)
