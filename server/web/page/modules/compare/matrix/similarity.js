// The numbers of a matrix: one row a text, one column a picture.
import { cosine } from "../../search/vectors.js";

/** Cosines; undefined where a vector is not there yet. */
export const cosinesOf = (texts, pictures) => texts.map((text) => pictures.map((picture) => (text && picture ? cosine(text, picture) : undefined)));

/** Softmax of `scale` times the numbers; those that are undefined stay so and take no part. */
export function softmax(numbers, scale) {
  const most = Math.max(...numbers.filter((one) => one !== undefined));
  const powers = numbers.map((one) => (one === undefined ? undefined : Math.exp(scale * (one - most))));
  const sum = powers.reduce((total, one) => total + (one ?? 0), 0);
  return powers.map((one) => (one === undefined ? undefined : one / sum));
}

const transposed = (rows) => (rows.length === 0 ? [] : rows[0].map((_, column) => rows.map((row) => row[column])));

/** What the cells show. show: as in state.js; scale and bias: logit_scale and logit_bias of GET /v1/models. */
export function shownValues(cosines, show, { scale, bias }) {
  if (show === "texts") return transposed(transposed(cosines).map((column) => softmax(column, scale)));
  if (show === "pictures") return cosines.map((row) => softmax(row, scale));
  if (show === "pairs") return cosines.map((row) => row.map((one) => (one === undefined ? undefined : 1 / (1 + Math.exp(-(scale * one + bias))))));
  return cosines;
}

function placeOfMost(numbers) {
  let best = -1;
  numbers.forEach((one, i) => { if (one !== undefined && (best < 0 || one > numbers[best])) best = i; });
  return best;
}

/** {picture: the best column of each row, text: the best row of each column}; -1 where nothing is known. */
export const bestOf = (cosines) => ({ picture: cosines.map(placeOfMost), text: transposed(cosines).map(placeOfMost) });

/** How warm each cell is, from 0 to 1: shares as they are, cosines between the least and the most of the matrix. */
export function heatOf(values, show) {
  if (show !== "cosine") return values;
  const all = values.flat().filter((one) => one !== undefined);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return values.map((row) => row.map((one) => (one === undefined ? undefined : most > least ? (one - least) / (most - least) : 0.5)));
}
