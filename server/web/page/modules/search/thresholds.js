// The cosines below which hits are probably wrong, per model: what sightline-eval --save computed from judged queries.
import { useEffect, useMemo, useState } from "/page/vendored/preact-htm.js";
import { isOtherModel, k_index, loadNewest } from "../compare/quality/evaluations.js";
import { isOfModel } from "../server/collections.js";
import { useInstallation } from "../shell/installation.js";

const k_directions = ["text-to-image", "image-to-image"];

const cosineOf = (saved) => (typeof saved?.cosine === "number" ? saved.cosine : undefined);

/**
 * {direction: {model: {best, cutoff, rate}}} of the newest evaluations of the models as they are served now: the threshold, and the cut-off
 * for a false-positive rate. `documents`: evaluations, newest first; a model has the name that the collections of the page have for it.
 */
export function thresholdsOf(documents, models, collections) {
  const thresholds = Object.fromEntries(k_directions.map((direction) => [direction, {}]));
  for (const one of documents) {
    if (!thresholds[one.direction] || isOtherModel(one, models)) continue; // another model's cosines have another scale
    const best = cosineOf(one.direction_threshold);
    const cutoff = cosineOf(one.direction_cutoff);
    if (best === undefined && cutoff === undefined) continue;
    for (const model of new Set(collections.filter((collection) => isOfModel(collection, one.model)).map((collection) => collection.model))) {
      thresholds[one.direction][model] ??= { best, cutoff, rate: one.direction_cutoff?.chosen_rate };
    }
  }
  return thresholds;
}

/** The thresholds by model for a search: by words, or by a picture alone; {} where nothing was evaluated. */
export function useThresholds(state) {
  const { indices, models, collections } = useInstallation();
  const [documents, setDocuments] = useState([]);
  const evaluated = indices.includes(k_index);
  useEffect(() => {
    if (!evaluated) return undefined;
    const abort = new AbortController();
    loadNewest(k_directions, ["model", "model_fingerprint", "direction_threshold", "direction_cutoff"], abort.signal).then(setDocuments, () => {});
    return () => abort.abort();
  }, [evaluated, models]);
  const thresholds = useMemo(() => thresholdsOf(documents, models, collections), [documents, models, collections]);
  const byPicture = !state.words.trim() && (state.picture || state.like);
  return thresholds[byPicture ? "image-to-image" : "text-to-image"] ?? {};
}
