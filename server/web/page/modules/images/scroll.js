// How far the gallery was scrolled, kept with each step of the browser's history.
import { useEffect, useLayoutEffect, useRef } from "/page/vendored/preact-htm.js";

const k_pause = 150; // ms without scrolling until the place is kept

/**
 * Keeps the window's scroll position while `ready`, and restores it once the list `key` is there again by the back button or a
 * reload. A new list begins at its top.
 */
export function useKeptScroll(key, ready) {
  const aim = useRef(history.state?.scroll);
  const shown = useRef(key);
  useEffect(() => {
    const back = () => { aim.current = history.state?.scroll ?? 0; };
    const onward = () => { aim.current = undefined; };
    addEventListener("popstate", back);
    addEventListener("sightline:location", onward);
    return () => {
      removeEventListener("popstate", back);
      removeEventListener("sightline:location", onward);
    };
  }, []);
  useLayoutEffect(() => {
    if (!ready) return;
    const to = aim.current ?? (shown.current === key ? undefined : 0);
    shown.current = key;
    aim.current = undefined;
    if (to !== undefined) requestAnimationFrame(() => scrollTo(0, to)); // the grid has its height by then
  }, [key, ready]);
  useEffect(() => {
    if (!ready) return undefined;
    let timer = 0;
    const keep = () => {
      clearTimeout(timer);
      const { hash } = location;
      timer = setTimeout(() => {
        if (location.hash === hash) history.replaceState({ ...history.state, scroll: Math.round(scrollY) }, "");
      }, k_pause);
    };
    addEventListener("scroll", keep, { passive: true });
    return () => {
      clearTimeout(timer);
      removeEventListener("scroll", keep);
    };
  }, [ready, key]);
}
