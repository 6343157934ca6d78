// The indices that pictures can be added to: those whose pipelines embed what is sent to them.
import { useEffect, useState } from "/page/vendored/preact-htm.js";
import { elasticsearch } from "../server/elasticsearch.js";
import { useInstallation } from "../shell/installation.js";
import { galleriesOf } from "./state.js";

/** The default pipeline of each of `indices`, "" for none: {INDEX: PIPELINE}. */
async function pipelinesOf(indices, options) {
  const path = `${indices.map(encodeURIComponent).join(",")}/_settings?filter_path=*.settings.index.default_pipeline`;
  const { data } = await elasticsearch(path, options);
  const of = (index) => data[index]?.settings?.index?.default_pipeline ?? "";
  return Object.fromEntries(indices.map((index) => [index, of(index) === "_none" ? "" : of(index)]));
}

/** {targets: [{collection, pipeline, models, standard}]} or {error}; {} while it is asked. */
export function useTargets() {
  const { collections, standard } = useInstallation();
  const [state, setState] = useState({});
  const candidates = galleriesOf(collections).filter((one) => one.pictureField);
  const asked = candidates.map((one) => one.index).join(",");
  useEffect(() => {
    if (candidates.length === 0) { setState({ targets: [] }); return undefined; }
    const abort = new AbortController();
    const titlesOf = (index) => collections.filter((one) => one.index === index).map((one) => one.title);
    pipelinesOf(candidates.map((one) => one.index), { signal: abort.signal }).then(
      (pipelines) => setState({
        targets: candidates.filter((one) => pipelines[one.index]).map((collection) => ({
          collection, pipeline: pipelines[collection.index], models: titlesOf(collection.index),
          standard: standard.some((one) => one.index === collection.index),
        })),
      }),
      (error) => { if (!abort.signal.aborted) setState({ error }); },
    );
    return () => abort.abort();
  }, [asked]);
  return state;
}
