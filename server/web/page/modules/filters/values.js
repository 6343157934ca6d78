// What a user chose in the facets: {FIELD: ["red", "blue"]} and {FIELD: {min, max}}; as parameters of the URL and as queries.

const k_most = 200; // values that are read from a URL

const isRange = (value) => value !== undefined && !Array.isArray(value);
const isDay = (value) => /^\d{4}-\d\d-\d\d$/.test(value);

/** A bound as Elasticsearch reads it: a day, or a number with all its digits ("+.5" is "0.5", "5." is "5"); undefined for what is neither. */
function boundOf(text) {
  const trimmed = text.trim();
  if (isDay(trimmed)) return trimmed;
  const [, minus, whole = "", part = "", power = ""] = /^(?:(-)|\+)?(\d+)?(?:\.(\d*))?(e[+-]?\d+)?$/i.exec(trimmed) ?? [];
  if ((whole === "" && part === "") || !Number.isFinite(Number(trimmed))) return undefined;
  return `${minus ?? ""}${whole || "0"}${part && `.${part}`}${power}`;
}

/** Fields of terms whose names read like the end of a range have ".is" behind them in the URL. */
const readsAsEnd = (field) => /\.(?:min|max|is)$/.test(field);

/** A field's name as people write it: "wall_color.keyword" is "Wall color". */
export function labelOf(path) {
  const words = path.replace(/\.keyword$/, "").replace(/[_.]+/g, " ").trim();
  return words ? words[0].toUpperCase() + words.slice(1) : path;
}

/** The choices that the URL's parameters hold: "f.FIELD=value" or "f.FIELD.is=value", repeated, and "f.FIELD.min=", "f.FIELD.max=". */
export function facetValuesOf(parameters) {
  const values = {};
  for (const [name, text] of [...parameters].slice(0, k_most)) {
    if (!name.startsWith("f.") || name.length < 3) continue;
    const [, field, end] = /^f\.(.+)\.(min|max|is)$/.exec(name) ?? [undefined, name.slice(2), "is"];
    const known = values[field];
    if (end === "is") {
      if (!isRange(known) && !known?.includes(text)) values[field] = [...(known ?? []), text];
    } else {
      const bound = boundOf(text);
      if (bound !== undefined && !Array.isArray(known)) values[field] = { ...known, [end]: bound };
    }
  }
  return values;
}

/** The same as members of a view's state, for format() and go(). */
export function facetState(values) {
  const state = {};
  for (const [field, value] of Object.entries(values)) {
    if (isRange(value)) {
      state[`f.${field}.min`] = value.min;
      state[`f.${field}.max`] = value.max;
    } else {
      state[`f.${field}${readsAsEnd(field) ? ".is" : ""}`] = value;
    }
  }
  return state;
}

const k_day = 24 * 60 * 60 * 1000;
/** True if a date field reads milliseconds, as those that Elasticsearch maps by itself for "2020/01/31": its other formats may read no ISO dates. */
const readsMilliseconds = (format = "") => format.split("||").includes("epoch_millis");

/**
 * One Elasticsearch query for each field with a choice, to be used as filters in an index with these `fields` (those of its
 * collection).
 */
export function filterClauses(values, fields = {}) {
  return Object.entries(values).map(([field, value]) => {
    if (!isRange(value)) return { terms: { [field]: value } };
    const inMilliseconds = readsMilliseconds(fields[field]?.format);
    const range = {};
    if (value.min !== undefined) range.gte = inMilliseconds && isDay(value.min) ? Date.parse(value.min) : value.min;
    if (value.max !== undefined) range.lte = inMilliseconds && isDay(value.max) ? Date.parse(value.max) + k_day - 1 : value.max;
    return { range: { [field]: range } };
  });
}

/** `values` with `value` for a field; undefined, [] and {} take the field out. */
export function withValue(values, field, value) {
  const next = { ...values };
  const empty = Array.isArray(value) ? value.length === 0 : value?.min === undefined && value?.max === undefined;
  if (empty) delete next[field];
  else next[field] = value;
  return next;
}

/** How many choices there are. */
export function countOf(values) {
  return Object.values(values).reduce((sum, value) => sum + (isRange(value) ? 1 : value.length), 0);
}
