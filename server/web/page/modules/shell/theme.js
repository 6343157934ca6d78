// Light and dark: the system's choice until the user makes one.
import { useEffect, useState } from "/page/vendored/preact-htm.js";
import { keep, kept } from "./kept.js";

const system = matchMedia("(prefers-color-scheme: dark)");

function current() {
  return document.documentElement.dataset.theme;
}

/** Sets the theme; what is drawn on a canvas follows the event. */
function apply(theme) {
  document.documentElement.dataset.theme = theme;
  dispatchEvent(new CustomEvent("sightline:theme", { detail: theme }));
}

/** The theme now ("light" or "dark") and a function that switches it. */
export function useTheme() {
  const [theme, setTheme] = useState(current());
  useEffect(() => {
    const follow = () => {
      if (kept("theme")) return;
      apply(system.matches ? "dark" : "light");
      setTheme(current());
    };
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  const toggle = () => {
    const next = current() === "dark" ? "light" : "dark";
    keep("theme", next);
    apply(next);
    setTheme(next);
  };
  return [theme, toggle];
}
