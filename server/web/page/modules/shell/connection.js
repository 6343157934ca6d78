// Notices that the server is gone, and when it is back.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";

const k_patience = 5000; // milliseconds for the answer to a look
const k_pauses = { first: 2000, most: 15000, growth: 1.5 }; // milliseconds between two looks
const k_quiet = 60000; // milliseconds of answers after which the pauses are short again

async function answers(signal) {
  try {
    return (await fetch("/health/live", { cache: "no-store", credentials: "omit", signal: AbortSignal.any([signal, AbortSignal.timeout(k_patience)]) })).ok;
  } catch {
    return false;
  }
}

/**
 * Looks at the server after a request without an answer. True from a look that found no server until one that finds it; then calls
 * `onBack`. An answer that broke although the server is there has no consequence here: the request shows its own failure.
 */
export function useUnreachable(onBack) {
  const [gone, setGone] = useState(false);
  const back = useRef();
  back.current = onBack;
  useEffect(() => {
    const abort = new AbortController();
    let [timer, looking, pause, backAt] = [undefined, false, k_pauses.first, -Infinity];
    const look = async (wasGone) => {
      const there = await answers(abort.signal);
      if (abort.signal.aborted) return;
      setGone(!there);
      looking = !there;
      if (!there) {
        timer = setTimeout(look, pause, true);
        pause = Math.min(k_pauses.most, pause * k_pauses.growth);
      } else if (wasGone) {
        backAt = performance.now();
        back.current();
      }
    };
    const lost = () => {
      if (looking) return;
      looking = true;
      if (performance.now() - backAt > k_quiet) pause = k_pauses.first;
      look(false);
    };
    addEventListener("sightline:unreachable", lost);
    return () => {
      removeEventListener("sightline:unreachable", lost);
      abort.abort();
      clearTimeout(timer);
    };
  }, []);
  return gone;
}

/** A line below the header for as long as the server is gone. */
export function UnreachableBanner() {
  return html`<div class="shell-banner" role="alert"><span class="spinner"></span>
    <span>The server does not answer. Is sightline-server running? This page continues when it is back.</span></div>`;
}
