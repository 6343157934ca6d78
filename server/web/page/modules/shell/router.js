// The view and its state live in the URL's hash: #/search?q=a+red+house&k=5. A reload, the back button and a shared
// link all give the same view. What stands there is typed by anyone: views read it with the functions below, which
// give a default for what makes no sense.
import { useEffect, useState } from "/page/vendored/preact-htm.js";

/** {view, parameters: URLSearchParams} of a hash; the view is "" if there is none. */
export function parse(hash) {
  const text = hash.replace(/^#\/?/, "");
  const mark = text.indexOf("?");
  const view = mark < 0 ? text : text.slice(0, mark);
  return { view, parameters: new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)) };
}

/** The hash of a view. Members of `state` that are undefined, null, "" or [] are left out; lists repeat their name. */
export function format(view, state = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") parameters.append(name, String(one));
    }
  }
  const query = parameters.toString();
  return "#/" + view + (query ? "?" + query : "");
}

/** Goes to a view; with `replace` without a step in the history. */
export function go(view, state = {}, { replace = false } = {}) {
  const hash = format(view, state);
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  dispatchEvent(new Event("sightline:location"));
}

/** The parameters that the URL has at this moment. What answers later than it was asked (a timer, a picture that was read) reads them here. */
export const parametersNow = () => parse(location.hash).parameters;

/** The state that `parameters` hold, with `changes`; undefined leaves a member out. */
export function changed(parameters, changes) {
  const state = {};
  for (const name of parameters.keys()) state[name] = parameters.getAll(name);
  return { ...state, ...changes };
}

/** Changes some of the state of `view` as the URL has it at this moment; does nothing in another view. Options as of go(). */
export function change(view, changes, options) {
  if (parse(location.hash).view === view) go(view, changed(parametersNow(), changes), options);
}

/** The place that the URL names, anew whenever it changes. */
export function useLocation() {
  const [place, setPlace] = useState(() => parse(location.hash));
  useEffect(() => {
    const follow = () => setPlace(parse(location.hash));
    addEventListener("hashchange", follow);
    addEventListener("popstate", follow);
    addEventListener("sightline:location", follow);
    return () => {
      removeEventListener("hashchange", follow);
      removeEventListener("popstate", follow);
      removeEventListener("sightline:location", follow);
    };
  }, []);
  return place;
}

/** A number within [least, most], or `standard`. */
export function numberOf(parameters, name, standard, least, most) {
  const text = parameters.get(name);
  if (text === null || text.trim() === "") return standard;
  const value = Number(text);
  return Number.isFinite(value) && value >= least && value <= most ? value : standard;
}

/** A whole number within [least, most], or `standard`. */
export function wholeNumberOf(parameters, name, standard, least, most) {
  const value = numberOf(parameters, name, standard, least, most);
  return Number.isInteger(value) ? value : standard;
}

/** One of `choices`, or `standard`. */
export function choiceOf(parameters, name, standard, choices) {
  const value = parameters.get(name);
  return choices.includes(value) ? value : standard;
}

/** The first `most` UTF-16 units of a text; one less where they would end with half a character. */
export function cutTo(text, most) {
  return text.slice(0, most).replace(/[\ud800-\udbff]$/, "");
}

/** A text of at most `most` UTF-16 units. */
export function textOf(parameters, name, most = 4096) {
  return cutTo(parameters.get(name) ?? "", most);
}
