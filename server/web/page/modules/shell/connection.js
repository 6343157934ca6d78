// Notices that the server is gone, and when it is back.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";

const k_pause = 2000; // milliseconds between two looks

async function answers(signal) {
  try {
    return (await fetch("/health/live", { cache: "no-store", credentials: "omit", signal })).ok;
  } catch {
    return false;
  }
}

/** True from a request that found no server until the server answers again; then calls `onBack`. */
export function useUnreachable(onBack) {
  const [gone, setGone] = useState(false);
  useEffect(() => {
    const lost = () => setGone(true);
    addEventListener("sightline:unreachable", lost);
    return () => removeEventListener("sightline:unreachable", lost);
  }, []);
  useEffect(() => {
    if (!gone) return undefined;
    const abort = new AbortController();
    let timer;
    const look = async () => {
      const back = await answers(abort.signal);
      if (abort.signal.aborted) return;
      if (!back) timer = setTimeout(look, k_pause);
      else { setGone(false); onBack(); }
    };
    timer = setTimeout(look, k_pause);
    return () => { abort.abort(); clearTimeout(timer); };
  }, [gone]);
  return gone;
}

/** A line below the header for as long as the server is gone. */
export function UnreachableBanner() {
  return html`<div class="shell-banner" role="alert"><span class="spinner"></span>
    <span>The server does not answer. Is sightline-server running? This page continues when it is back.</span></div>`;
}
