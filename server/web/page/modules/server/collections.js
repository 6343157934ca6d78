// Which pictures can be searched, and how: one collection for each vector field of an index whose mapping says, or whose
// registered endpoints show, which model makes its vectors.
import { elasticsearch } from "./elasticsearch.js";

const k_titles = { clip: "CLIP", "jina-clip": "jina-clip", cohere: "Cohere", siglip: "SigLIP" };

/**
 * True for links to pictures and their hashes, which sightline-ingest writes beside a picture's field NAME_data. They differ for each
 * document: no use as filters, groups, orders or lines of a hit. fields: those of the index, by path.
 */
export function isLink(path, fields) {
  const name = /^(.+)_(?:url|sha256)$/.exec(path)?.[1];
  return name === "image" || (name !== undefined && fields[`${name}_data`] !== undefined);
}

/** The columns that every installation should have, in their order, the index that scripts/register_endpoints.sh makes, and how to get one that is missing. */
export const k_expected = [
  { model: "clip", index: "clip-images", help: "scripts/register_endpoints.sh --models clip" },
  { model: "jina-clip", index: "jina-images", help: "scripts/register_endpoints.sh --models jina-clip" },
  { model: "cohere", index: "embed-images", help: "put COHERE_API_KEY into .env, then run scripts/register_endpoints.sh --models cohere" },
];

/** How a model is called on the page. */
export const titleOf = (model) => k_titles[model] ?? model;

/** All fields of a mapping by their full name, sub-fields too: {"image_name.keyword": {type, parent}}. */
export function flatFields(properties, prefix = "", into = {}) {
  for (const [name, field] of Object.entries(properties ?? {})) {
    const path = prefix + name;
    if (field.type || !field.properties) into[path] = { type: field.type ?? "object", ...field, path };
    flatFields(field.properties, path + ".", into);
    for (const [sub, inner] of Object.entries(field.fields ?? {})) into[`${path}.${sub}`] = { ...inner, path: `${path}.${sub}`, parent: path };
  }
  return into;
}

/** The model that a `custom` endpoint's request template names, and for what it embeds. */
function templateOf(endpoint) {
  const text = endpoint.service_settings?.request ?? "";
  const model = /"model"\s*:\s*"([^"\\]*)"/.exec(text)?.[1] ?? endpoint.service_settings?.model_id;
  const role = /"input_type"\s*:\s*"([^"\\]*)"/.exec(text)?.[1] ?? "";
  return { model, role };
}

function endpointsOf(model, dims, endpoints) {
  const fits = (endpoint) => !dims || !endpoint.service_settings?.dimensions || endpoint.service_settings.dimensions === dims;
  const byName = (name) => endpoints.find((endpoint) => endpoint.inference_id === name && fits(endpoint));
  const byRole = (roles) =>
    endpoints.find((endpoint) => {
      const template = templateOf(endpoint);
      return template.model === model && fits(endpoint) && roles.some((role) => template.role.includes(role));
    });
  const search = byName(`${model}-search`) ?? byRole(["query", "search"]);
  const ingest = byName(`${model}-ingest`) ?? byRole(["document", "ingest"]);
  // Elastic's own connector for Cohere takes texts alone: pictures of a query go where documents go.
  const picture = search?.service === "cohere" ? ingest : (search ?? ingest);
  return { search, ingest, picture };
}

/** The fields that words are matched against in a hybrid search. */
export function textFields(collection) {
  return Object.values(collection.fields).filter((field) => field.type === "text" && field.index !== false && !field.parent).map((field) => field.path);
}

const binaryFields = (fields) => Object.values(fields).filter((field) => field.type === "binary").map((field) => field.path);

/** The field of an index's main pictures: image_data, else the first binary field; undefined without one. */
export function mainPictureField(fields) {
  const binary = binaryFields(fields);
  return binary.includes("image_data") ? "image_data" : binary[0];
}

/**
 * The field of the pictures that the vectors of a field were made of. sightline-ingest writes the picture of a column NAME into NAME_data
 * (docs/ingest.md), whose vectors belong in NAME_embedding; a vector field without such a partner has the main pictures.
 */
export function pictureFieldOf(vectorField, fields) {
  const name = vectorField.replace(/_?(?:embedding|vector)$/, "");
  const own = name === "" || name.endsWith(".") ? `${name}data` : `${name}_data`;
  return binaryFields(fields).includes(own) ? own : mainPictureField(fields);
}

/** True if the collection's vectors are of other pictures of its documents than that in `field`. */
export const hasOtherPictures = (collection, { field = "image_data" }) => collection.pictureField !== field && collection.fields[field] !== undefined;

/** The paths of fields that no list and no hit shows: all pictures and all vectors of the index, which are megabytes. */
export function heavyFields(collection) {
  const heavy = Object.values(collection?.fields ?? {}).filter((field) => field.type === "binary" || field.type === "dense_vector");
  return [...new Set(["image_data", ...heavy.map((field) => field.path)])];
}

function nameFieldOf(fields) {
  return ["image_name", "name", "title", "file", "filename"].find((name) => fields[name]);
}

function collectionsOfIndex(index, mapping, { endpoints, problem }, models) {
  const fields = flatFields(mapping.properties);
  const recorded = mapping._meta?.sightline ?? {};
  return Object.values(fields).filter((field) => field.type === "dense_vector").map((field) => {
    const prefix = field.path.replace(/_?embedding$/, "");
    const guessed = ["clip", "jina-clip", "cohere"].find((model) => model === prefix || model.startsWith(prefix + "-"));
    const model = recorded[field.path]?.model ?? (prefix && prefix !== "image" ? guessed : undefined);
    const found = model ? endpointsOf(model, field.dims, endpoints) : {};
    const served = models.find((one) => one.id === model) ?? models.find((one) => one.id === templateOf(found.ingest ?? {}).model);
    return {
      id: `${index}/${field.path}`,
      index, field: field.path, dims: field.dims, similarity: field.similarity ?? "cosine",
      model, title: model ? titleOf(model) : `${index} · ${field.path}`,
      fingerprint: recorded[field.path]?.fingerprint,
      demo: recorded[field.path]?.demo === true,
      description: served?.architecture ? `${served.id}, ${field.dims} dims` : `${field.dims} dims`,
      served,
      searchEndpoint: found.search?.inference_id,
      ingestEndpoint: found.ingest?.inference_id,
      pictureEndpoint: found.picture?.inference_id,
      endpointsProblem: problem,
      fields,
      pictureField: pictureFieldOf(field.path, fields),
      mainPictureField: mainPictureField(fields),
      nameField: nameFieldOf(fields),
    };
  });
}

/** Where a collection's vectors are, in words. */
export const placeOf = ({ index, field }) => (field === "image_embedding" ? index : `${index} · ${field}`);

/** The expected models come first; of several indices of one, that of the expected name. */
function rank({ model, index }) {
  const place = k_expected.findIndex((one) => one.model === model);
  if (place < 0) return 2 * k_expected.length;
  return 2 * place + (index === k_expected[place].index ? 0 : 1);
}

/** Collections with a title that others have, too, are `ambiguous`: their places tell them apart. */
function withAmbiguity(collections) {
  const isShared = ({ title }) => collections.filter((one) => one.title === title).length > 1;
  return collections.map((one) => ({ ...one, ambiguous: isShared(one) }));
}

/**
 * Everything that can be searched: {collections, endpoints, indices, missing, endpointsProblem}. `indices` are the names of all indices;
 * `missing` are expected columns that are not there; `endpointsProblem` is why the endpoints could not be read (a RequestError), if so.
 * The indices of one picture each (clip-images, ...) come before those that hold several vectors (listings).
 */
export async function loadCollections(models, options) {
  const [mappings, inference] = await Promise.all([
    elasticsearch("_mapping", options),
    elasticsearch("_inference/_all", options).catch((problem) => ({ data: {}, problem })),
  ]);
  const endpoints = (inference.data.endpoints ?? []).filter((one) => ["text_embedding", "embedding"].includes(one.task_type));
  const collections = withAmbiguity(Object.entries(mappings.data)
    .filter(([index]) => !index.startsWith("."))
    .map(([index, { mappings: mapping }]) => collectionsOfIndex(index, mapping, { endpoints, problem: inference.problem }, models))
    .sort((a, b) => a.length - b.length)
    .flat()
    .sort((a, b) => rank(a) - rank(b)));
  const missing = k_expected.filter((one) => !collections.some((collection) => collection.model === one.model));
  return { collections, endpoints, indices: Object.keys(mappings.data), missing, endpointsProblem: inference.problem };
}

/** True if the collection's model has this name: as the index names it, or as the server does (`cohere` is embed-v4.0 there). */
export const isOfModel = (collection, name) => collection.model === name || collection.served?.id === name;

/** The first collection of each model: the columns that a search shows if nothing else was chosen. */
export function standardCollections(collections) {
  const seen = new Set();
  return collections.filter((one) => {
    if (!one.model || seen.has(one.model)) return false;
    seen.add(one.model);
    return true;
  });
}
