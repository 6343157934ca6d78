// The measures of sightline-eval: their names, what they say, and which of several models did best.

/** In the order they are shown. `plotted`: those that the plot of measures has. */
export const k_measures = [
  { name: "recall@1", says: "right answers at rank 1, of all right ones", plotted: true },
  { name: "recall@5", says: "among the best 5", plotted: true },
  { name: "recall@10", says: "among the best 10", plotted: true },
  { name: "hit@1", says: "queries with a right answer at rank 1" },
  { name: "hit@5", says: "with one among the best 5" },
  { name: "hit@10", says: "with one among the best 10" },
  { name: "precision@4", says: "right ones among the best 4" },
  { name: "MRR", says: "mean of 1 / rank of the first right answer", plotted: true },
  { name: "nDCG@10", says: "how close the order is to the best one", plotted: true },
  { name: "accuracy", says: "pictures that got their label", plotted: true },
  { name: "mean_of_labels", title: "mean over labels", says: "each label counts the same", plotted: true },
  { name: "most_frequent_label", title: "most frequent label", says: "accuracy of always choosing it", plotted: true, same: true },
];

/** The measure that stands for a set where there is room for one. */
export const mainMeasure = (task) => (task === "zero-shot" ? "accuracy" : "nDCG@10");

/** Those of the measures that some of `documents` have. */
export const measuresOf = (documents) => k_measures.filter(({ name }) => documents.some((one) => one.metrics?.[name] !== undefined));

const k_decimals = 3;

export const inWords = (value) => (value === undefined ? "–" : value.toFixed(k_decimals));

/** Which of `values` are best as they are shown; none if all are the same, or there is one alone. */
export function bestOf(values) {
  const shown = values.map((value) => (value === undefined ? -Infinity : Number(value.toFixed(k_decimals))));
  const most = Math.max(...shown);
  if (shown.length < 2 || shown.every((value) => value === most)) return shown.map(() => false);
  return shown.map((value) => value === most);
}

/**
 * Where the first right answer came: shares of the queries at rank 1, 2 to 5, 6 to 10 and later. They are the
 * differences of hit@1, hit@5 and hit@10. undefined where those were not measured.
 */
export function firstRightRanks(metrics) {
  const { "hit@1": one, "hit@5": five, "hit@10": ten } = metrics ?? {};
  if (one === undefined || five === undefined || ten === undefined) return undefined;
  return [one, five - one, ten - five, 1 - ten].map((share) => Math.max(0, share));
}
export const k_rank_names = ["rank 1", "2 to 5", "6 to 10", "later"];
