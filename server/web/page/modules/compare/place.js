// Links within this view: they keep what the URL says of the rest.
import { change as changeView, changed, format } from "../shell/router.js";

/** The address of this view with some of its state changed. */
export const linkTo = (parameters, changes) => format("compare", changed(parameters, changes));

/** Changes some of this view's state as the URL has it at this moment. `replace`: without a step in the history, as for what is being typed. */
export const change = (changes, options) => changeView("compare", changes, options);
