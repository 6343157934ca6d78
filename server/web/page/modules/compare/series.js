// Colours of what is drawn on a canvas, and what tells series apart besides.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";

const k_colors = 5;

/** The name of the custom property with the colour of series `i` (from 0). */
export const seriesProperty = (i) => `--series-${(i % k_colors) + 1}`;

/** The values of custom properties now. */
export function colorsNow(names) {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(name).trim()]));
}

/** A number that changes with the theme: what depends on it is drawn again. */
export function useThemeNumber() {
  const [number, setNumber] = useState(0);
  useEffect(() => {
    const follow = () => setNumber((now) => now + 1);
    addEventListener("sightline:theme", follow);
    return () => removeEventListener("sightline:theme", follow);
  }, []);
  return number;
}

/** A sample of the colour and hatching of series `i`, as the bars have it. */
export function Swatch({ series }) {
  return html`<span class=${`swatch swatch-${(series % k_colors) + 1}`} aria-hidden="true"></span>`;
}
