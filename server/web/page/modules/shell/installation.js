// What this server has: its models, its Elasticsearch side, what can be searched. Asked once, and again on demand.
import { createContext, useCallback, useContext, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { loadCollections, standardCollections } from "../server/collections.js";
import * as sightline from "../server/sightline.js";

const k_nothing = { collections: [], endpoints: [], indices: [], missing: [] };

/**
 * {state: "loading" | "ready" | "failed", error, page, models, collections, standard, endpoints, indices, missing,
 *  endpointsProblem, elasticsearchError, reload()}. `page` is GET /v1/page; `standard` the columns a search shows by default.
 */
const Installation = createContext({ state: "loading", ...k_nothing, standard: [], models: [] });
export const InstallationProvider = Installation.Provider;
export const useInstallation = () => useContext(Installation);

async function look() {
  const [page, models] = await Promise.all([sightline.pageInfo(), sightline.models()]);
  if (!page.elasticsearch || page.elasticsearch.kind === "none") return { page, models, ...k_nothing };
  try {
    return { page, models, ...(await loadCollections(models)) };
  } catch (error) {
    return { page, models, ...k_nothing, elasticsearchError: error };
  }
}

/** The installation as state of the App. */
export function useInstallationState() {
  const [found, setFound] = useState({ state: "loading", ...k_nothing, models: [] });
  const looks = useRef(0);
  const reload = useCallback(async () => {
    const number = ++looks.current;
    let seen;
    try {
      seen = { state: "ready", ...(await look()) };
    } catch (error) {
      seen = { state: "failed", error, ...k_nothing, models: [] };
    }
    if (number !== looks.current) return;
    // What was seen before still stands where nobody answers: the server will be back.
    setFound((before) => (before.state === "ready" && seen.error?.status === 0 ? before : seen));
  }, []);
  useEffect(() => {
    reload();
    addEventListener("sightline:credentials", reload);
    return () => removeEventListener("sightline:credentials", reload);
  }, [reload]);
  return { ...found, standard: standardCollections(found.collections), reload };
}
