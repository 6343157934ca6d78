// What the console's modules must do, for whatever runs it: node (unit.test.mjs) or a browser (tests/e2e/test_page_units.py).
import { bodyType, typeAt } from "../../server/web/page/modules/console/body_members.js";
import { parametersOf, pathsThatFit, takesPostForGet } from "../../server/web/page/modules/console/apis.js";
import { curlOf } from "../../server/web/page/modules/console/curl.js";
import { deletedIndices, indicesOf } from "../../server/web/page/modules/console/danger.js";
import { parseConsole, requestAt, sentPath, takesLines } from "../../server/web/page/modules/console/parse.js";
import { placeIn } from "../../server/web/page/modules/console/place.js";
import { prettyJson } from "../../server/web/page/modules/console/pretty.js";

/** test(name, function), assert: those of node, or the likes of them; shipped: {name: text} of es_config/console. */
export default function cases(test, assert, shipped) {
  const only = (text) => {
    const { requests, problems } = parseConsole(text);
    assert.equal(requests.length, 1);
    return { ...requests[0], all: problems };
  };
  const fault = (text) => {
    const { problems } = parseConsole(text);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    return { at: text.slice(problems[0].from, problems[0].to), line: text.slice(0, problems[0].from).split("\n").length, message: problems[0].message };
  };

  test("a method, a path and a body make a request", () => {
    const one = only('# first\n\nGET clip-images/_search\n{ "size": 3 }\n');
    assert.deepEqual([one.method, one.path, one.line, one.body, one.contentType], ["GET", "clip-images/_search", 3, '{ "size": 3 }', "application/json"]);
    assert.deepEqual(one.all, []);
  });

  test("the shipped files are read whole, without a fault", () => {
    assert.ok(Object.keys(shipped).length >= 4);
    for (const [name, text] of Object.entries(shipped)) {
      const { requests, problems } = parseConsole(text);
      assert.deepEqual(problems, [], name);
      assert.equal(requests.length, text.split("\n").filter((line) => /^(GET|PUT|POST|DELETE) /.test(line)).length, name);
      for (const request of requests.filter((one) => one.body)) JSON.parse(request.body);
    }
  });

  test("requests follow each other with or without blank lines, in any case of letters", () => {
    const { requests, problems } = parseConsole("get /_cat/indices?v\npost a/_refresh\nHEAD a\r\nDELETE a/_doc/1 # gone\nGET a/_count // how many");
    assert.deepEqual(problems, []);
    assert.deepEqual(requests.map((one) => `${one.method} ${one.path}`), ["GET /_cat/indices?v", "POST a/_refresh", "HEAD a", "DELETE a/_doc/1", "GET a/_count"]);
  });

  test("several bodies are sent as lines, and so is the body of a bulk", () => {
    const bulk = only('POST _bulk\n{ "index": { "_index": "a" } }\n{\n  "x": 1.0,\n  "y": 12345678901234567890\n}\n');
    assert.equal(bulk.body, '{"index":{"_index":"a"}}\n{"x":1.0,"y":12345678901234567890}\n');
    assert.equal(bulk.contentType, "application/x-ndjson");
    assert.equal(only('POST a/_bulk?refresh=true\n{"delete":{"_id":"1"}}').body, '{"delete":{"_id":"1"}}\n');
    assert.ok(takesLines("_msearch/template") && !takesLines("_bulk/x") && !takesLines("a/_search"));
  });

  test("comments in bodies are not sent, and lines stay where they are", () => {
    const one = only('GET a/_search\n{\n  // how many\n  "size": 3, # three\n  /* of\n  all */ "from": 0,\n  "s": "# not // a /* comment"\n}');
    assert.deepEqual(JSON.parse(one.body), { size: 3, from: 0, s: "# not // a /* comment" });
    assert.equal(one.body.split("\n").length, 7);
  });

  test('texts between """ may have lines, quotes and methods in them', () => {
    const one = only('POST a/_doc\n{\n  "script": """\nGET x\n"quoted" \\ and {\n"""\n}\n');
    assert.equal(JSON.parse(one.body).script, '\nGET x\n"quoted" \\ and {\n');
    assert.equal(JSON.parse(only('POST a/_doc\n{ "a": """x""", "b": "y" }').body).a, "x");
    assert.match(fault('POST a/_doc\n{ "a": """x }').message, /no closing """/);
  });

  test("each fault is named at its place", () => {
    const faults = [
      ['GET a/_search\n{\n  "a": 1\n  "b": 2\n}', '"', 4, /expected ',' or '}'/],
      ['GET a/_search\n{\n  "a": 1,\n}', ",", 3, /comma before '}'/],
      ['GET a/_search\n{ "a": [1, 2 }', "}", 2, /expected ',' or ']'/],
      ['GET a/_search\n{\n  "a": {\n', "{", 3, /not closed: '}'/],
      ["GET a/_search\n{ a: 1 }", "a", 2, /name in double quotes/],
      ['GET a/_search\n{ "a" 1 }', "1", 2, /expected ':' after "a"/],
      ['GET a/_search\n{ "a": True }', "True", 2, /'True' is not a JSON value/],
      ['GET a/_search\n{ "a": 01 }', "01", 2, /'01' is not a JSON value/],
      ['GET a/_search\n{ "a": "x }\n', '"x }', 2, /no closing "/],
      ['GET a/_search\n{ "a": "\\d" }', "\\d", 2, /no such escape/],
      ['GET a/_search\n{ "a": 1, "a": 2 }', '"a"', 2, /"a" appears twice/],
      ['GET a/_search\nsize: 3\n', "size: 3", 2, /expected a request/],
      ["hello\nGET a/_search", "hello", 1, /expected a request/],
      ["GET", "GET", 1, /expected a path/],
      ["GET http://x/a", "http://x/a", 1, /only a path/],
      ["GET kbn:/api/status", "kbn:/api/status", 1, /Kibana's own/],
      ["GET a/../../v1/models", "a/../../v1/models", 1, /'\.'/],
      ["GET %2e%2E/v1/models", "%2e%2E/v1/models", 1, /'\.'/],
    ];
    for (const [text, at, line, message] of faults) {
      const found = fault(text);
      assert.deepEqual([found.at, found.line], [at, line], text);
      assert.match(found.message, message, text);
    }
  });

  test("a broken body takes no request after it along", () => {
    const { requests, problems } = parseConsole('GET a/_search\n{ "a": [1, }\n\nGET b/_count\n{ "query": { "match_all": {} } }\n');
    assert.deepEqual(requests.map((one) => [one.path, one.problems.length]), [["a/_search", 1], ["b/_count", 0]]);
    assert.equal(problems.length, 1);
    assert.equal(requests[0].body, undefined);
  });

  test("deep nesting is a fault, no crash", () => {
    assert.match(fault("POST a/_doc\n" + "[".repeat(100000)).message, /levels of brackets/);
  });

  test("nothing in a path can end it or leave the route", () => {
    assert.equal(sentPath("/a b/_doc/x#y\\z?q=\u00e9 {}"), "a%20b/_doc/x%23y%5Cz?q=%C3%A9%20%7B%7D");
    assert.equal(sentPath("clip-*,a/_search?q=x:y&size=[1]"), "clip-*,a/_search?q=x:y&size=[1]");
    assert.equal(sentPath("a/_doc/%2F"), "a/_doc/%2F");
  });

  test("the request at a place is the last that begins before it", () => {
    const { requests } = parseConsole("# x\nGET a\n\nGET b\n");
    assert.deepEqual([0, 5, 9, 11].map((at) => requestAt(requests, at).path), ["a", "a", "a", "b"]);
    assert.equal(requestAt([], 0), undefined);
  });

  test("GET with a body becomes POST where Elasticsearch takes both", () => {
    for (const path of ["_search", "/a/_search?size=1", "a,b/_count", "_msearch", "a/_mget", "_analyze", "a/_validate/query", "a/_explain/1", "_field_caps", "_ingest/pipeline/p/_simulate", "_search/scroll", "_render/template"]) {
      assert.ok(takesPostForGet(path), path);
    }
    for (const path of ["a", "a/_mapping", "a/_doc/1", "_cat/indices", "_cluster/health", "_ingest/pipeline/p", "_inference/x", "_search_x"]) assert.ok(!takesPostForGet(path), path);
  });

  test("what only a cluster answers is not offered for the embedded store", () => {
    const offered = (cluster) => pathsThatFit("GET", ["_cat", ""], cluster).map((one) => one.segments[1]);
    assert.ok(offered(true).includes("health") && offered(true).includes("indices"));
    assert.ok(!offered(false).includes("health") && offered(false).includes("indices"));
    assert.ok(parametersOf("GET", "a/_search", true).includes("q") && !parametersOf("GET", "a/_search", false).includes("q"));
    assert.ok(parametersOf("GET", "a/_search", false).includes("size"));
  });

  test("deletions of whole indices are seen however they are written", () => {
    const of = (method, path) => deletedIndices({ method, path });
    assert.deepEqual(of("DELETE", "/*"), ["*"]);
    assert.deepEqual(of("DELETE", "_all?pretty"), ["_all"]);
    assert.deepEqual(of("DELETE", "clip-images/"), ["clip-images"]);
    assert.deepEqual(of("DELETE", "%2A"), ["*"]);
    assert.deepEqual(of("DELETE", "a*,-ab"), ["a*", "-ab"]);
    assert.deepEqual(of("DELETE", "_data_stream/logs"), ["logs"]);
    for (const [method, path] of [["DELETE", "a/_doc/1"], ["DELETE", "_inference/x"], ["DELETE", "_pit"], ["GET", "a"], ["DELETE", "_ingest/pipeline/p"]]) assert.equal(of(method, path), undefined);
    assert.deepEqual(indicesOf(["a*", "-ab"], ["ab", "ac", "b.c", "bxc"]), ["ac"]);
    assert.deepEqual(indicesOf(["b.c"], ["b.c", "bxc"]), ["b.c"]);
  });

  test("curl has the request, quoted for a shell, and nobody's key", () => {
    const command = curlOf(only('POST a/_doc\n{ "t": "it\'s" }'), "http://x:9200/", ["Authorization: ApiKey YOUR_KEY"]);
    assert.equal(command, "# Add your own: -H 'Authorization: ApiKey YOUR_KEY'\ncurl -sS -X POST 'http://x:9200/a/_doc' \\\n  -H 'Content-Type: application/json' \\\n  --data-binary '{ \"t\": \"it'\\''s\" }'\n");
    assert.match(curlOf(only("HEAD a"), "http://x"), /^curl -sS --head 'http:\/\/x\/a'\n$/);
  });

  test("answers are laid out as they are, with long vectors and strings folded", () => {
    const vector = Array.from({ length: 768 }, (_, place) => place / 1000);
    const text = JSON.stringify({ id: 1, v: vector, image: "A".repeat(5000), hits: [{ a: 1, b: [1, 2] }, {}], n: null });
    const { text: shown, folds, whole } = prettyJson(text.replace('"id":1', '"id":12345678901234567890'));
    assert.ok(whole);
    assert.deepEqual({ ...JSON.parse(shown), id: 1 }, JSON.parse(text));
    assert.match(shown, /"id": 12345678901234567890,\n/);
    assert.deepEqual(folds.map((one) => one.label), [", … 766 more", "… 4,961 more characters"]);
    assert.equal(shown.slice(folds[0].from - 9, folds[0].from), "[0, 0.001");
    assert.equal(shown[folds[0].to], "]");
    assert.equal(shown[folds[1].to], '"');
    assert.equal(prettyJson("green open x"), undefined);
    assert.equal(prettyJson('{"a":"b\\"c","d":"\\\\"}').text, '{\n  "a": "b\\"c",\n  "d": "\\\\"\n}');
    assert.ok(!prettyJson(JSON.stringify(Array(1000).fill({ some: "text" })), 200).whole);
  });

  test("the place in a body that is being written is known", () => {
    const at = (text) => { const { keys, at: what, prefix } = placeIn(text); return [keys.join("."), what, prefix]; };
    assert.deepEqual(at('{ "kn'), ["", "key", '"kn']);
    assert.deepEqual(at('{ "knn": { "field": "image_'), ["knn.field", "value", '"image_']);
    assert.deepEqual(at('{ "query": { "bool": { "must": [ { "match": {} }, { "'), ["query.bool.must.1", "key", '"']);
    assert.deepEqual(at('{ "a": """GET { """, # { "x\n "b": { '), ["b", "key", ""]);
    assert.deepEqual(at('{ "size": 3 '), ["", "none", ""]);
    assert.deepEqual(at('{ "_source": ["im'), ["_source.0", "value", '"im']);
  });

  test("the types of bodies follow their paths", () => {
    assert.equal(bodyType("GET", "/clip-images/_search?size=1"), "search");
    assert.equal(bodyType("PUT", "_inference/text_embedding/x"), "endpoint_definition");
    assert.equal(bodyType("POST", "_inference/text_embedding/x"), "inference_call");
    assert.equal(bodyType("PUT", "clip-images"), "index_definition");
    assert.equal(typeAt("search", ["knn", "query_vector_builder", "text_embedding", "model_id"]), "endpoint");
    assert.equal(typeAt("search", ["query", "bool", "must", 1, "range", "price"]), "range_of_field");
    assert.equal(typeAt("search", ["retriever", "rrf", "retrievers", 0, "knn", "field"]), "field:dense_vector");
    assert.equal(typeAt("search", ["constructor"]), undefined);
    assert.equal(typeAt("pipeline_definition", ["processors", 0, "inference", "model_id"]), "endpoint");
  });
}
