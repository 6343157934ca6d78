// Which points are shown as pictures: as many as have room beside each other. The same for the same points and scale,
// wherever the map is moved, so that nothing flickers.

/** The side of a picture at the beginning of a level, in pixels; at its end it is sqrt(2) times as large. */
export const k_side = 38;
const k_gap = 6;

/** The level of a scale: each is sqrt(2) times as large as the one before. */
export const levelOf = (scale) => Math.floor(2 * Math.log2(scale) + 1e-9);
export const scaleOf = (level) => 2 ** (level / 2);

/** The numbers of the points that are pictures at this level, by going through the points in their order. */
export function placedAt({ xs, ys }, level) {
  const room = (k_side + k_gap) / scaleOf(level); // in units of the plane
  const cells = new Map();
  const key = (column, row) => column * 67108864 + row;
  const isFree = (column, row, i) => {
    for (let c = column - 1; c <= column + 1; c += 1) {
      for (let r = row - 1; r <= row + 1; r += 1) {
        const other = cells.get(key(c, r));
        if (other !== undefined && Math.abs(xs[other] - xs[i]) < room && Math.abs(ys[other] - ys[i]) < room) return false;
      }
    }
    return true;
  };
  const placed = [];
  for (let i = 0; i < xs.length; i += 1) {
    const column = Math.floor(xs[i] / room);
    const row = Math.floor(ys[i] / room);
    if (!isFree(column, row, i)) continue;
    cells.set(key(column, row), i);
    placed.push(i);
  }
  return placed;
}

/** placedAt(), each level computed once. */
export function layoutOf(points) {
  const levels = new Map();
  return (level) => {
    if (!levels.has(level)) levels.set(level, placedAt(points, level));
    return levels.get(level);
  };
}
