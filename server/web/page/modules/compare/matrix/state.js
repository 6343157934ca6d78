// What a matrix is of, and how it stands in the URL: t=TEXT, p=INDEX/ID or p=own:DIGEST, model=NAME, show=KIND.
import { documentOf } from "../../search/state.js";
import { choiceOf, cutTo } from "../../shell/router.js";

export const k_most_texts = 30;
export const k_most_pictures = 30;
const k_longest = 1024;

/** What the cells can show. */
export const k_shows = [
  { name: "cosine", title: "Cosine" },
  { name: "texts", title: "Which text fits", says: "Softmax over the texts: each picture's column adds up to 100 %." },
  { name: "pictures", title: "Which picture fits", says: "Softmax over the pictures: each text's row adds up to 100 %." },
  { name: "pairs", title: "Fits or not", says: "The sigmoid that this model was trained with: each pair separately." },
];

/** A picture of the URL: {key, document: {index, id}} or {key, digest}; undefined if it is neither. */
function pictureOf(key) {
  const digest = /^own:([0-9a-f]{8,64})$/.exec(key)?.[1];
  if (digest) return { key, digest };
  const document = documentOf(cutTo(key, k_longest));
  return document && { key, document };
}

export const keyOfDocument = ({ index, id }) => `${index}/${id}`;
export const keyOfOwn = ({ digest }) => `own:${digest}`;

/** The texts of lines: without blank ones and repetitions. */
export const textsOf = (lines) => [...new Set(lines.map((line) => cutTo(line.trim(), k_longest)).filter(Boolean))].slice(0, k_most_texts);

/** {texts, pictures, show} of the URL. */
export function readState(parameters) {
  const keys = [...new Set(parameters.getAll("p"))].slice(0, k_most_pictures);
  return {
    texts: textsOf(parameters.getAll("t")),
    pictures: keys.map(pictureOf).filter(Boolean),
    show: choiceOf(parameters, "show", "cosine", k_shows.map((one) => one.name)),
  };
}
