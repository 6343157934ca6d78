// What the gallery shows, and how it stands in the URL.
import { facetState, facetValuesOf } from "../filters/facets.js";
import { choiceOf, go, textOf } from "../shell/router.js";
import { sortsOf } from "./query.js";

/** The collections that the gallery can show: one for each index, in their order, with the index's main pictures. */
export function galleriesOf(collections) {
  const first = collections.filter((one, at) => collections.findIndex((other) => other.index === one.index) === at);
  return first.map((one) => ({ ...one, pictureField: one.mainPictureField }));
}

/** {collection, words, sort: {field, order}, values} of the URL's parameters. */
export function readState(parameters, galleries) {
  const index = choiceOf(parameters, "index", galleries[0].index, galleries.map((one) => one.index));
  const collection = galleries.find((one) => one.index === index);
  const sorts = sortsOf(collection).map((one) => one.field);
  return {
    collection,
    words: textOf(parameters, "q", 200),
    sort: { field: choiceOf(parameters, "sort", sorts[0], sorts), order: choiceOf(parameters, "order", "asc", ["asc", "desc"]) },
    values: facetValuesOf(parameters),
  };
}

/** Shows the gallery with `state`; what is the default is left out of the URL. */
export function showState({ collection, words, sort, values }, galleries) {
  go("images", {
    index: collection === galleries[0] ? undefined : collection.index,
    q: words,
    sort: sort.field === sortsOf(collection)[0].field ? undefined : sort.field,
    order: sort.order === "asc" ? undefined : sort.order,
    ...facetState(values),
  });
}
