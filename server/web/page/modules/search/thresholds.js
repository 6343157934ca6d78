// The cosines below which hits are probably wrong, per model: what sightline-eval --save computed from judged queries.
import { useEffect, useState } from "/page/vendored/preact-htm.js";
import { search } from "../server/elasticsearch.js";
import { useInstallation } from "../shell/installation.js";

const k_index = "sightline-evaluations";
const k_directions = ["text-to-image", "image-to-image"];

const cosineOf = (saved) => (typeof saved?.cosine === "number" ? saved.cosine : undefined);

/** {direction: {model: {best, cutoff, rate}}} of the newest evaluations of the models as they are served now: the threshold, and the cut-off for a false-positive rate. */
export async function loadThresholds(models, options) {
  const { data } = await search(k_index, {
    size: 200, query: { terms: { direction: k_directions } }, sort: [{ date: { order: "asc" } }],
    _source: ["direction", "model", "model_fingerprint", "direction_threshold", "direction_cutoff"],
  }, options);
  const thresholds = Object.fromEntries(k_directions.map((direction) => [direction, {}]));
  for (const { _source: one } of data.hits.hits) {
    const served = models.find((model) => model.id === one.model);
    // Another model's cosines have another scale.
    if (served?.fingerprint && one.model_fingerprint && served.fingerprint !== one.model_fingerprint) continue;
    const best = cosineOf(one.direction_threshold);
    const cutoff = cosineOf(one.direction_cutoff);
    if (best === undefined && cutoff === undefined) continue;
    if (thresholds[one.direction]) thresholds[one.direction][one.model] = { best, cutoff, rate: one.direction_cutoff?.chosen_rate };
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
