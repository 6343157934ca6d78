// Running requests: the answers so far, and the means to stop.
import { useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { runAll } from "./run.js";

let number = 0;

/** Which answer to open when a run is over: the first that failed, else the last. */
function worthOpening(entries) {
  const failed = entries.find(({ request, answer }) => ["failed", "refused"].includes(answer.state) || (answer.state === "done" && !answer.ok && request.method !== "HEAD"));
  return (failed ?? entries.at(-1))?.number;
}

/** {entries, running, open, setOpen, start(requests, {goOn, lineOf}), stop()}; start() gives a promise of the entries. */
export function useRun() {
  const [entries, setEntries] = useState([]);
  const [running, setRunning] = useState(false);
  const [open, setOpen] = useState();
  const abort = useRef(null);
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
      abort.current?.abort();
    };
  }, []);

  const start = async (requests, { goOn, lineOf }) => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    let list = requests.map((request) => ({ number: ++number, request, answer: { state: "waiting" } }));
    const wanted = () => alive.current && abort.current === own;
    setEntries(list);
    setOpen(list[0]?.number);
    setRunning(true);
    await runAll(requests, {
      signal: own.signal, goOn, lineOf,
      report(place, answer) {
        list = list.map((one, at) => (at === place ? { ...one, answer } : one));
        if (wanted()) setEntries(list);
      },
    });
    if (!wanted()) return [];
    setRunning(false);
    setOpen(worthOpening(list));
    return list;
  };
  return { entries, running, open, setOpen, start, stop: () => abort.current?.abort() };
}
