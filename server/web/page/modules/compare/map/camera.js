// What part of the plane is seen, and how large: {x, y: the plane's point in the middle, scale: pixels per unit}.

const k_margin = 48; // pixels around all points: the outermost pictures have room
const k_closest = 400; // times the scale that shows everything

/** The smallest box around all points: {x, y: its middle, width, height}. */
export function boxOf({ xs, ys }) {
  if (xs.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < xs.length; i += 1) {
    left = Math.min(left, xs[i]);
    right = Math.max(right, xs[i]);
    top = Math.min(top, ys[i]);
    bottom = Math.max(bottom, ys[i]);
  }
  return { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left || 1, height: bottom - top || 1 };
}

/** The camera that shows a whole box. */
export function cameraOf(box, { width, height }) {
  const room = (side) => Math.max(side / 2, side - 2 * k_margin);
  return { x: box.x, y: box.y, scale: Math.min(room(width) / box.width, room(height) / box.height) };
}

const within = (value, least, most) => Math.min(most, Math.max(least, value));

/** The camera, kept where there is something to see: not further away than everything, not beside it. */
export function kept(camera, box, size) {
  const all = cameraOf(box, size).scale;
  return {
    x: within(camera.x, box.x - box.width / 2, box.x + box.width / 2),
    y: within(camera.y, box.y - box.height / 2, box.y + box.height / 2),
    scale: within(camera.scale, all * 0.8, all * k_closest),
  };
}

export const screenX = (camera, size, x) => (x - camera.x) * camera.scale + size.width / 2;
export const screenY = (camera, size, y) => (y - camera.y) * camera.scale + size.height / 2;

/** Larger by `factor`; what is at the pixel (x, y) stays there. */
export function zoomed(camera, size, factor, x = size.width / 2, y = size.height / 2) {
  const scale = camera.scale * factor;
  const shift = 1 / camera.scale - 1 / scale;
  return { x: camera.x + (x - size.width / 2) * shift, y: camera.y + (y - size.height / 2) * shift, scale };
}

/** Moved, so that what was at a pixel is (dx, dy) pixels from it. */
export const moved = (camera, dx, dy) => ({ ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale });
