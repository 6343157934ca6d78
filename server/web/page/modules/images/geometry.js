// Where the rows of the gallery are. All lengths are in pixels.

const k_gap = 16;
const k_caption = 32; // the name below a picture
const k_highest = 15e6; // browsers draw no element that is higher than this

/** Columns and sizes for a width: five across on a desktop, fewer where it is narrow. */
export function layoutOf(width) {
  const columns = width >= 820 ? 5 : width >= 640 ? 4 : width >= 440 ? 3 : 2;
  const gap = width >= 440 ? k_gap : 12;
  const tile = Math.max(1, (width - gap * (columns - 1)) / columns);
  const picture = Math.round((tile * 3) / 4);
  return { columns, gap, picture, rowHeight: picture + k_caption + gap };
}

/**
 * Rows and how they are drawn. Lists that are higher than a browser draws get a lower container, in which rows move by more than
 * was scrolled: `ratio` pixels for each.
 */
export function heightsOf(count, layout, viewHeight) {
  const rows = Math.ceil(count / layout.columns);
  const real = rows * layout.rowHeight;
  const height = Math.min(real, k_highest);
  const ratio = real > height ? (real - viewHeight) / (height - viewHeight) : 1;
  return { rows, height, ratio };
}

/** The rows in sight, with `overscan` more at each end, when the container was scrolled by `scrolled`: {first, last}. */
export function rowsInSight(scrolled, viewHeight, layout, { rows, ratio }, overscan) {
  const top = Math.max(0, scrolled) * ratio;
  const first = Math.floor(top / layout.rowHeight) - overscan;
  const last = Math.floor((top + viewHeight) / layout.rowHeight) + overscan;
  return { first: Math.max(0, Math.min(first, rows - 1)), last: Math.min(Math.max(last, 0), rows - 1) };
}

/** Where a row is drawn in the container. */
export const topOf = (row, scrolled, layout, { ratio }) => row * layout.rowHeight - Math.max(0, scrolled) * (ratio - 1);

/** By how much the container must be scrolled to have a row at its top. */
export const scrollFor = (row, layout, { ratio }) => (row * layout.rowHeight) / ratio;
