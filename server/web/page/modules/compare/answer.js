// The answer to a question that changes.
import { useEffect, useState } from "/page/vendored/preact-htm.js";

/**
 * {loading}, {data} or {error} of `load(signal)`. It is asked anew whenever `keys` change: the question before is
 * given up, and its answer never shown. Without `load` there is nothing to ask: {}.
 */
export function useAnswer(load, keys) {
  const key = JSON.stringify(keys);
  const [answer, setAnswer] = useState({});
  useEffect(() => {
    if (!load) return undefined;
    const abort = new AbortController();
    const take = (found) => { if (!abort.signal.aborted) setAnswer({ key, ...found }); };
    load(abort.signal).then((data) => take({ data }), (error) => take({ error }));
    return () => abort.abort();
  }, [key, Boolean(load)]);
  if (!load) return {};
  return answer.key === key ? answer : { loading: true };
}
