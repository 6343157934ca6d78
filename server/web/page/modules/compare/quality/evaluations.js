// Reports that `sightline-eval --save` keeps in an index: one document for each run, model and set.
import { isOfModel } from "../../server/collections.js";
import { search } from "../../server/elasticsearch.js";

export const k_index = "sightline-evaluations";
const k_page = 10000;

/** The tasks in the order they are shown, and what they are called. */
export const k_tasks = [
  { name: "text-to-image", title: "Text to image" },
  { name: "image-to-image", title: "Image to image" },
  { name: "image-to-text", title: "Image to text" },
  { name: "text-to-text", title: "Text to text" },
  { name: "zero-shot", title: "Labels" },
];

async function documents(body, signal) {
  const { data } = await search(k_index, { size: k_page, ...body }, { signal, optional: true }); // none until one is saved
  return data.hits.hits.map((hit) => hit._source);
}

/** The runs, newest first: [{name, date, table}]. */
export async function loadRuns(signal) {
  const found = await documents({ query: { match_all: {} }, _source: ["run", "date", "table"], sort: [{ date: "desc" }] }, signal);
  const runs = new Map();
  for (const { run, date, table } of found) if (!runs.has(run)) runs.set(run, { name: run, date, table });
  return [...runs.values()];
}

/** `fields` of all evaluations in these directions, newest first. */
export const loadNewest = (directions, fields, signal) =>
  documents({ query: { terms: { direction: directions } }, _source: ["direction", ...fields], sort: [{ date: "desc" }] }, signal);

/** All of a run but its worst queries, which are most of it. */
export const loadRun = (run, signal) => documents({ query: { term: { run } }, _source: { excludes: ["worst"] } }, signal);

/** The worst queries of one set: Map of model to list. */
export async function loadWorst({ run, direction, set }, signal) {
  const filter = [{ term: { run } }, { term: { direction } }, { term: { set } }];
  const found = await documents({ query: { bool: { filter } }, _source: ["model", "worst"] }, signal);
  return new Map(found.map(({ model, worst }) => [model, worst ?? []]));
}

/**
 * The documents of a run by task and set: [{name, title, sets: [{set, about, documents}]}], tasks without any left out.
 * Sets keep the order of their names; documents that of `models`.
 */
export function byTask(documents, models) {
  const place = ({ model }) => models.indexOf(model);
  return k_tasks.map((task) => {
    const sets = new Map();
    for (const document of documents.filter((one) => one.direction === task.name)) {
      if (!sets.has(document.set)) sets.set(document.set, { set: document.set, about: document.about, documents: [] });
      sets.get(document.set).documents.push(document);
    }
    for (const one of sets.values()) one.documents.sort((a, b) => place(a) - place(b));
    return { ...task, sets: [...sets.values()].sort((a, b) => b.documents[0].queries - a.documents[0].queries || a.set.localeCompare(b.set)) };
  }).filter((task) => task.sets.length > 0);
}

/** The models of a run: those with a column on the search page first, in its order. */
export function modelsOf(documents, standard) {
  const place = (model) => {
    const found = standard.findIndex((one) => isOfModel(one, model));
    return found < 0 ? standard.length : found;
  };
  return [...new Set(documents.map((one) => one.model))].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

/** The collection that a measured model searches: the one it names, else the one whose vectors are of the same weights. */
export function collectionOf(document, collections) {
  return collections.find((one) => isOfModel(one, document.model))
    ?? collections.find((one) => one.fingerprint && one.fingerprint === document.model_fingerprint);
}

/** True if the server now answers with other weights than were measured, so far as both are known. */
export function isOtherModel(document, served) {
  const now = served.find((one) => one.id === document.model)?.fingerprint;
  return Boolean(now && document.model_fingerprint && now !== document.model_fingerprint);
}
