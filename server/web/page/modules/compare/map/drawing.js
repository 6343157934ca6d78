// Draws a map onto a canvas: a dot for every point, and pictures where there is room.
import { colorsNow, seriesProperty } from "../series.js";
import { screenX, screenY } from "./camera.js";
import { Dots } from "./dots.js";
import { k_side, layoutOf, levelOf, scaleOf } from "./layout.js";
import { k_shapes } from "./shapes.js";
import { k_corner } from "./thumbnails.js";

const k_dot = 4.5; // half its width, in pixels
const k_small_dot = 3.2; // of a map with many points
const k_many = 1500;
const k_most_for_pictures = 700; // points in sight; with more of them all are dots
const k_faded = 0.14;

/** Colours of the theme as it is now. */
export function paletteNow() {
  const series = [0, 1, 2, 3, 4].map(seriesProperty);
  const found = colorsNow(["--ink", "--ink-faint", "--paper", "--surface", "--sunken", "--line", "--accent", "--accent-ink", "--font", ...series]);
  return { ...found, series: series.map((name) => found[name]) };
}

const colorOf = (group, palette) => (group.rest ? palette["--ink-faint"] : palette.series[group.series % palette.series.length]);

/** A small picture of a group's mark: drawn once, copied for each point. */
function stampOf(group, palette, dot, ratio) {
  const side = 2 * Math.ceil((dot + 2) * ratio) + 1; // odd: it has a pixel in the middle
  const stamp = new OffscreenCanvas(side, side);
  const context = stamp.getContext("2d", { willReadFrequently: true });
  context.translate(side / 2, side / 2);
  context.scale(dot * ratio, dot * ratio);
  const path = new Path2D(k_shapes[group.shape]);
  context.fillStyle = colorOf(group, palette);
  context.strokeStyle = palette["--surface"];
  context.lineWidth = 0.32;
  context.stroke(path);
  context.fill(path, "evenodd");
  return stamp;
}

/** What is needed to draw, and stays the same from frame to frame. groups: as groups.js gives them. */
export function sceneOf(points, groups, palette, ratio) {
  const dot = points.ids.length > k_many ? k_small_dot : k_dot;
  const stamps = groups.legend.map((group) => stampOf(group, palette, dot, ratio));
  return { points, groups, palette, ratio, placedAt: layoutOf(points), stamps, dots: new Dots(stamps, palette["--surface"], k_faded) };
}

/** The numbers of the points in sight. */
function inSight({ xs, ys }, camera, size, margin) {
  const [halfWidth, halfHeight] = [(size.width / 2 + margin) / camera.scale, (size.height / 2 + margin) / camera.scale];
  const found = [];
  for (let i = 0; i < xs.length; i += 1) {
    if (Math.abs(xs[i] - camera.x) <= halfWidth && Math.abs(ys[i] - camera.y) <= halfHeight) found.push(i);
  }
  return found;
}

function drawDots(context, scene, camera, size, seen, isFaded) {
  const { points, groups, ratio, dots } = scene;
  dots.begin(context.canvas.width, context.canvas.height);
  for (const fade of [true, false]) { // those that matter come on top
    for (const i of seen) {
      if (isFaded(i) !== fade) continue;
      dots.put(groups.of[i], Math.round(screenX(camera, size, points.xs[i]) * ratio), Math.round(screenY(camera, size, points.ys[i]) * ratio), fade);
    }
  }
  dots.end(context);
}

/** A picture with its border in the group's colour, and the group's mark at its corner. */
function drawPicture(context, scene, i, bitmap, x, y, side, border) {
  const { palette, groups, ratio } = scene;
  const half = side / 2;
  const edge = border * ratio;
  context.fillStyle = groups.field ? colorOf(groups.legend[groups.of[i]], palette) : palette["--surface"];
  context.beginPath();
  context.roundRect(x - half - edge, y - half - edge, side + 2 * edge, side + 2 * edge, side * k_corner + edge);
  context.fill();
  context.drawImage(bitmap, x - half, y - half, side, side);
  if (!groups.field) return;
  const stamp = scene.stamps[groups.of[i]];
  context.fillStyle = palette["--surface"];
  context.beginPath();
  context.arc(x + half, y - half, 7.5 * ratio, 0, 2 * Math.PI);
  context.fill();
  context.drawImage(stamp, Math.round(x + half - stamp.width / 2), Math.round(y - half - stamp.height / 2));
}

