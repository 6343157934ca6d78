// Which fields the page offers: see console_cases.mjs.
import { facetFieldsOf } from "../../server/web/page/modules/filters/counts.js";
import { facetState, facetValuesOf, filterClauses } from "../../server/web/page/modules/filters/values.js";
import { sortsOf, sourceOf } from "../../server/web/page/modules/images/query.js";
import { flatFields, hasOtherPictures, heavyFields, isLink, isOfModel, mainPictureField, pictureFieldOf, textFields } from "../../server/web/page/modules/server/collections.js";

const keyword = { type: "keyword" };
const binary = { type: "binary" };
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

  test("a vector field's pictures are those of its own name, else the main ones", () => {
    const main = (found) => mainPictureField(flatFields(found));
    assert.equal(pictureFieldOf("image_embedding", fields), "image_data");
    assert.equal(pictureFieldOf("kitchen_embedding", fields), "kitchen_data");
    for (const field of ["clip_embedding", "embedding", "vector"]) assert.equal(pictureFieldOf(field, fields), "image_data");
    const nested = flatFields({ room: { properties: { plan_data: binary, data: binary } }, front_data: binary });
    assert.equal(pictureFieldOf("room.plan_embedding", nested), "room.plan_data");
    assert.equal(pictureFieldOf("room.embedding", nested), "room.data");
    assert.equal(main({ photo_data: binary, x: keyword }), "photo_data");
    assert.equal(main({ x: keyword }), undefined);
    const kitchens = { fields, pictureField: "kitchen_data" };
    assert.ok(hasOtherPictures(kitchens, { field: "image_data" }) && hasOtherPictures(kitchens, {}));
    assert.ok(!hasOtherPictures(kitchens, { field: "kitchen_data" }) && !hasOtherPictures(kitchens, { field: "photo_data" }));
  });

  test("a model is known by the name of its index and by that of the server", () => {
    const cohere = { model: "cohere", served: { id: "embed-v4.0" } };
    assert.ok(isOfModel(cohere, "cohere") && isOfModel(cohere, "embed-v4.0") && !isOfModel(cohere, "clip"));
  });

  test("an end of a range is any number that a field for numbers takes, and nothing else becomes a filter", () => {
    const chosen = (query) => JSON.stringify(facetValuesOf(new URLSearchParams(query)));
    const bounds = { ".5": "0.5", "-.5": "-0.5", "5.": "5", "+5": "5", "+.25e2": "0.25e2", "5.e3": "5e3", "1E-2": "1E-2", "007": "007", " 4 ": "4", "9007199254740993": "9007199254740993", "2020-01-31": "2020-01-31" };
    for (const [text, bound] of Object.entries(bounds)) assert.equal(chosen({ "f.x.min": text }), JSON.stringify({ x: { min: bound } }), text);
    for (const text of ["", ".", "-", "e5", "5 6", "0x10", "Infinity", "NaN", "1e999", "red", "2020-1-1"]) assert.equal(chosen({ "f.x.max": text }), "{}", text);
    const values = { "size.min": ["red", "5"], "x.is": ["a"], y: { max: "3" } };
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(facetState(values))) for (const one of [value].flat()) if (one !== undefined) parameters.append(name, one);
    assert.deepEqual(facetValuesOf(parameters), values);
  });

  test("words are matched against texts that can be searched", () => {
    const found = flatFields({ title: { type: "text", fields: { keyword } }, notes: { type: "text", index: false }, city: keyword });
    assert.deepEqual(textFields({ fields: found }), ["title"]);
  });
}
