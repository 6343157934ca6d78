// Which fields the page offers: see console_cases.mjs.
import { facetFieldsOf } from "../../server/web/page/modules/filters/counts.js";
import { sortsOf } from "../../server/web/page/modules/images/query.js";
import { flatFields, heavyFields, isLink } from "../../server/web/page/modules/server/collections.js";

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
}
