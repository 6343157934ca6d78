// The pictures of a map as a list, for those who do not use the map.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../../parts/button.js";
import { grouped } from "../../parts/numbers.js";
import { Picture } from "../../pictures/picture.js";
import { Mark } from "./shapes.js";

const k_page = 48;

/** The points in the list's order: ranked ones, then those that match, by name. */
function orderOf({ names }, { matches, ranks }) {
  const rank = (i) => ranks.get(i)?.rank ?? Infinity;
  const shown = matches || ranks.size > 0 ? [...new Set([...ranks.keys(), ...(matches ?? [])])] : names.map((_, i) => i);
  return shown.sort((a, b) => (rank(a) === rank(b) ? names[a].localeCompare(names[b], "en", { numeric: true }) : rank(a) - rank(b)));
}

function Item({ i, points, groups, collection, ranks, onOpen }) {
  const { index, pictureField: field } = collection;
  const found = ranks.get(i);
  const group = groups.field && groups.legend[groups.of[i]];
  return html`<li><button type="button" class="map-item" onClick=${() => onOpen(points.ids[i])}>
    <${Picture} document=${{ index, id: points.ids[i], field }} size=${160} alt="" />
    <span class="cut">${found && html`<strong>${found.rank}. </strong>`}${points.names[i]}</span>
    ${found?.cosine !== undefined && html`<span class="small soft number">cosine ${found.cosine.toFixed(3)}</span>`}
    ${group && html`<span class="small soft cut"><${Mark} group=${group} /> ${groups.values[i] ?? "No value"}</span>`}
  </button></li>`;
}

/** shown: {matches, ranks} as of MapFrame. Answers to words open the list. */
export function PictureList({ collection, points, groups, shown, onOpen }) {
  const [pages, setPages] = useState(1);
  const [open, setOpen] = useState(false);
  useEffect(() => { if (shown.ranks.size > 0) setOpen(true); }, [shown.ranks]);
  const order = orderOf(points, shown);
  const listed = open ? order.slice(0, pages * k_page) : [];
  const what = shown.matches || shown.ranks.size > 0 ? "highlighted pictures" : "pictures";
  return html`<details class="details map-list" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>List of the ${grouped(order.length)} ${what} of ${collection.title}</summary>
    <ol class="map-items">${listed.map((i) => html`<${Item} key=${points.ids[i]} i=${i} points=${points} groups=${groups} collection=${collection} ranks=${shown.ranks} onOpen=${onOpen} />`)}</ol>
    ${open && order.length > listed.length && html`<${Button} onClick=${() => setPages(pages + 1)}>Show ${Math.min(k_page, order.length - listed.length)} more<//>`}
  </details>`;
}
