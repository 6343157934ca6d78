// One map with its buttons, and a card beside the point that is looked at.
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../../parts/button.js";
import { grouped } from "../../parts/numbers.js";
import { Picture } from "../../pictures/picture.js";
import { useThemeNumber } from "../series.js";
import { DrawnMap } from "./drawn_map.js";
import { Mark } from "./shapes.js";

const k_card = { width: 220, height: 216, gap: 18 };

/** Where the card is: beside the point, inside the frame. */
function placeOfCard({ x, y }, { width, height }) {
  const right = x + k_card.gap + k_card.width <= width;
  const left = right ? x + k_card.gap : Math.max(4, x - k_card.gap - k_card.width);
  return { left: `${left}px`, top: `${Math.max(4, Math.min(height - k_card.height - 4, y - k_card.height / 2))}px` };
}

function Card({ point, at, size, points, groups, collection, ranks }) {
  const { index, pictureField: field } = collection;
  const group = groups.field && groups.legend[groups.of[point]];
  return html`<div class="map-card card" style=${placeOfCard(at, size)} aria-hidden="true">
    <${Picture} key=${points.ids[point]} document=${{ index, id: points.ids[point], field }} size=${320} alt="" eager />
    <p class="cut"><strong>${points.names[point]}</strong></p>
    ${ranks.has(point) && html`<p class="small soft">Rank ${ranks.get(point).rank}</p>`}
    ${group && html`<p class="small soft cut"><${Mark} group=${group} /> ${groups.values[point] ?? "No value"}</p>`}
  </div>`;
}

function Controls({ map, title }) {
  const on = (what) => () => what(map.current);
  return html`<div class="map-controls" role="group" aria-label=${`Zoom of the map of ${title}`}>
    <${Button} icon="plus" label="Zoom in" onClick=${on((one) => one.zoom(1.6, undefined, undefined, { smooth: true }))} />
    <${Button} icon="minus" label="Zoom out" onClick=${on((one) => one.zoom(1 / 1.6, undefined, undefined, { smooth: true }))} />
    <${Button} icon="fit" label="Show all" onClick=${on((one) => one.showAll())} />
  </div>`;
}

/**
 * points: as projection.js gives them; groups: as groups.js does, with `field` if they colour. shown: {pictures, matches, ranks: Map of
 * point to {rank}}. looked: the id that another map looks at. onLook(id or undefined), onOpen(id).
 */
export function MapFrame({ collection, points, groups, shown, looked, onLook, onOpen }) {
  const canvas = useRef(null);
  const map = useRef(null);
  const latest = useRef();
  const [card, setCard] = useState(null); // {point, at, byKeyboard}
  const theme = useThemeNumber();
  const help = useId();
  latest.current = { points, onLook, onOpen };
  useLayoutEffect(() => {
    map.current = new DrawnMap(canvas.current, collection, {
      hover: (point, at, byKeyboard) => {
        setCard(point < 0 ? null : { point, at, byKeyboard });
        latest.current.onLook(point < 0 ? undefined : latest.current.points.ids[point]);
      },
      open: (point) => latest.current.onOpen(latest.current.points.ids[point]),
    });
    return () => map.current.close();
  }, [collection.id]);
  useLayoutEffect(() => { setCard(null); map.current.setScene(points, groups); }, [points, groups, collection.id]);
  useEffect(() => { if (theme > 0) map.current.repaint(); }, [theme]);
  useEffect(() => {
    const ranks = new Map([...shown.ranks].map(([point, { rank }]) => [point, rank]));
    map.current.setShown({ pictures: shown.pictures, matches: shown.matches, ranks });
  }, [shown, points]);
  useEffect(() => { map.current.setShown({ hovered: (looked !== undefined ? points.placeOf.get(looked) : undefined) ?? -1 }); }, [looked, points]);
  const size = map.current?.size ?? { width: 0, height: 0 };
  return html`<div class="map-frame card">
    <canvas ref=${canvas} tabindex="0" role="application" aria-label=${`Map of ${grouped(points.ids.length)} pictures by ${collection.title}`} aria-describedby=${help}></canvas>
    <p class="visually-hidden" id=${help}>Arrow keys move the map, plus and minus zoom, 0 shows everything, Enter opens the picture nearest to the middle. The pictures follow as a list.</p>
    <p class="visually-hidden" role="status">${card?.byKeyboard ? `${points.names[card.point]}${groups.field ? `, ${groups.values[card.point] ?? "no value"}` : ""}` : ""}</p>
    <${Controls} map=${map} title=${collection.title} />
    ${card && card.point < points.ids.length && html`<${Card} ...${card} size=${size} points=${points} groups=${groups} collection=${collection} ranks=${shown.ranks} />`}
  </div>`;
}
