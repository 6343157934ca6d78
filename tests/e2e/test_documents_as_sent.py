"""Documents come back as they were sent: numbers digit by digit, half emoji, with or without a byte order mark.

What is right here is what Elasticsearch 9.2.0 answers, but for a byte order mark before a document that no pipeline of
ours runs on: Elasticsearch stores it in the document's `_source`, the embedded store does not.
"""

import base64
import json
import urllib.parse
import urllib.request

import pytest

from conftest import TEST_CLUSTER, call

MARK = b"\xef\xbb\xbf"
NDJSON = "application/x-ndjson"
NUMBERS = '{"parcel":12345678901234567890123,"price":1234567.8900,"ratio":1e-7,"long":0.1000000000000000055511151231257827,"zero":-0,"list":[1.50,{"deep":18446744073709551616}]}'
# What Elasticsearch makes of them in an update, which it runs itself: integers stay, decimals are printed anew.
NUMBERS_OF_AN_UPDATE = '{"parcel":12345678901234567890123,"price":1234567.89,"ratio":1.0E-7,"long":0.1,"zero":0,"list":[1.5,{"deep":18446744073709551616}]}'
MAPPING = {"mappings": {"properties": {"parcel": {"type": "keyword"}, "list": {"type": "object", "enabled": False}, "zero": {"type": "long"}}}}


