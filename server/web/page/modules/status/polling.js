// Asking again and again while the tab is seen.
import { useEffect } from "/page/vendored/preact-htm.js";

/**
 * Calls ask(signal) at once, `milliseconds` after each time it is done, and when the tab is seen again; not while it is hidden or
 * `paused`. It begins anew when `key` changes. ask() may resolve to another number of milliseconds for once; it itself deals with failures, and changes nothing once signal is aborted.
 */
export function usePolling(ask, milliseconds, { paused = false, key } = {}) {
  useEffect(() => {
    if (paused) return undefined;
    const abort = new AbortController();
    let timer;
    let asking = false;
    const next = async () => {
      clearTimeout(timer);
      if (document.hidden || asking) return;
      asking = true;
      const wait = await ask(abort.signal);
      asking = false;
      if (!abort.signal.aborted) timer = setTimeout(next, wait ?? milliseconds);
    };
    document.addEventListener("visibilitychange", next);
    next();
    return () => {
      clearTimeout(timer);
      abort.abort();
      document.removeEventListener("visibilitychange", next);
    };
  }, [paused, key]);
}
