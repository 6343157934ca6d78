// The console's text: requests as Kibana's Dev Tools has them. Nothing here needs a browser.
//
//   GET clip-images/_search      a method and a path
//   { "size": 3 }                then a body, or several (one a line is sent of each)
//   # a comment                  // another
import { lineEnd, readValue, skipBlanks, strictJson } from "./json.js";

export const k_methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"];

const k_head = /^[ \t]*(GET|POST|PUT|DELETE|HEAD|PATCH)(?:[ \t]+([^\n]*))?$/i;
const k_unsafe = /[^\x21-\x7e]|[\\#"<>^`{|}]/gu;

/** The path of a request line: without a comment behind it, without slashes before it. */
function pathOf(rest) {
  const comment = /(?:^|[ \t])(?:#|\/\/).*$/.exec(rest);
  return (comment ? rest.slice(0, comment.index) : rest).trim();
}

/** The path as it is sent: nothing in it can end it or change its meaning. */
export function sentPath(path) {
  return path.replace(/^\/+/, "").replace(k_unsafe, (one) => encodeURIComponent(one));
}

function pathProblem(path) {
  if (path === "") return "expected a path after the method, for example clip-images/_search";
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return "expected only a path: requests go to Sightline's Elasticsearch side";
  if (/^kbn:/i.test(path)) return "kbn: is Kibana's own interface; requests here go to Elasticsearch";
  const segments = path.split("?")[0].split("/");
  if (segments.some((one) => /^(?:\.|%2e){1,2}$/i.test(one))) return "a path must not have '.' or '..' between slashes";
  return undefined;
}

/** True for the paths whose bodies are lines of JSON. */
export function takesLines(path) {
  const segments = path.split("?")[0].split("/").filter(Boolean);
  const last = segments.at(-1);
  return last === "_bulk" || last === "_msearch" || (last === "template" && segments.at(-2) === "_msearch");
}

/** Where the next line that begins a request begins, at or after the line break before `at`; the end of the text if none. */
function nextHead(text, at) {
  while (at < text.length) {
    const end = lineEnd(text, at);
    if (k_head.test(text.slice(at, end))) return at;
    at = end + 1;
  }
  return text.length;
}

function readHead(text, from) {
  const end = lineEnd(text, from);
  const line = text.slice(from, end);
  const [, method, rest = ""] = k_head.exec(line);
  const path = pathOf(rest.replace(/\r$/, ""));
  const methodFrom = from + line.search(/\S/);
  const pathFrom = path === "" ? methodFrom + method.length : from + line.indexOf(path, methodFrom - from + method.length);
  const message = pathProblem(path);
  const problems = message ? [{ from: path === "" ? methodFrom : pathFrom, to: pathFrom + path.length, message }] : [];
  return { method: method.toUpperCase(), path, from: methodFrom, methodTo: methodFrom + method.length, pathFrom, pathTo: pathFrom + path.length, headTo: end, problems };
}

/** The values after a request line, up to the next one. */
function readBodies(text, at, problems) {
  const values = [];
  for (;;) {
    const from = skipBlanks(text, at);
    const lineStart = text.lastIndexOf("\n", from - 1) + 1;
    if (from >= text.length || k_head.test(text.slice(lineStart, lineEnd(text, from)))) return { values, next: Math.min(from, text.length) };
    if (text[from] !== "{" && text[from] !== "[") {
      problems.push({ from, to: lineEnd(text, from), message: "expected a request such as GET clip-images/_search, a body in { }, or a comment after #" });
      at = nextHead(text, lineEnd(text, from) + 1);
      continue;
    }
    const value = readValue(text, from);
    problems.push(...value.problems);
    if (value.compact === undefined) at = nextHead(text, lineEnd(text, value.problems.at(-1).from) + 1);
    else at = value.to;
    values.push(value);
  }
}

/** What is sent as the body: {body, contentType}, or {} without one. */
function bodyOf(text, path, values) {
  if (values.length === 0 || values.some((one) => one.compact === undefined)) return {};
  if (values.length > 1 || takesLines(path)) {
    return { body: values.map((one) => one.compact + "\n").join(""), contentType: "application/x-ndjson" };
  }
  return { body: strictJson(text.slice(values[0].from, values[0].to)), contentType: "application/json" };
}

/**
 * All requests of `text`: {requests, problems}. A request is {method, path, line (from 1), from, to, methodTo, pathFrom,
 * pathTo, headTo, values: [{from, to, compact}], body, contentType, problems}. Problems are {from, to, message}; a request
 * with problems is not to be sent.
 */
export function parseConsole(text) {
  const requests = [];
  const problems = [];
  let at = 0, line = 1, counted = 0;
  while ((at = skipBlanks(text, at)) < text.length) {
    const lineStart = text.lastIndexOf("\n", at - 1) + 1;
    if (!k_head.test(text.slice(lineStart, lineEnd(text, at)))) {
      problems.push({ from: at, to: lineEnd(text, at), message: "expected a request, for example GET clip-images/_search" });
      at = nextHead(text, lineEnd(text, at) + 1);
      continue;
    }
    const head = readHead(text, lineStart);
    const { values, next } = readBodies(text, head.headTo, head.problems);
    for (; counted < head.from; ++counted) if (text[counted] === "\n") ++line;
    const to = Math.max(head.headTo, ...values.map((one) => one.to));
    requests.push({ ...head, line, to, values, ...bodyOf(text, head.path, values) });
    problems.push(...head.problems);
    at = next;
  }
  return { requests, problems };
}

/** The request that the place `at` is in, or the last one before it; undefined: there is none. */
export function requestAt(requests, at) {
  return requests.findLast((one) => one.from <= at) ?? requests[0];
}
