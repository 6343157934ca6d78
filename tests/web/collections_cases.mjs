// Which fields the page offers: see console_cases.mjs.
import { facetFieldsOf } from "../../server/web/page/modules/filters/counts.js";
import { filterClauses } from "../../server/web/page/modules/filters/values.js";
import { sortsOf, sourceOf } from "../../server/web/page/modules/images/query.js";
import { flatFields, heavyFields, isLink, textFields } from "../../server/web/page/modules/server/collections.js";

const keyword = { type: "keyword" };
const fields = flatFields({
  image_name: { type: "text", fields: { keyword } }, image_data: { type: "binary" }, image_url: keyword, image_sha256: keyword,
  kitchen_data: { type: "binary" }, kitchen_url: keyword, kitchen_sha256: keyword, agent_url: keyword, city: keyword,
});

export default function cases(test, assert) {
  test("links and hashes are those beside a picture's field, and a table's own columns are none", () => {
    const links = ["image_url", "image_sha256", "kitchen_url", "kitchen_sha256"];
    assert.deepEqual(Object.keys(fields).filter((path) => isLink(path, fields)), links);
    assert.ok(isLink("image_url", {}) && !isLink("kitchen_url", {}) && !isLink("_url", {}));
  });

  test("all pictures and vectors of an index are heavy", () => {
    const vector = { type: "dense_vector" };
    const found = flatFields({ room: { properties: { plan_data: { type: "binary" }, embedding: vector } }, name: keyword, image_embedding: vector });
    assert.deepEqual(heavyFields({ fields: found }), ["image_data", "room.plan_data", "room.embedding", "image_embedding"]);
    assert.deepEqual(heavyFields(undefined), ["image_data"]);
  });

  test("neither filters nor orders are made of links", () => {
    const collection = { fields, nameField: "image_name" };
    assert.deepEqual(facetFieldsOf(collection).map((facet) => facet.path), ["agent_url", "city"]);
    assert.deepEqual(sortsOf(collection).map((sort) => sort.field), ["image_name.keyword", "_doc", "agent_url", "city"]);
  });

  test("a field of an object is written into that object, as pipelines read it", () => {
    const written = (values) => JSON.stringify(sourceOf(values));
    assert.equal(written({ "photo.name": "a.jpg", "photo.data": "AAAA" }), '{"photo":{"name":"a.jpg","data":"AAAA"}}');
    assert.equal(written({ image_name: "a.jpg", "__proto__.x": 1 }), '{"image_name":"a.jpg","__proto__":{"x":1}}');
    assert.equal({}.x, undefined);
  });

  test("days are milliseconds where a date field's format lists these", () => {
    const values = { built: { min: "2020-01-10", max: "2020-01-11" } };
    const range = (format) => filterClauses(values, { built: { type: "date", format } })[0].range.built;
    const iso = { gte: "2020-01-10", lte: "2020-01-11" };
    for (const format of [undefined, "strict_date_optional_time", "yyyy-MM-dd"]) assert.deepEqual(range(format), iso);
    assert.deepEqual(filterClauses(values)[0].range.built, iso);
    for (const format of ["yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis", "yyyy-MM-dd HH:mm:ss||epoch_millis", "strict_date_optional_time||epoch_millis"])
      assert.deepEqual(range(format), { gte: 1578614400000, lte: 1578787199999 });
  });

  test("words are matched against texts that can be searched", () => {
    const found = flatFields({ title: { type: "text", fields: { keyword } }, notes: { type: "text", index: false }, city: keyword });
    assert.deepEqual(textFields({ fields: found }), ["title"]);
  });
}
