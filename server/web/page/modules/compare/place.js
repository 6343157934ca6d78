// Links within this view: they keep what the URL says of the rest.
import { format, go } from "../shell/router.js";

/** The state that `parameters` hold, with `changes`; undefined leaves a member out. */
function changed(parameters, changes) {
  const state = {};
  for (const name of parameters.keys()) state[name] = parameters.getAll(name);
  return { ...state, ...changes };
}

/** The address of this view with some of its state changed. */
export const linkTo = (parameters, changes) => format("compare", changed(parameters, changes));

/** Goes there. `replace`: without a step in the history, as for what is being typed. */
export const change = (parameters, changes, options) => go("compare", changed(parameters, changes), options);
