// The run of adding that is under way. It goes on while the user looks at other views, and ends with the page.
import { useEffect, useReducer } from "/page/vendored/preact-htm.js";
import { toast } from "../parts/toasts.js";
import { Adding } from "./adding.js";
import { announceChange } from "./deletion.js";

let current;
const tell = () => dispatchEvent(new Event("sightline:adding"));
/** True while a run goes on or is paused. */
export const isAdding = () => current?.phase === "running" || current?.phase === "paused";
addEventListener("beforeunload", (event) => { if (isAdding()) event.preventDefault(); });

/** Begins a run: see Adding. unread: [{name, reason}] of files that could not even be opened. */
export async function beginAdding(what, unread = []) {
  const run = new Adding(what, tell);
  current = run;
  run.failures.push(...unread.map((one) => ({ ...one, index: "" })));
  tell();
  try {
    await run.start();
  } finally {
    tell();
    if (run.added > 0) announceChange(run.targets.map((one) => one.index));
  }
  if (run.phase === "finished" && !document.querySelector(".add-dialog")) toast(summaryOf(run), { seconds: 8 });
}

/** Forgets a run that has ended; with `unlessFailed` only one that has nothing to report. */
export function forgetAdding({ unlessFailed = false } = {}) {
  if (unlessFailed && current?.failures.length > 0) return;
  if (!isAdding()) current = undefined;
  tell();
}

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** What a run did, in a sentence. */
export function summaryOf({ added, present, failures }) {
  const parts = [`${count(added, "document", "documents")} added`];
  if (present > 0) parts.push(`${present} already there`);
  if (failures.length > 0) parts.push(`${failures.length} failed`);
  return parts.join(", ") + ".";
}

/** The run that is under way or ended last, drawn anew as it moves; undefined if there is none. */
export function useAdding() {
  const [, draw] = useReducer((number) => number + 1, 0);
  useEffect(() => {
    let frame = 0;
    const later = () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };
    addEventListener("sightline:adding", later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("sightline:adding", later);
    };
  }, []);
  return current;
}
