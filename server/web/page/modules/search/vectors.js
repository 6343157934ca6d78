// Arithmetic on vectors, which are arrays of numbers.

/** The dot product. */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i] * b[i];
  return sum;
}

/** The cosine of two vectors; 0 if one of them is zero. */
export function cosine(a, b) {
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  return lengths === 0 ? 0 : dot(a, b) / lengths;
}

/** The vector at length 1. */
export function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** (1 - share) of `a` and `share` of `b`, each at length 1, at length 1: late fusion of a picture and words. */
export function fuse(a, b, share) {
  const [left, right] = [unit(a), unit(b)];
  return unit(left.map((value, i) => (1 - share) * value + share * right[i]));
}

/**
 * The cosine behind a kNN score, or undefined where the similarity has none. Elasticsearch's scores are boost * (1 + cosine) / 2 for
 * `cosine` and `dot_product` (its documentation of dense_vector, "similarity").
 */
export function cosineOfScore(score, similarity, boost = 1) {
  if (similarity !== "cosine" && similarity !== "dot_product") return undefined;
  return (2 * score) / boost - 1;
}