def raw(server, method, path, body=None, content_type="application/json"):
    """Status and bytes of an answer."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(server.elasticsearch + path, data=data, method=method, headers={"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.status, answer.read().decode()


def source_of(server, index, identifier):
    return raw(server, "GET", f"/{index}/_source/{identifier}")[1]


@pytest.fixture()
def touched(registered):
    """The name of a pipeline that runs in this server: it embeds what is not there."""
    body = {"processors": [{"set": {"field": "touch", "value": "x"}}, {"remove": {"field": "touch"}},
                           {"inference": {"model_id": "clip-ingest", "ignore_missing": True,
                                          "input_output": {"input_field": "none", "output_field": "v"}}}]}
    assert registered.es("PUT", "/_ingest/pipeline/touched", body)[0] == 200
    return registered


def test_a_number_comes_back_digit_by_digit_on_every_way(touched):
    server = touched
    assert server.es("PUT", "/notes", MAPPING)[0] == 200
    assert server.es("PUT", "/piped", {**MAPPING, "settings": {"index.default_pipeline": "touched"}})[0] == 200
    for index, parameters in (("notes", ""), ("notes", "?pipeline=touched"), ("piped", "")):
        assert raw(server, "PUT", f"/{index}/_doc/1{parameters}", NUMBERS)[0] in (200, 201)
        assert source_of(server, index, 1) == NUMBERS
        line = json.dumps({"index": {"_index": index, "_id": "2"}}) + "\n" + NUMBERS + "\n"
        status, answer = raw(server, "POST", f"/_bulk{parameters}", line, NDJSON)
        assert status == 200 and not json.loads(answer)["errors"], answer
        assert source_of(server, index, 2) == NUMBERS
        status, answer = raw(server, "POST", f"/{index}/_mget", '{"ids":["1","2"]}')
        assert answer.count(NUMBERS) == 2
        server.es("POST", f"/{index}/_refresh")
        assert raw(server, "POST", f"/{index}/_search", '{"query":{"term":{"parcel":"12345678901234567890123"}}}')[1].count(NUMBERS) == 2
    # A keyword is found by its text and counted by it; the number itself is in no other field.
    body = {"query": {"term": {"parcel": "12345678901234567890123"}}, "size": 0, "aggs": {"by": {"terms": {"field": "parcel"}}}}
    answer = server.es("POST", "/piped/_search", body)[1]
    assert answer["aggregations"]["by"]["buckets"] == [{"key": "12345678901234567890123", "doc_count": 2}]


def test_an_update_keeps_the_numbers_it_does_not_touch(touched):
    server = touched
    assert server.es("PUT", "/piped", {**MAPPING, "settings": {"index.default_pipeline": "touched"}})[0] == 200
    changed = NUMBERS[:-1] + ',"extra":2.50}'
    assert raw(server, "PUT", "/piped/_doc/1", NUMBERS)[0] == 201
    assert raw(server, "POST", "/piped/_update/1", '{"doc":{"extra":2.50}}')[0] == 200
    assert source_of(server, "piped", 1) == changed
    assert json.loads(raw(server, "POST", "/piped/_update/1", '{"doc":{"extra":2.50}}')[1])["result"] == "noop"
    assert json.loads(raw(server, "POST", "/piped/_update/1", '{"doc":{"parcel":12345678901234567890124}}')[1])["result"] == "updated"
    assert source_of(server, "piped", 1) == changed.replace("12345678901234567890123", "12345678901234567890124")
    assert raw(server, "POST", "/piped/_update/2", '{"doc_as_upsert":true,"doc":' + NUMBERS + "}")[0] == 201
    assert source_of(server, "piped", 2) == NUMBERS
    line = '{"update":{"_index":"piped","_id":"3"}}\n{"doc_as_upsert":true,"doc":' + NUMBERS + "}\n"
    assert not json.loads(raw(server, "POST", "/_bulk", line, NDJSON)[1])["errors"]
    assert source_of(server, "piped", 3) == (NUMBERS if not TEST_CLUSTER else NUMBERS_OF_AN_UPDATE)


def test_a_simulation_shows_the_numbers_as_they_were_sent(touched):
    body = '{"docs":[{"_source":' + NUMBERS + "}]}"
    assert NUMBERS in raw(touched, "POST", "/_ingest/pipeline/touched/_simulate", body)[1]


def test_the_mapping_decides_what_a_long_number_is(touched):
    server = touched
    # A real cluster has its own words.
    too_long, too_large = ("out of range", "only finite values") if TEST_CLUSTER else ("it is out of range, found 12345678901234567890123", "it is out of range")
    for parameters in ("", "?pipeline=touched"):
        status, answer = server.es("PUT", f"/fresh/_doc/1{parameters}", '{"parcel":12345678901234567890123}')
        assert status == 400
        assert too_long in json.dumps(answer)
        status, answer = server.es("PUT", f"/fresh/_doc/1{parameters}", '{"far":1E400}')
        assert status == 400
        assert too_large in json.dumps(answer)
    server.es("DELETE", "/fresh")
    properties = {"d": {"type": "double"}, "l": {"type": "long"}, "k": {"type": "keyword"}, "t": {"type": "text"}}
    assert server.es("PUT", "/typed", {"mappings": {"properties": properties}})[0] == 200
    source = '{"d":12345678901234567890123,"l":1.9,"k":1.50,"t":1e5}'
    assert raw(server, "PUT", "/typed/_doc/1?refresh=true&pipeline=touched", source)[0] == 201
    body = {"query": {"match_all": {}}, "fields": ["*"], "sort": ["d"], "aggs": {"k": {"terms": {"field": "k"}}, "l": {"max": {"field": "l"}}}}
    text = raw(server, "POST", "/typed/_search", json.dumps(body))[1]
    answer = json.loads(text)
    assert source in text
    assert answer["hits"]["hits"][0]["fields"] == {"d": [1.2345678901234568e22], "l": [1], "k": ["1.5"], "t": ["100000.0"]}
    assert answer["hits"]["hits"][0]["sort"] == [1.2345678901234568e22]
    assert answer["aggregations"]["k"]["buckets"] == [{"key": "1.50", "doc_count": 1}]
    assert answer["aggregations"]["l"]["value"] == 1.0


def test_a_byte_order_mark_before_a_body_is_skipped(touched):
    server = touched
    assert server.es("PUT", "/marked", MARK + b'{"mappings":{"properties":{"a":{"type":"keyword"}}}}')[0] == 200
    assert server.es("PUT", "/marked/_mapping", MARK + b'{"properties":{"b":{"type":"keyword"}}}')[0] == 200
    assert server.es("PUT", "/_ingest/pipeline/marked", MARK + b'{"processors":[{"inference":{"model_id":"clip-ingest","ignore_missing":true,"input_output":{"input_field":"none","output_field":"v"}}}]}')[0] == 200
    assert server.es("PUT", "/marked/_doc/1?pipeline=marked", MARK + b'{"a":"x"}')[0] == 201
    assert source_of(server, "marked", 1) == '{"a":"x"}'
    assert server.es("PUT", "/marked/_create/2?pipeline=marked", MARK + b'{"a":"x"}')[0] == 201
    assert server.es("POST", "/marked/_update/1", MARK + b'{"doc":{"a":"y"}}')[0] == 200
    assert source_of(server, "marked", 1) == '{"a":"y"}'
    bulk = MARK + b'{"index":{"_index":"marked","_id":"3"}}\n' + MARK + b'{"a":"b"}\n' + MARK + b'{"update":{"_index":"marked","_id":"1"}}\n' + MARK + b'{"doc":{"a":"z"}}\n'
    for parameters in ("?pipeline=marked&refresh=true", "?refresh=true"):
        status, answer = server.es("POST", "/_bulk" + parameters, bulk, content_type=NDJSON)
        assert status == 200 and not answer["errors"], answer
    assert server.es("GET", "/marked/_doc/1")[1]["_source"] == {"a": "z"}
    assert server.es("POST", "/marked/_mget", MARK + b'{"ids":["1"]}')[1]["docs"][0]["found"]
    knn = {"knn": {"field": "v", "k": 1, "num_candidates": 1, "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": "a house"}}}}
    plain = {"query": {"term": {"a": "z"}}}
    assert server.es("POST", "/marked/_search", MARK + json.dumps(plain).encode())[1]["hits"]["total"]["value"] == 1
    assert server.es("POST", "/clip-images/_search", MARK + json.dumps({"knn": {**knn["knn"], "field": "image_embedding"}}).encode())[0] == 200
    searches = MARK + b"{}\n" + MARK + json.dumps(plain).encode() + b"\n" + MARK + b"{}\n" + json.dumps(plain).encode() + b"\n"
    answer = server.es("POST", "/marked/_msearch", searches, content_type=NDJSON)[1]
    assert [one["hits"]["total"]["value"] for one in answer["responses"]] == [1, 1]
    simulation = MARK + b'{"docs":[{"_source":{"a":1.50}}]}'
    assert '"_source":{"a":1.50}' in raw(server, "POST", "/_ingest/pipeline/marked/_simulate", simulation)[1]
    endpoint = server.es("GET", "/_inference/clip-search")[1]["endpoints"][0]
    settings = {key: value for key, value in endpoint["service_settings"].items() if key != "dimensions"}
    body = MARK + json.dumps({"service": "custom", "service_settings": settings}).encode()
    assert server.es("PUT", "/_inference/text_embedding/marked", body)[0] == 200
    assert len(server.es("POST", "/_inference/text_embedding/marked", MARK + b'{"input":"a house"}')[1]["text_embedding"]) == 1
    # Our own port, in all shapes.
    for path, body in (("/v1/embeddings", {"model": "clip", "input": "a house"}), ("/v2/embed", {"model": "clip", "texts": ["a house"], "input_type": "search_query", "embedding_types": ["float"]}),
                       ("/hugging_face/clip", {"inputs": ["a house"]}), ("/_inference/text_embedding/clip", {"input": "a house"})):
        status, answer = call("POST", server.url + path, MARK + json.dumps(body).encode())
        assert status == 200, answer


def test_a_body_in_another_encoding_is_refused_with_its_reason(touched):
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        status, answer = touched.es("PUT", "/notes/_doc/1?pipeline=touched", '{"a":"über"}'.encode(encoding))
        assert status == 400 and "UTF-16 or UTF-32" in json.dumps(answer)
        status, answer = call("POST", touched.url + "/v1/embeddings", '{"model":"clip","input":"x"}'.encode(encoding))
        assert status == 400 and "UTF-16 or UTF-32" in answer["error"]["message"]


def test_half_an_emoji_is_stored_found_and_given_back(touched):
    server = touched
    properties = {"text": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}
    source = '{"text":"a cosy house \\ud83d by the sea"}'
    for number, (index, parameters, stored) in enumerate([("notes", "", source), ("notes", "pipeline=touched", source.replace("d83d", "D83D"))]):
        server.es("DELETE", f"/{index}")
        assert server.es("PUT", f"/{index}", {"mappings": {"properties": properties}})[0] == 200
        assert raw(server, "PUT", f"/{index}/_doc/1?refresh=true&{parameters}", source)[0] == 201
        assert source_of(server, index, 1) == stored
        line = '{"index":{"_index":"notes","_id":"2"}}\n' + source + "\n"
        assert not json.loads(raw(server, "POST", f"/_bulk?refresh=true&{parameters}", line, NDJSON)[1])["errors"]
        answer = raw(server, "POST", f"/{index}/_search", '{"query":{"match":{"text":"sea"}},"fields":["text","text.keyword"]}')[1]
        found = json.loads(answer)["hits"]
        assert found["total"]["value"] == 2 and stored in answer
        assert found["hits"][0]["fields"] == {"text": ["a cosy house \ud83d by the sea"], "text.keyword": ["a cosy house \ud83d by the sea"]}
        # The index holds a question mark in its place.
        body = {"size": 0, "query": {"term": {"text.keyword": "a cosy house ? by the sea"}}, "aggs": {"by": {"terms": {"field": "text.keyword"}}}}
        answer = server.es("POST", f"/{index}/_search", body)[1]
        assert answer["hits"]["total"]["value"] == 2
        assert answer["aggregations"]["by"]["buckets"] == [{"key": "a cosy house ? by the sea", "doc_count": 2}]
        assert raw(server, "POST", f"/{index}/_update/1", '{"doc":{"text":"a cosy house \\ud83e by the sea"}}')[0] == 200
        assert server.es("GET", f"/{index}/_doc/1")[1]["_source"]["text"] == "a cosy house \ud83e by the sea"
        assert server.es("POST", f"/{index}/_mget", '{"ids":["1","2"]}')[1]["docs"][1]["_source"]["text"] == "a cosy house \ud83d by the sea"
    # Elsewhere than in a text: low and reversed halves, names, ids.
    for identifier, body in ((3, '{"text":"\\ude00 here"}'), (4, '{"text":"\\ude00\\ud83d"}'), (5, '{"na\\ud83dme":"v","o":{"\\ude00":1}}')):
        for parameters in ("", "?pipeline=touched"):
            assert raw(server, "PUT", f"/notes/_doc/{identifier}{parameters}", body)[0] in (200, 201)
            assert json.loads(source_of(server, "notes", identifier)) == json.loads(body)
    line = '{"index":{"_index":"notes","_id":"i\\ud83dd"}}\n{"text":"x"}\n'
    assert not json.loads(raw(server, "POST", "/_bulk?pipeline=touched", line, NDJSON)[1])["errors"]
    assert server.es("GET", "/notes/_doc/i%EF%BF%BDd")[1]["found"]
    assert server.es("POST", "/notes/_mget", '{"ids":["i\\ud83dd"]}')[1]["docs"][0]["found"]


def test_half_an_emoji_is_no_text_to_embed(registered):
    server = registered
    body = {"processors": [{"inference": {"model_id": "clip-ingest", "input_output": {"input_field": "t", "output_field": "v"}}}]}
    assert server.es("PUT", "/_ingest/pipeline/embed", body)[0] == 200
    status, answer = server.es("PUT", "/notes/_doc/1?pipeline=embed", '{"t":"a \\ud83d"}')
    assert status == 400 and "half of a surrogate pair" in json.dumps(answer)
    body["processors"][0]["inference"]["ignore_failure"] = True
    assert server.es("PUT", "/_ingest/pipeline/embed", body)[0] == 200
    assert server.es("PUT", "/notes/_doc/1?pipeline=embed", '{"t":"a \\ud83d"}')[0] == 201
    assert source_of(server, "notes", 1) == '{"t":"a \\uD83D"}'


def test_a_picture_that_is_missing_takes_no_vector_from_the_one_that_is_there(registered, demo_pictures):
    server = registered
    uri = "data:image/jpeg;base64," + base64.b64encode(next(p for p in demo_pictures if p.suffix == ".jpg").read_bytes()).decode()
    settings = server.es("GET", "/_inference/clip-ingest")[1]["endpoints"][0]["service_settings"]
    settings = {key: value for key, value in settings.items() if key != "dimensions"}
    # An endpoint that takes pictures alone: it refuses an empty text.
    settings["request"] = '{"model":"clip","input":${input},"modality":"image"}'
    assert server.es("PUT", "/_inference/text_embedding/pictures", {"service": "custom", "service_settings": settings})[0] == 200
    fields = [{"input_field": f"photo{i}", "output_field": f"vector{i}"} for i in (1, 2)]
    body = {"processors": [{"inference": {"model_id": "pictures", "ignore_missing": True, "input_output": fields}}]}
    assert server.es("PUT", "/_ingest/pipeline/photos", body)[0] == 200
    cases = [({"photo1": uri}, {1}), ({"photo2": uri}, {2}), ({"photo1": uri, "photo2": None}, {1}), ({"photo1": None, "photo2": uri}, {2}),
             ({"photo1": uri, "photo2": uri}, {1, 2}), ({}, set()), ({"photo1": None, "photo2": None}, set())]
    lines = ""
    for number, (source, _) in enumerate(cases):
        status, answer = server.es("PUT", f"/houses/_doc/{number}?pipeline=photos", source)
        assert status == 201, answer
        lines += json.dumps({"index": {"_index": "houses", "_id": f"b{number}"}}) + "\n" + json.dumps(source) + "\n"
    status, answer = server.es("POST", "/_bulk?pipeline=photos", lines, content_type=NDJSON)
    assert status == 200 and not answer["errors"], answer
    for number, (source, vectors) in enumerate(cases):
        for identifier in (str(number), f"b{number}"):
            stored = server.es("GET", f"/houses/_source/{identifier}?_source_exclude_vectors=false")[1]
            assert {i for i in (1, 2) if f"vector{i}" in stored} == vectors
            assert all(len(stored[f"vector{i}"]) == len(next(v for k, v in stored.items() if k.startswith("vector"))) for i in vectors)
            assert ("model_id" in stored) == bool(vectors)


def test_an_id_that_is_too_long_refuses_the_request(touched):
    server = touched
    for identifier, size in (("a" * 513, 513), ("ü" * 257, 514)):
        reason = f"Validation Failed: 1: id [{identifier}] is too long, must be no longer than 512 bytes but was: {size};"
        quoted = urllib.parse.quote(identifier)
        for method, path, body in (("PUT", "_doc", {"a": 1}), ("PUT", "_create", {"a": 1}), ("POST", "_update", {"doc": {"a": 1}})):
            for parameters in ("", "?pipeline=touched") if path != "_update" else ("",):
                status, answer = server.es(method, f"/notes/{path}/{quoted}{parameters}", body)
                assert status == 400 and answer["error"]["reason"] == reason
        for operation, body in (("index", {"a": 1}), ("create", {"a": 1}), ("update", {"doc": {"a": 1}, "doc_as_upsert": True})):
            lines = "".join(json.dumps(line) + "\n" for line in ({"index": {"_index": "notes", "_id": "good"}}, {"a": 1}, {operation: {"_index": "notes", "_id": identifier}}, body))
            for parameters in ("", "?pipeline=touched"):
                status, answer = server.es("POST", "/_bulk" + parameters, lines, content_type=NDJSON)
                assert status == 400 and answer["error"]["reason"] == reason
        assert server.es("GET", "/notes/_doc/good")[0] == 404  # nothing was written
        assert server.es("PUT", "/notes")[0] == 200
        assert server.es("GET", f"/notes/_doc/{quoted}")[0] == 404
        assert server.es("DELETE", f"/notes/_doc/{quoted}")[1]["result"] == "not_found"
        line = json.dumps({"delete": {"_index": "notes", "_id": identifier}}) + "\n"
        assert server.es("POST", "/_bulk", line, content_type=NDJSON)[1]["items"][0]["delete"]["status"] == 404
        assert not server.es("POST", "/notes/_mget", {"ids": [identifier]})[1]["docs"][0]["found"]
        server.es("DELETE", "/notes")
    assert server.es("PUT", "/notes/_doc/" + "a" * 512, {"a": 1})[0] == 201
