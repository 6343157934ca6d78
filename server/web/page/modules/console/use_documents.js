// Which text is open, and what becomes of its changes.
import { useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { toast } from "../parts/toasts.js";
import { go, textOf } from "../shell/router.js";
import { fileNames, fileText, freeName, keepEdits, keepScratches, keptEdits, keptScratches } from "./documents.js";
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
  const name = same ?? freeName("Opened request", Object.keys(scratches));
  if (!same) store({ ...scratches, [name]: text });
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
 * {files, problem, document, text, error, edited, scratches, edits, version, change(text), restore(), add(name, text),
 * rename(name), remove()}. text is undefined while it loads; `version` changes when it was replaced from outside the editor.
 */
export function useDocuments(parameters) {
  const [scratches, setScratches] = useState(keptScratches);
  const [edits, setEdits] = useState(keptEdits);
  const [version, setVersion] = useState(0);
  const warned = useRef(false);
  const document = named(parameters, scratches);
  const original = useFileText(document);
  const remember = (done) => {
    if (done !== false || warned.current) return;
    warned.current = true;
    toast("This browser has no space left for your requests: export those you need.");
  };
  const storeScratches = (next) => { setScratches(next); remember(keepScratches(next)); };
  const storeEdits = (next) => { setEdits(next); remember(keepEdits(next)); };
  useEffect(() => takePassedIn(parameters, scratches, storeScratches), [parameters.get("request")]);

  const isFile = document.kind === "file";
  const edited = isFile && Object.hasOwn(edits, document.name);
  const without = (map, name) => Object.fromEntries(Object.entries(map).filter(([one]) => one !== name));
  const add = (wanted, text) => {
    const name = freeName(wanted, Object.keys(scratches));
    storeScratches({ ...scratches, [name]: text });
    go("console", { scratch: name });
  };
  return {
    ...useFiles(), document, scratches, edits, edited, version, add, error: original.error,
    text: isFile ? (edited ? edits[document.name] : original.text) : scratches[document.name],
    change(text) {
      if (!isFile) return storeScratches({ ...scratches, [document.name]: text });
      if (original.text === undefined && !edited) return undefined;
      return storeEdits(text === original.text ? without(edits, document.name) : { ...edits, [document.name]: text });
    },
    restore() {
      storeEdits(without(edits, document.name));
      setVersion(version + 1);
    },
    rename(wanted) {
      const others = Object.keys(scratches).filter((one) => one !== document.name);
      const name = freeName(wanted, others);
      storeScratches(Object.fromEntries(Object.entries(scratches).map(([one, text]) => [one === document.name ? name : one, text])));
      go("console", { scratch: name }, { replace: true });
    },
    remove() {
      const before = scratches;
      const left = without(scratches, document.name);
      const name = document.name;
      storeScratches(left);
      if (Object.keys(left).length === 0) setScratches(keptScratches());
      go("console", {}, { replace: true });
      toast(`${name} is deleted.`, { action: { title: "Undo", run: () => { storeScratches(before); go("console", { scratch: name }); } } });
    },
  };
}
