// The shapes of points: with the colours they tell groups apart.
import { html } from "/page/vendored/preact-htm.js";

/** Outlines in a square from -1 to 1, as SVG paths. The last one, a ring, is that of "other". */
export const k_shapes = [
  "M-.9 0A.9 .9 0 1 0 .9 0A.9 .9 0 1 0 -.9 0Z",
  "M-.8 -.8H.8V.8H-.8Z",
  "M0 -1L1 .8H-1Z",
  "M0 -1.1L1.1 0L0 1.1L-1.100 0Z",
  "M-.35 -1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
  "M0 1L1 -.8H-1Z",
  "M-1 -.45L-.45 -1L0 -.55L.45 -1L1 -.45L.55 0L1 .45L.45 1L0 .55L-.45 1L-1 .45L-.55 0Z",
  "M0 -1.1L.32 -.35L1.1 -.3L.5 .2L.7 1L0 .55L-.7 1L-.5 .2L-1.1 -.3L-.32 -.35Z",
  "M-.9 0A.9 .9 0 1 0 .9 0A.9 .9 0 1 0 -.9 0ZM-.45 0A.45 .45 0 1 1 .45 0A.45 .45 0 1 1 -.45 0Z",
];

/** A group's mark in the legend. */
export function Mark({ group }) {
  return html`<svg class=${`map-mark ${group.rest ? "map-mark-rest" : `map-mark-${(group.series % 5) + 1}`}`} viewBox="-1.3 -1.3 2.6 2.6" aria-hidden="true"><path d=${k_shapes[group.shape]} /></svg>`;
}
