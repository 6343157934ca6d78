// All pictures of a list in a grid of which only the rows in sight are in the document.
import { html, useEffect, useLayoutEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Icon } from "../parts/icon.js";
import { Picture } from "../pictures/picture.js";
import { heightsOf, layoutOf, rowsInSight, scrollFor, topOf } from "./geometry.js";
import { openLink } from "./opened.js";

const k_overscan = 2; // rows beyond each end
const k_settled = 120; // milliseconds: what is in the document for less while the window moves is not asked for

let moved = -Infinity; // when the window was scrolled last

/** The width of the element of `box`, and how far the window is scrolled beyond its top. */
function useWindow(box) {
  const [width, setWidth] = useState(0);
  const [place, setPlace] = useState({ scrolled: 0, view: innerHeight });
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      setPlace({ scrolled: Math.round(-box.current.getBoundingClientRect().top), view: innerHeight });
    };
    const later = () => { frame ||= requestAnimationFrame(look); };
    const scroll = () => { moved = performance.now(); later(); };
    const observer = new ResizeObserver(() => { setWidth(box.current.clientWidth); later(); });
    observer.observe(box.current);
    setWidth(box.current.clientWidth);
    look();
    addEventListener("scroll", scroll, { passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      removeEventListener("scroll", scroll);
      removeEventListener("resize", later);
    };
  }, []);
  return { width, ...place };
}

function Tile({ hit, at, total, collection, tabbable, onOpen }) {
  if (!hit) return html`<div class="tile" role="listitem" aria-busy="true"><span class="picture tile-picture skeleton"></span><span class="tile-name"> </span></div>`;
  const after = performance.now() - moved < 2 * k_settled ? k_settled : 0;
  const document = { index: collection.index, id: hit.id, field: collection.pictureField, version: hit.version };
  const open = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onOpen(at, document);
  };
  return html`<div class="tile" role="listitem" aria-setsize=${total} aria-posinset=${at + 1}>
    <a class="tile-link" href=${openLink(document)} data-at=${at} tabindex=${tabbable ? 0 : -1} onClick=${open} draggable=${false}>
      ${collection.pictureField
        ? html`<${Picture} key=${hit.id + hit.version} document=${document} size=${320} alt="" eager after=${after} class="tile-picture" />`
        : html`<span class="picture tile-picture"><span class="picture-missing"><${Icon} name="picture" /></span></span>`}
      <span class="tile-name cut" title=${hit.name}>${hit.name}</span>
    </a>
  </div>`;
}

function Row({ row, top, layout, children }) {
  return html`<div class="gallery-row" data-row=${row} style=${{ top: `${top}px`, gridTemplateColumns: `repeat(${layout.columns}, minmax(0, 1fr))`, columnGap: `${layout.gap}px` }}>${children}</div>`;
}

const k_keys = {
  ArrowLeft: () => -1, ArrowRight: () => 1,
  ArrowUp: ({ columns }) => -columns, ArrowDown: ({ columns }) => columns,
  PageUp: ({ columns }, rows) => -columns * rows, PageDown: ({ columns }, rows) => columns * rows,
  Home: () => -Infinity, End: () => Infinity,
};

/** Scrolls the window so that a row is wholly in sight, below the header. */
function reveal(row, box, layout, heights, { scrolled, view }) {
  const header = document.querySelector(".shell-header")?.offsetHeight ?? 0;
  const top = topOf(row, scrolled, layout, heights) - scrolled;
  const aim = scrollFor(row, layout, heights);
  const start = box.getBoundingClientRect().top + scrollY;
  if (top < header + 8) scrollTo(0, start + aim - header - 12);
  else if (top + layout.rowHeight > view - 70) scrollTo(0, start + aim - view + layout.rowHeight + 78);
}

/**
 * listing: see listing.js, with its total known. onOpen(place, document). active: the place that has the focus when the grid gets
 * it; onActive(place).
 */
export function Grid({ listing, collection, active, onActive, onOpen, label }) {
  const box = useRef(null);
  const focusNext = useRef(false);
  const { width, scrolled, view } = useWindow(box);
  const layout = layoutOf(width || 1);
  const { total } = listing;
  const heights = heightsOf(total, layout, view);
  const sight = rowsInSight(scrolled, view, layout, heights, k_overscan);
  const current = Math.min(active, total - 1);
  const activeRow = Math.floor(current / layout.columns);
  const rows = [];
  for (let row = sight.first; row <= sight.last; row += 1) rows.push(row);
  const away = !rows.includes(activeRow);
  const hasFocus = box.current?.contains(document.activeElement);
  if (away && hasFocus) rows.push(activeRow);
  const tabbable = away && !hasFocus ? Math.min((sight.first + k_overscan) * layout.columns, total - 1) : current;

  useEffect(() => {
    if (width) listing.want(sight.first * layout.columns, (sight.last + 1) * layout.columns - 1);
  }, [listing, width, sight.first, sight.last, layout.columns, total]);
  useLayoutEffect(() => {
    if (!focusNext.current) return;
    const link = box.current.querySelector(`[data-at="${current}"]`);
    if (!link) return;
    focusNext.current = false;
    link.focus({ preventScroll: true });
  });

  const move = (event) => {
    const step = k_keys[event.key]?.(layout, Math.max(1, Math.floor(view / layout.rowHeight) - 1));
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const from = Number(event.target.closest("[data-at]")?.dataset.at ?? current);
    const to = Math.min(Math.max(from + step, 0), total - 1);
    focusNext.current = true;
    onActive(to);
    reveal(Math.floor(to / layout.columns), box.current, layout, heights, { scrolled, view });
  };
  const follow = (event) => {
    const at = event.target.closest("[data-at]")?.dataset.at;
    if (at !== undefined && Number(at) !== active) onActive(Number(at));
  };
  return html`<div class="gallery" role="list" aria-label=${label} ref=${box} style=${{ height: `${heights.height}px`, "--picture-height": `${layout.picture}px` }}
      onKeyDown=${move} onFocusIn=${follow}>
    ${width > 0 && rows.map((row) => html`<${Row} key=${row} row=${row} top=${topOf(row, scrolled, layout, heights)} layout=${layout}>
      ${Array.from({ length: Math.min(layout.columns, total - row * layout.columns) }, (_, column) => {
        const at = row * layout.columns + column;
        return html`<${Tile} key=${at} at=${at} hit=${listing.hit(at)} total=${total} collection=${collection} tabbable=${at === tabbable} onOpen=${onOpen} />`;
      })}
    <//>`)}
  </div>`;
}

/** The grid before anything is known. */
export function GridSkeleton() {
  return html`<div class="gallery-skeleton" aria-busy="true" aria-label="Loading">
    ${Array.from({ length: 15 }, (_, at) => html`<div class="tile" key=${at}><span class="picture tile-picture skeleton"></span><span class="tile-name"> </span></div>`)}
  </div>`;
}
