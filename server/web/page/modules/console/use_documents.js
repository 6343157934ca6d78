// Which text is open, and what becomes of its changes.
import { useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { toast } from "../parts/toasts.js";
import { go, textOf } from "../shell/router.js";
import { fileNames, fileText, freeName, keepEdits, keepScratches, keptEdits, keptScratches, storedScratches } from "./documents.js";
import { fromBase64Url } from "./link.js";

/** The document that the URL names: {kind: "file" | "scratch", name}. */
function named(parameters, scratches) {
  const file = textOf(parameters, "file", 200);
  if (file) return { kind: "file", name: file };
  const scratch = textOf(parameters, "scratch", 200);
  return { kind: "scratch", name: Object.hasOwn(scratches, scratch) ? scratch : Object.keys(scratches)[0] };
}

/** A request passed in by a link becomes a scratch, once. */
function takePassedIn(parameters, scratches, store) {
  const encoded = parameters.get("request");
  if (encoded === null) return;
  const text = fromBase64Url(encoded);
  if (text === undefined || text.trim() === "") {
    toast("The link contains no valid request: it may have been truncated.");
    return go("console", {}, { replace: true });
  }
  const same = Object.keys(scratches).find((name) => scratches[name] === text);
  const name = same ?? freeName("Opened request", Object.keys({ ...keptScratches(), ...scratches }));
  if (!same) store((all) => ({ ...all, [name]: text }));
  go("console", { scratch: name }, { replace: true });
}

function useFiles() {
  const [files, setFiles] = useState();
  const [problem, setProblem] = useState();
  useEffect(() => {
    const abort = new AbortController();
    fileNames(abort.signal).then(setFiles, (error) => abort.signal.aborted || setProblem(error));
    return () => abort.abort();
  }, []);
  return { files, problem };
}

/** The server's text of a file: {name, text} or {name, error}; {} while it loads, and for scratches. */
function useFileText(document) {
  const [loaded, setLoaded] = useState({});
  useEffect(() => {
    if (document.kind !== "file") return undefined;
    const abort = new AbortController();
    fileText(document.name, abort.signal).then(
      (text) => setLoaded({ name: document.name, text }),
      (error) => abort.signal.aborted || setLoaded({ name: document.name, error }),
    );
    return () => abort.abort();
  }, [document.kind, document.name]);
  return document.kind === "file" && loaded.name === document.name ? loaded : {};
}

/**
 * [texts, store(change)]: change(texts) gives the texts that are to be. It is applied to what the browser stores at that moment: another
 * tab may have stored its own. What cannot be stored stays in this tab, `onFull()` is called, and it is tried again with the next change.
 */
function useStored(read, write, onFull) {
  const [texts, setTexts] = useState(read);
  const latest = useRef(texts);
  const unsaved = useRef(false);
  const store = (change) => {
    let next = change(unsaved.current ? { ...read(), ...latest.current } : read());
    unsaved.current = write(next) === false;
    if (unsaved.current) {
      next = change(latest.current);
      onFull();
    }
    latest.current = Object.keys(next).length > 0 ? next : read();
    setTexts(latest.current);
  };
  return [texts, store];
}

const without = (map, name) => Object.fromEntries(Object.entries(map).filter(([one]) => one !== name));

/** The map with `name` called `wanted`, at the same place. */
const renamed = (map, name, wanted) => Object.fromEntries(Object.entries(map).map(([one, text]) => [one === name ? wanted : one, text]));

/**
 * {files, problem, document, text, error, edited, scratches, edits, version, change(text), restore(), add(name, text),
 * rename(name), remove()}. text is undefined while it loads; `version` changes when it was replaced from outside the editor.
 */
export function useDocuments(parameters) {
  const warned = useRef(false);
  const warn = () => {
    if (warned.current) return;
    warned.current = true;
    toast("This browser has no space left for your requests: export those you need.");
  };
  const [scratches, storeScratches] = useStored(keptScratches, keepScratches, warn);
  const [edits, storeEdits] = useStored(keptEdits, keepEdits, warn);
  const [version, setVersion] = useState(0);
  const document = named(parameters, scratches);
  const original = useFileText(document);
  useEffect(() => takePassedIn(parameters, scratches, storeScratches), [parameters.get("request")]);

  const isFile = document.kind === "file";
  const edited = isFile && Object.hasOwn(edits, document.name);
  const taken = () => Object.keys({ ...keptScratches(), ...scratches }); // in this tab or another
  const add = (wanted, text) => {
    const name = freeName(wanted, taken());
    storeScratches((all) => ({ ...all, [name]: text }));
    go("console", { scratch: name });
  };
  return {
    ...useFiles(), document, scratches, edits, edited, version, add, error: original.error,
    text: isFile ? (edited ? edits[document.name] : original.text) : scratches[document.name],
    change(text) {
      if (!isFile) return storeScratches((all) => ({ ...all, [document.name]: text }));
      if (original.text === undefined && !edited) return undefined;
      return storeEdits((all) => (text === original.text ? without(all, document.name) : { ...all, [document.name]: text }));
    },
    restore() {
      storeEdits((all) => without(all, document.name));
      setVersion(version + 1);
    },
    rename(wanted) {
      const name = freeName(wanted, taken().filter((one) => one !== document.name));
      storeScratches((all) => renamed({ ...all, [document.name]: scratches[document.name] }, document.name, name));
      go("console", { scratch: name }, { replace: true });
    },
    remove() {
      const { name } = document;
      const text = scratches[name];
      storeScratches((all) => without(all, name));
      go("console", {}, { replace: true });
      const undo = () => {
        const back = Object.hasOwn(storedScratches(), name) ? freeName(name, Object.keys(storedScratches())) : name;
        storeScratches((all) => ({ ...all, [back]: text }));
        go("console", { scratch: back });
      };
      toast(`${name} is deleted.`, { action: { title: "Undo", run: undo } });
    },
  };
}
