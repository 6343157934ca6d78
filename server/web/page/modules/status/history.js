// The last five minutes of /metrics, asked every two seconds while the view is there and the tab is seen. They stay in
// memory when the user goes to another view and comes back.
import { useState } from "/page/vendored/preact-htm.js";
import { errorOf, exchange } from "../server/request.js";
import { usePolling } from "./polling.js";
import { parseMetrics } from "./prometheus.js";
import { reading, withReading } from "./samples.js";

const k_every_ms = 2000;
let history = { readings: [], points: [] };

async function readMetrics(signal) {
  const { ok, status, text } = await exchange("/metrics", { accept: "text/plain", signal, timeout: 10000 });
  if (!ok) throw errorOf(status, "/metrics", text);
  return reading(parseMetrics(text), Date.now());
}

/** {points, latest, error}: of samples.js; `latest` is the last reading. */
export function useHistory(paused) {
  const [shown, setShown] = useState({ history });
  usePolling(async (signal) => {
    try {
      history = withReading(history, await readMetrics(signal));
      if (!signal.aborted) setShown({ history });
    } catch (error) {
      if (!signal.aborted) setShown({ history, error });
    }
  }, k_every_ms, { paused });
  return { points: shown.history.points, latest: shown.history.readings.at(-1), error: shown.error };
}
