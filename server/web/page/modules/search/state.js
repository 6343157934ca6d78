// What a search is, and how it stands in the URL.
import { choiceOf, format, numberOf, textOf, wholeNumberOf } from "../shell/router.js";

/** The article's request. */
export const k_article = { size: 4, k: 5, candidates: 100, boost: 10 };
export const k_modes = ["vectors", "weighted", "rrf"];

const k_longest = 1024; // of a document's place, and of a field

/** {index, id} of "INDEX/ID"; undefined if it is neither. Ids may have slashes, names of indices not. */
export function documentOf(text) {
  const slash = text.indexOf("/");
  return slash > 0 && slash < text.length - 1 ? { index: text.slice(0, slash), id: text.slice(slash + 1) } : undefined;
}

/** The document that the parameters `name` and `name.field` say: {index, id, field}, where field is that of its picture if one is said. */
export function documentIn(parameters, name) {
  const document = documentOf(textOf(parameters, name, k_longest));
  const field = textOf(parameters, `${name}.field`, k_longest);
  return document && (field ? { ...document, field } : document);
}

/** The same as members of a view's state; image_data is not said. */
export function documentState(name, document) {
  const { index, id, field } = document ?? {};
  return { [name]: document && `${index}/${id}`, [`${name}.field`]: field === "image_data" ? undefined : field };
}

/** "t.clip=0.2" and the like: {clip: 0.2}. */
function thresholdsOf(parameters) {
  const thresholds = {};
  for (const name of new Set(parameters.keys())) {
    if (!name.startsWith("t.")) continue;
    const value = numberOf(parameters, name, undefined, -1, 1);
    if (value !== undefined) thresholds[name.slice(2)] = value;
  }
  return thresholds;
}

/**
 * The search that the URL's parameters describe. words; like: {index, id, field}; picture: a digest (pictures/kept_pictures.js);
 * share: of the words, where there is a picture too; columns: ids of collections, [] for the standard ones.
 */
export function readState(parameters) {
  return {
    words: textOf(parameters, "q"),
    like: documentIn(parameters, "like"),
    picture: /^[0-9a-f]{8,64}$/.test(parameters.get("picture") ?? "") ? parameters.get("picture") : undefined,
    share: numberOf(parameters, "mix", 0.5, 0, 1),
    size: wholeNumberOf(parameters, "size", k_article.size, 1, 100),
    k: wholeNumberOf(parameters, "k", k_article.k, 1, 10000),
    candidates: wholeNumberOf(parameters, "candidates", k_article.candidates, 1, 10000),
    boost: numberOf(parameters, "boost", k_article.boost, 0.000001, 1e6),
    mode: choiceOf(parameters, "mode", "vectors", k_modes),
    weight: numberOf(parameters, "weight", 1, 0, 1e6),
    hide: parameters.get("hide") === "1",
    thresholds: thresholdsOf(parameters),
    columns: parameters.getAll("column").slice(0, 12),
  };
}

const unless = (value, standard) => (value === standard ? undefined : value);

/** The parameters of a search, without what is the default. `filters` are those of filters/facets.js, as parameters. */
export function writeState(state, filters = {}) {
  const parameters = {
    q: state.words,
    ...documentState("like", state.like),
    picture: state.picture,
    mix: state.words && (state.picture || state.like) ? unless(state.share, 0.5) : undefined,
    size: unless(state.size, k_article.size),
    k: unless(state.k, k_article.k),
    candidates: unless(state.candidates, k_article.candidates),
    boost: unless(state.boost, k_article.boost),
    mode: unless(state.mode, "vectors"),
    weight: state.mode === "weighted" ? unless(state.weight, 1) : undefined,
    hide: state.hide ? "1" : undefined,
    column: state.columns,
    ...filters,
  };
  for (const [model, value] of Object.entries(state.thresholds)) parameters["t." + model] = value;
  return parameters;
}

/** True if there is something to search for. */
export const hasQuery = (state) => Boolean(state.words.trim() || state.like || state.picture);

/** The address of "more like this" for the picture of a document: {index, id, field}. */
export const likeLink = (document) => format("search", documentState("like", document));