function drawRank(context, scene, rank, x, y) {
  const { palette, ratio } = scene;
  const radius = 11 * ratio;
  context.fillStyle = palette["--accent"];
  context.strokeStyle = palette["--surface"];
  context.lineWidth = 2 * ratio;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
  context.fill();
  context.fillStyle = palette["--accent-ink"];
  context.font = `650 ${11 * ratio}px ${palette["--font"]}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(rank), x, y + 0.5 * ratio);
}

/** The point under the pointer: its picture on top and outlined, or a ring around its dot. */
function drawHovered(context, scene, i, x, y, side, shown, thumbnails) {
  const { palette, ratio, points } = scene;
  const bitmap = shown.pictures && thumbnails.get(points.ids[i]);
  if (bitmap) drawPicture(context, scene, i, bitmap, x, y, side, 2);
  for (const [color, width] of [[palette["--surface"], 6], [palette["--ink"], 2.5]]) {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.beginPath();
    if (bitmap) context.roundRect(x - side / 2 - 2 * ratio, y - side / 2 - 2 * ratio, side + 4 * ratio, side + 4 * ratio, 6 * ratio);
    else context.arc(x, y, (shown.ranks.has(i) ? 15 : 10) * ratio, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** How large pictures are at a scale, in CSS pixels. */
const sideAt = (scale) => k_side * (scale / scaleOf(levelOf(scale)));

/**
 * The points to show as pictures, the last on top: those that have room, then the ranked ones. Without pictures
 * (`shown.pictures` false), or with very many points in sight, the ranked ones alone.
 */
export function picturesOf(scene, camera, size, { pictures, ranks }) {
  const seen = inSight(scene.points, camera, size, k_side);
  const near = new Set(seen);
  const ranked = [...ranks.keys()].filter((i) => near.has(i)).reverse();
  if (!pictures) return [];
  if (seen.length > k_most_for_pictures) return ranked;
  return [...scene.placedAt(levelOf(camera.scale)).filter((i) => near.has(i) && !ranks.has(i)), ...ranked];
}

/**
 * Draws a frame. size: {width, height} in CSS pixels. shown: {pictures: false for dots alone, matches: Set of points or
 * undefined (the others are faded), ranks: Map of point to rank, hovered: a point or -1}. thumbnails: get(id).
 * Gives the ids of the pictures that are still to fetch.
 */
export function draw(context, scene, camera, size, shown, thumbnails) {
  const { points, groups, ratio } = scene;
  const { matches, ranks, hovered } = shown;
  const special = matches || ranks.size > 0;
  const isFaded = (i) => Boolean(special) && !matches?.has(i) && !ranks.has(i);
  drawDots(context, scene, camera, size, inSight(points, camera, size, 2 * k_dot), isFaded);
  const place = (i) => [screenX(camera, size, points.xs[i]) * ratio, screenY(camera, size, points.ys[i]) * ratio];
  const side = Math.round(sideAt(camera.scale) * ratio);
  const wanted = [];
  for (const i of picturesOf(scene, camera, size, shown)) {
    const bitmap = thumbnails.get(points.ids[i]);
    if (!bitmap) { wanted.push(points.ids[i]); continue; }
    context.globalAlpha = isFaded(i) ? k_faded : 1;
    drawPicture(context, scene, i, bitmap, ...place(i), side, groups.field ? 2.5 : 1.5);
  }
  context.globalAlpha = 1;
  for (const [i, rank] of [...ranks].reverse()) {
    const [x, y] = place(i);
    const corner = thumbnails.get(points.ids[i]) && shown.pictures ? side / 2 : 0;
    drawRank(context, scene, rank, x - corner, y - corner);
  }
  if (hovered >= 0 && hovered < points.ids.length) drawHovered(context, scene, hovered, ...place(hovered), side, shown, thumbnails);
  return wanted.reverse();
}

/** The point at the pixel (x, y): the picture on top there, else the nearest dot within `reach` pixels; -1: none. */
export function pointAt(scene, camera, size, shown, thumbnails, x, y, reach) {
  const { xs, ys, ids } = scene.points;
  const half = sideAt(camera.scale) / 2;
  for (const i of picturesOf(scene, camera, size, shown).reverse()) {
    const inside = Math.abs(screenX(camera, size, xs[i]) - x) <= half && Math.abs(screenY(camera, size, ys[i]) - y) <= half;
    if (inside && thumbnails.get(ids[i])) return i;
  }
  return nearest(scene.points, camera, size, x, y, reach);
}

/** The point nearest to the pixel (x, y), at most `reach` pixels away; -1 if there is none. */
export function nearest({ xs, ys }, camera, size, x, y, reach) {
  let [best, distance] = [-1, (reach / camera.scale) ** 2];
  const [atX, atY] = [camera.x + (x - size.width / 2) / camera.scale, camera.y + (y - size.height / 2) / camera.scale];
  for (let i = 0; i < xs.length; i += 1) {
    const away = (xs[i] - atX) ** 2 + (ys[i] - atY) ** 2;
    if (away < distance) [best, distance] = [i, away];
  }
  return best;
}
