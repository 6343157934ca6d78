// Sightline's own API.
import { request } from "./request.js";

/** What the page needs to know of the server: GET /v1/page. */
export const pageInfo = async (options) => (await request("/v1/page", options)).data;

/** The models: GET /v1/models. */
export const models = async (options) => (await request("/v1/models", options)).data.data;

/** Vectors without Elasticsearch: {vectors, milliseconds}. `inputs` are texts or data URLs. */
export async function embeddings(model, inputs, inputType, options = {}) {
  const { data, milliseconds } = await request("/v1/embeddings", {
    ...options, method: "POST", body: { model, input: inputs, input_type: inputType },
  });
  return { vectors: data.data.map((one) => one.embedding), milliseconds };
}

/** Probabilities of labels for a picture (a data URL): [{label, probability}], likeliest first. */
export async function classify(model, picture, labels, options = {}) {
  const { data } = await request("/v1/classify", {
    ...options, method: "POST", body: { model, input: [picture], labels },
  });
  return data.data[0].probabilities;
}
