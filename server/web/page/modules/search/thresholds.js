// The cosine below which hits are probably wrong, per model: what sightline-eval --save computed from judged queries.
import { useEffect, useState } from "/page/vendored/preact-htm.js";
import { search } from "../server/elasticsearch.js";
import { useInstallation } from "../shell/installation.js";

const k_index = "sightline-evaluations";
const k_directions = ["text-to-image", "image-to-image"];

/** {direction: {model: cosine}} of the newest evaluations of the models as they are served now. */
export async function loadThresholds(models, options) {
  const { data } = await search(k_index, {
    size: 200, query: { terms: { direction: k_directions } }, sort: [{ date: { order: "asc" } }],
    _source: ["direction", "model", "model_fingerprint", "direction_threshold"],
  }, options);
  const thresholds = Object.fromEntries(k_directions.map((direction) => [direction, {}]));
  for (const { _source: one } of data.hits.hits) {
    const served = models.find((model) => model.id === one.model);
    // Another model's cosines have another scale.
    if (served?.fingerprint && one.model_fingerprint && served.fingerprint !== one.model_fingerprint) continue;
    const cosine = one.direction_threshold?.cosine;
    if (typeof cosine === "number" && thresholds[one.direction]) thresholds[one.direction][one.model] = cosine;
  }
  return thresholds;
}

/** The thresholds by model for a search: by words, or by a picture alone; {} where nothing was evaluated. */
export function useThresholds(state) {
  const { indices, models } = useInstallation();
  const [thresholds, setThresholds] = useState({});
  const evaluated = indices.includes(k_index);
  useEffect(() => {
    if (!evaluated) return undefined;
    const abort = new AbortController();
    loadThresholds(models, { signal: abort.signal }).then(setThresholds, () => {});
    return () => abort.abort();
  }, [evaluated, models]);
  const byPicture = !state.words.trim() && (state.picture || state.like);
  return thresholds[byPicture ? "image-to-image" : "text-to-image"] ?? {};
}
